// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstdint>

#include "phalanx/net/ip.hpp"

namespace phalanx::ipsec {

// RFC 6040 4.2, figure 4: the ECN field that leaves a tunnel, from inner (row) and outer (column).
// The ingress side is "normal mode" (4.1): the inner field is copied out.
inline constexpr std::uint8_t kEcnDrop = 0xff;
inline constexpr std::array<std::array<std::uint8_t, 4>, 4> kEcnOnExit = {{
    // outer: Not-ECT       ECT(1)            ECT(0)            CE
    {net::kEcnNotEct, net::kEcnNotEct, net::kEcnNotEct, kEcnDrop},  // inner Not-ECT
    {net::kEcnEct1, net::kEcnEct1, net::kEcnEct1, net::kEcnCe},     // inner ECT(1)
    {net::kEcnEct0, net::kEcnEct1, net::kEcnEct0, net::kEcnCe},     // inner ECT(0)
    {net::kEcnCe, net::kEcnCe, net::kEcnCe, net::kEcnCe},           // inner CE
}};

// Writes a new ECN field into a good IP header and keeps an IPv4 checksum right (RFC 1624).
void write_ecn(std::uint8_t* ip, std::uint8_t version, std::uint8_t ecn) noexcept;

}  // namespace phalanx::ipsec
