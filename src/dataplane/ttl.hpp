// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "phalanx/base/bytes.hpp"
#include "phalanx/net/ip.hpp"

namespace phalanx::dataplane {

// One hop further, RFC 1812 5.3.1: TTL or hop limit minus one, the IPv4 checksum with it (RFC 1624:
// the word that holds the TTL lost 0x0100). The caller has checked that it is above 1. The result
// is what a new computation gives: never 0xffff, the zero that RFC 1141 could leave behind.
inline void decrement_ttl(std::uint8_t* l3, std::uint8_t version) noexcept {
  if (version == 4) {
    // TTL, protocol and checksum as one word, first byte lowest. A one's complement sum is the same
    // in either byte order (RFC 1071 2), so that 0x0100 is 1 here.
    constexpr auto kAt = offsetof(net::Ipv4Header, ttl);
    static_assert(offsetof(net::Ipv4Header, checksum) == kAt + 2 &&
                  std::endian::native == std::endian::little);
    std::uint32_t word;
    std::memcpy(&word, l3 + kAt, sizeof(word));
    std::uint32_t sum = (word >> 16) + 1;
    sum += sum >= 0xffff ? 1 : 0;
    word = ((word & 0xffff) - 1) | sum << 16;
    std::memcpy(l3 + kAt, &word, sizeof(word));
    return;
  }
  --base::wire_at<net::Ipv6Header>(l3)->hop_limit;
}

}  // namespace phalanx::dataplane
