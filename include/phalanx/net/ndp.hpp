// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "phalanx/base/endian.hpp"
#include "phalanx/base/result.hpp"
#include "phalanx/net/address.hpp"
#include "phalanx/net/ethernet.hpp"
#include "phalanx/net/icmp.hpp"
#include "phalanx/net/ip.hpp"

namespace phalanx::net {

// RFC 4861 4.3 and 4.4: both messages look alike.
// |     Type      |     Code      |          Checksum             |
// |R|S|O|                     Reserved                            |
// |                  Target address (128 bits)                    |
struct NeighborDiscoveryHeader {
  std::uint8_t type;
  std::uint8_t code;
  base::be16 checksum;
  base::be32 flags;  // advertisement only
  std::array<std::uint8_t, 16> target;
  // followed by: options

  static constexpr std::uint32_t kRouter = 0x80000000;
  static constexpr std::uint32_t kSolicited = 0x40000000;
  static constexpr std::uint32_t kOverride = 0x20000000;
};
static_assert(sizeof(NeighborDiscoveryHeader) == 24 && alignof(NeighborDiscoveryHeader) == 1);

// RFC 4861 4.6.1: source or target link-layer address of an Ethernet.
struct LinkLayerOption {
  std::uint8_t type;
  std::uint8_t length;  // units of 8 bytes: 1
  MacAddress mac;

  static constexpr std::uint8_t kSource = 1;
  static constexpr std::uint8_t kTarget = 2;
};
static_assert(sizeof(LinkLayerOption) == 8 && alignof(LinkLayerOption) == 1);

// A neighbor discovery message has this hop limit, so no router can have passed it on.
inline constexpr std::uint8_t kNdpHopLimit = 255;

enum class NdpKind : std::uint8_t { Solicitation, Advertisement };

struct NdpMessage {
  NdpKind kind = NdpKind::Solicitation;
  IpAddress source;
  IpAddress destination;
  IpAddress target;
  bool router = false;
  bool solicited = false;
  bool override_cache = false;
  std::optional<MacAddress> link_layer;  // source option of a solicitation, target of the other
};

// Which check of RFC 4861 7.1.1 and 7.1.2 a message fails.
enum class NdpFault : std::uint8_t {
  NotNeighborDiscovery,  // no solicitation or advertisement, or behind extension headers
  Truncated,
  BadHopLimit,
  BadChecksum,
  BadCode,
  BadTarget,       // multicast
  BadOption,       // length 0 or past the end, or a group MAC
  BadDestination,  // solicitation from :: not to a solicited-node group; S to a group
  BadSource,       // solicitation from :: with a link-layer option; group source
};
inline constexpr std::size_t kNumNdpFaults = 9;

// Parses an IPv6 packet that starts with its header; bytes behind its payload length are ignored.
[[nodiscard]] base::Result<NdpMessage, NdpFault> parse_ndp(
    std::span<const std::byte> packet) noexcept;

// Writes a whole untagged frame with the link-layer option; without it when `link_layer` is empty.
inline constexpr std::size_t kMaxNdpFrameBytes = sizeof(EthernetHeader) + sizeof(Ipv6Header) +
                                                 sizeof(NeighborDiscoveryHeader) +
                                                 sizeof(LinkLayerOption);
struct NdpFrame {
  std::array<std::byte, kMaxNdpFrameBytes> bytes{};
  std::size_t length = 0;
  [[nodiscard]] std::span<const std::byte> span() const noexcept {
    return std::span(bytes).first(length);
  }
};
[[nodiscard]] NdpFrame write_ndp_frame(const MacAddress& source_mac,
                                       const MacAddress& destination_mac,
                                       const NdpMessage& message) noexcept;

// ff02::1:ffXX:XXXX, RFC 4291 2.7.1.
[[nodiscard]] IpAddress solicited_node(const IpAddress& address) noexcept;
// 33:33 and the last four bytes, RFC 2464 7.
[[nodiscard]] MacAddress multicast_mac(const IpAddress& group) noexcept;
// fe80::/64 with the modified EUI-64 of a MAC, RFC 4291 appendix A.
[[nodiscard]] IpAddress link_local_address(const MacAddress& mac) noexcept;
[[nodiscard]] IpAddress all_nodes() noexcept;  // ff02::1

}  // namespace phalanx::net
