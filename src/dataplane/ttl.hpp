// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>

#include "phalanx/base/bytes.hpp"
#include "phalanx/net/ip.hpp"

namespace phalanx::dataplane {

// One hop further, RFC 1812 5.3.1: TTL or hop limit minus one, the IPv4 checksum with it (RFC 1624:
// the word that holds the TTL lost 0x0100). The caller has checked that it is above 1. The result
// is what a new computation gives: never 0xffff, the zero that RFC 1141 could leave behind.
inline void decrement_ttl(std::uint8_t* l3, std::uint8_t version) noexcept {
  if (version == 4) {
    auto* header = base::wire_at<net::Ipv4Header>(l3);
    --header->ttl;
    std::uint32_t sum = header->checksum.host() + 0x0100U;
    sum += sum >= 0xffff ? 1 : 0;
    header->checksum = base::be16(static_cast<std::uint16_t>(sum));
    return;
  }
  --base::wire_at<net::Ipv6Header>(l3)->hop_limit;
}

}  // namespace phalanx::dataplane
