// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "phalanx/base/result.hpp"
#include "phalanx/ipsec/algorithm.hpp"
#include "phalanx/ipsec/sa_params.hpp"
#include "phalanx/net/address.hpp"

namespace phalanx::bench {

// What one measurement sends, from the environment variable PHALANX_BENCH: "name=value,...". The
// same text goes to the daemon, the floor and the limit, so that all three see equal packets.
struct Plan {
  ipsec::Direction direction = ipsec::Direction::Outbound;
  ipsec::EspAlgorithm algorithm = ipsec::EspAlgorithm::Aes128Gcm16;
  std::uint32_t inner_bytes = 64;  // inner IPv4 packet, 28..9000
  std::uint32_t sas = 1;           // tunnels, 1..65 536
  std::uint32_t buffers = 1024;    // packets a round, 32..65 536
  std::uint32_t rounds = 100;      // timed rounds
  std::uint32_t warmup = 5;        // rounds before them; their packets are opened and compared
  bool flush = false;              // packets begin in memory, as after DMA, not in our cache
  bool order = false;              // watch in which order packets leave; costs half a nanosecond
  bool check = true;               // false: what comes out is not a finished packet (floor, limit)
  std::string result;              // file for the figures; "-" is standard output
};

base::Result<Plan, std::string> parse_plan(std::string_view text);

// ---- names and numbers that the generated configuration shares with the packets ----------------
inline constexpr std::string_view kPrivateDevice = "net_null0";
inline constexpr std::string_view kPublicDevice = "net_null1";
inline constexpr net::MacAddress kPrivateMac{{0x02, 0, 0, 0, 1, 1}};
inline constexpr net::MacAddress kPrivateNeighborMac{{0x02, 0, 0, 0, 1, 2}};
inline constexpr net::MacAddress kPublicMac{{0x02, 0, 0, 0, 2, 1}};
inline constexpr net::MacAddress kPublicNeighborMac{{0x02, 0, 0, 0, 2, 2}};
inline constexpr std::array<std::uint8_t, 4> kTunnelLocal = {192, 0, 2, 1};
inline constexpr std::uint32_t kInboundSpi = 0x0020'0000;   // plus the number of the SA
inline constexpr std::uint32_t kOutboundSpi = 0x0010'0000;  // plus the number of the SA

using Ipv4Bytes = std::array<std::uint8_t, 4>;
// The host behind us, the host behind the peer, and the peer, of one tunnel.
[[nodiscard]] Ipv4Bytes private_host(std::uint32_t sa) noexcept;   // 10.32.x.y
[[nodiscard]] Ipv4Bytes remote_host(std::uint32_t sa) noexcept;    // 10.64.x.y
[[nodiscard]] Ipv4Bytes tunnel_remote(std::uint32_t sa) noexcept;  // 172.16.x.y

// Key bytes of an SA: cipher key, salt, HMAC key, in this order. Bytes of splitmix64, so that
// tools/bench writes the same keys into the daemon's configuration.
inline constexpr std::size_t kMaxKeyBytes = 128;
std::array<std::uint8_t, kMaxKeyBytes> key_bytes(ipsec::Direction direction, std::uint32_t sa);

}  // namespace phalanx::bench
