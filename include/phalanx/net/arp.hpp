// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "phalanx/base/endian.hpp"
#include "phalanx/net/address.hpp"
#include "phalanx/net/ethernet.hpp"

namespace phalanx::net {

// RFC 826, for Ethernet and IPv4.
// |         Hardware type         |         Protocol type         |
// | Hw addr length| Pr addr length|           Operation           |
// |                 Sender MAC (6), sender IPv4 (4)               |
// |                 Target MAC (6), target IPv4 (4)               |
struct ArpHeader {
  base::be16 hardware_type;
  base::be16 protocol_type;
  std::uint8_t hardware_length;
  std::uint8_t protocol_length;
  base::be16 operation;
  MacAddress sender_mac;
  std::array<std::uint8_t, 4> sender_address;
  MacAddress target_mac;
  std::array<std::uint8_t, 4> target_address;

  static constexpr std::uint16_t kHardwareEthernet = 1;
};
static_assert(sizeof(ArpHeader) == 28 && alignof(ArpHeader) == 1);

enum class ArpOperation : std::uint16_t { Request = 1, Reply = 2 };

struct ArpMessage {
  ArpOperation operation = ArpOperation::Request;
  MacAddress sender_mac;
  IpAddress sender;  // IPv4
  MacAddress target_mac;
  IpAddress target;
};

// Parses what follows the Ethernet header; padding after it is ignored. nullopt: short, not
// Ethernet and IPv4, another operation, or a group MAC as sender.
[[nodiscard]] std::optional<ArpMessage> parse_arp(std::span<const std::byte> bytes) noexcept;

// Writes a whole untagged frame. The Ethernet source is the sender's MAC.
inline constexpr std::size_t kArpFrameBytes = sizeof(EthernetHeader) + sizeof(ArpHeader);
using ArpFrame = std::array<std::byte, kArpFrameBytes>;
[[nodiscard]] ArpFrame write_arp_frame(const MacAddress& destination,
                                       const ArpMessage& message) noexcept;

}  // namespace phalanx::net
