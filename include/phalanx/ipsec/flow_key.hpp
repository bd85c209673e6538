// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "phalanx/net/icmp.hpp"
#include "phalanx/net/ip.hpp"
#include "phalanx/net/packet_parser.hpp"

namespace phalanx::ipsec {

// What a policy is chosen by (RFC 4301 4.4.1.1), as the packet carries it, and what else makes a
// flow. No padding: comparable with memcmp, usable as a cache key byte for byte. IPv4 addresses
// stand in the first four bytes.
struct FlowKey {
  std::array<std::uint8_t, 16> source{};
  std::array<std::uint8_t, 16> destination{};
  // Host order. Without ports 0; in an ICMP echo message source_port is the identifier and
  // destination_port 1, which tell flows apart and are no ports: has_ports stays 0.
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t protocol = 0;
  std::uint8_t family = 4;  // 4 or 6
  std::uint8_t has_ports =
      0;                  // 0: no port protocol, a non-initial fragment, or cut before the ports
  std::uint8_t side = 0;  // free for whoever keeps keys of several places; make_flow_key leaves 0

  friend bool operator==(const FlowKey& a, const FlowKey& b) noexcept {
    return std::memcmp(&a, &b, sizeof(FlowKey)) == 0;
  }
};
static_assert(sizeof(FlowKey) == 40 && std::is_trivially_copyable_v<FlowKey> &&
              std::has_unique_object_representations_v<FlowKey>);

// The key of a packet that parse_ip_packet found good; `ip` is its first byte.
[[nodiscard]] inline FlowKey make_flow_key(const net::IpView& view,
                                           const std::uint8_t* ip) noexcept {
  FlowKey key;
  if (view.version == 4) {
    std::memcpy(key.source.data(), ip + 12, 4);
    std::memcpy(key.destination.data(), ip + 16, 4);
  } else {
    std::memcpy(key.source.data(), ip + 8, 16);
    std::memcpy(key.destination.data(), ip + 24, 16);
  }
  if (view.has_ports) {
    key.source_port = view.source_port;
    key.destination_port = view.destination_port;
    key.has_ports = 1;
  }
  if (const auto identifier = net::echo_identifier(view, ip)) {
    key.source_port = *identifier;
    key.destination_port = 1;
  }
  key.protocol = view.protocol;
  key.family = view.version;
  return key;
}

// Hash of a key under a seed that outsiders do not know: folded 64x64 multiplications, so that
// collisions cannot be computed without the seed.
[[nodiscard]] inline std::uint64_t hash_flow_key(const FlowKey& key, std::uint64_t seed) noexcept {
  __extension__ using Wide = unsigned __int128;
  std::array<std::uint64_t, 5> word;
  std::memcpy(word.data(), &key, sizeof(key));
  const auto mix = [](std::uint64_t a, std::uint64_t b) noexcept {
    const Wide product = Wide{a} * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  };
  // Odd constants with balanced bits (digits of e and pi), one per word.
  const auto left = mix(word[0] ^ seed, word[1] ^ 0xadf85458a2bb4a9bULL);
  const auto right = mix(word[2] ^ seed ^ 0x243f6a8885a308d3ULL, word[3] ^ 0xafdc5620273d3cf1ULL);
  return mix(left ^ word[4] ^ 0x13198a2e03707345ULL, right ^ seed ^ 0xd8b9c583ce2d3695ULL);
}

}  // namespace phalanx::ipsec
