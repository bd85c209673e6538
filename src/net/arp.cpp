// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/net/arp.hpp"

#include <cstring>

#include "phalanx/base/byte_writer.hpp"
#include "phalanx/base/bytes.hpp"

namespace phalanx::net {

std::optional<ArpMessage> parse_arp(std::span<const std::byte> bytes) noexcept {
  const auto* header = base::view_as<ArpHeader>(bytes);
  if (header == nullptr) return std::nullopt;
  if (header->hardware_type.host() != ArpHeader::kHardwareEthernet ||
      header->protocol_type.host() != kEtherTypeIpv4 ||
      header->hardware_length != sizeof(MacAddress) ||
      header->protocol_length != sizeof(header->sender_address)) {
    return std::nullopt;
  }
  const auto operation = header->operation.host();
  if (operation != static_cast<std::uint16_t>(ArpOperation::Request) &&
      operation != static_cast<std::uint16_t>(ArpOperation::Reply)) {
    return std::nullopt;
  }
  // RFC 1812 3.3.2: a group or broadcast address as sender's MAC must not be believed.
  if (header->sender_mac.is_multicast() || header->sender_mac.is_zero()) return std::nullopt;

  ArpMessage message;
  message.operation = static_cast<ArpOperation>(operation);
  message.sender_mac = header->sender_mac;
  message.sender = IpAddress::v4_from(header->sender_address.data());
  message.target_mac = header->target_mac;
  message.target = IpAddress::v4_from(header->target_address.data());
  return message;
}

ArpFrame write_arp_frame(const MacAddress& destination, const ArpMessage& message) noexcept {
  EthernetHeader ethernet;
  ethernet.destination = destination;
  ethernet.source = message.sender_mac;
  ethernet.ether_type = base::be16(kEtherTypeArp);

  ArpHeader header;
  header.hardware_type = base::be16(ArpHeader::kHardwareEthernet);
  header.protocol_type = base::be16(kEtherTypeIpv4);
  header.hardware_length = sizeof(MacAddress);
  header.protocol_length = sizeof(header.sender_address);
  header.operation = base::be16(static_cast<std::uint16_t>(message.operation));
  header.sender_mac = message.sender_mac;
  std::memcpy(header.sender_address.data(), message.sender.bytes.data(), 4);
  header.target_mac = message.target_mac;
  std::memcpy(header.target_address.data(), message.target.bytes.data(), 4);

  ArpFrame frame;
  base::ByteWriter writer(frame);
  writer.bytes(std::as_bytes(std::span(&ethernet, 1)));
  writer.bytes(std::as_bytes(std::span(&header, 1)));
  return frame;
}

}  // namespace phalanx::net
