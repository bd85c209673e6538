// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <span>

#include "phalanx/base/bytes.hpp"
#include "phalanx/net/address.hpp"
#include "phalanx/net/ip.hpp"

namespace phalanx::control {

struct IpEndpoints {
  net::IpAddress source;
  net::IpAddress destination;
};

// Addresses of a packet that parse_ip_packet has found to be whole.
[[nodiscard]] inline IpEndpoints ip_endpoints(std::span<const std::byte> packet,
                                              net::Family family) noexcept {
  if (family == net::Family::V4) {
    const auto* header = base::view_as<net::Ipv4Header>(packet);
    return {net::IpAddress::v4_from(header->source.data()),
            net::IpAddress::v4_from(header->destination.data())};
  }
  const auto* header = base::view_as<net::Ipv6Header>(packet);
  return {net::IpAddress::v6_from(header->source.data()),
          net::IpAddress::v6_from(header->destination.data())};
}

}  // namespace phalanx::control
