// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <immintrin.h>

#include <array>
#include <cstddef>
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
  std::uint8_t side = 0;  // for the caches of decisions that depend on it; no selector looks at it

  static constexpr std::uint64_t kEcho = 1;  // destination_port of an echo message
  [[nodiscard]] bool is_echo() const noexcept {
    return has_ports == 0 && destination_port == kEcho;
  }

  // In the pieces in which keys are stored (see below); a call of memcmp would load others.
  friend bool operator==(const FlowKey& a, const FlowKey& b) noexcept {
    const auto* left = reinterpret_cast<const std::uint8_t*>(&a);
    const auto* right = reinterpret_cast<const std::uint8_t*>(&b);
    const auto differences = _mm_or_si128(_mm_xor_si128(load16(left), load16(right)),
                                          _mm_xor_si128(load16(left + 16), load16(right + 16)));
    std::uint64_t left_fields;
    std::uint64_t right_fields;
    std::memcpy(&left_fields, left + 32, sizeof(left_fields));
    std::memcpy(&right_fields, right + 32, sizeof(right_fields));
    return _mm_testz_si128(differences, differences) != 0 && left_fields == right_fields;
  }

 private:
  static __m128i load16(const std::uint8_t* from) noexcept {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  }
};
static_assert(sizeof(FlowKey) == 40 && std::is_trivially_copyable_v<FlowKey> &&
              std::has_unique_object_representations_v<FlowKey> &&
              offsetof(FlowKey, source_port) == 32);

// Keys are put together in registers and stored in three pieces. A core commits one store a cycle,
// and a load that spans several younger stores, as a comparison would do, waits until all of them
// have reached the cache (5 ns).

// The last word of a key: ports, protocol, family and side.
[[nodiscard]] constexpr std::uint64_t flow_fields(std::uint8_t family, std::uint8_t protocol,
                                                  std::uint8_t side) noexcept {
  return std::uint64_t{protocol} << 32 | std::uint64_t{family} << 40 | std::uint64_t{side} << 56;
}
[[nodiscard]] constexpr std::uint64_t flow_fields(std::uint16_t source_port,
                                                  std::uint16_t destination_port) noexcept {
  return source_port | std::uint64_t{destination_port} << 16 | std::uint64_t{1} << 48;
}

// The last word of the key of a plain IPv4 packet that is not ICMP; `l4` is the first byte after
// its header.
[[nodiscard]] inline std::uint64_t flow_fields(const net::PlainIpv4& ip, const std::uint8_t* l4,
                                               std::uint8_t side) noexcept {
  const auto fields = flow_fields(4, ip.protocol(), side);
  if (!net::carries_ports(ip.protocol()) || ip.total_length() < sizeof(net::Ipv4Header) + 4) {
    return fields;
  }
  std::uint32_t ports;
  std::memcpy(&ports, l4, sizeof(ports));
  return fields | flow_fields(__builtin_bswap16(static_cast<std::uint16_t>(ports)),
                              __builtin_bswap16(static_cast<std::uint16_t>(ports >> 16)));
}

// Addresses as their bytes stand in the packet.
inline void write_flow_key(FlowKey& key, std::uint32_t source, std::uint32_t destination,
                           std::uint64_t fields) noexcept {
  auto* to = reinterpret_cast<std::uint8_t*>(&key);
  const auto put16 = [to](std::size_t at, std::uint32_t address) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + at),
                     _mm_cvtsi32_si128(static_cast<int>(address)));
  };
  put16(0, source);
  put16(16, destination);
  std::memcpy(to + 32, &fields, sizeof(fields));
}

// The key of a packet that parse_ip_packet found good; `ip` is its first byte.
inline void write_flow_key(FlowKey& key, const net::IpView& view, const std::uint8_t* ip,
                           std::uint8_t side) noexcept {
  auto fields = flow_fields(view.version, view.protocol, side);
  if (view.has_ports) fields |= flow_fields(view.source_port, view.destination_port);
  if (const auto identifier = net::echo_identifier(view, ip)) {
    fields |= *identifier | FlowKey::kEcho << 16;
  }
  if (view.version == 4) {
    std::uint32_t addresses[2];
    std::memcpy(addresses, ip + 12, sizeof(addresses));
    write_flow_key(key, addresses[0], addresses[1], fields);
    return;
  }
  auto* to = reinterpret_cast<std::uint8_t*>(&key);
  std::memcpy(to, ip + 8, 32);
  std::memcpy(to + 32, &fields, sizeof(fields));
}
[[nodiscard]] inline FlowKey make_flow_key(const net::IpView& view,
                                           const std::uint8_t* ip) noexcept {
  FlowKey key;
  write_flow_key(key, view, ip, 0);
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
