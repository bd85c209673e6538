// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/net/ndp.hpp"

#include <cassert>
#include <cstring>

#include "phalanx/base/byte_writer.hpp"
#include "phalanx/base/bytes.hpp"
#include "phalanx/net/checksum.hpp"

namespace phalanx::net {
namespace {

constexpr std::array<std::uint8_t, 13> kSolicitedNodePrefix = {0xff, 2, 0, 0, 0, 0,   0,
                                                               0,    0, 0, 0, 1, 0xff};

// RFC 4861 4.6
struct OptionHeader {
  std::uint8_t type;
  std::uint8_t length;  // units of 8 bytes, this header included
};
static_assert(sizeof(OptionHeader) == 2 && alignof(OptionHeader) == 1);

bool is_solicited_node(const IpAddress& address) noexcept {
  return std::memcmp(address.bytes.data(), kSolicitedNodePrefix.data(),
                     kSolicitedNodePrefix.size()) == 0;
}

// Reads the wanted link-layer option. False: an option is malformed. RFC 4861 4.6: options of other
// types are skipped; of two equal ones the first counts.
bool read_options(std::span<const std::byte> options, std::uint8_t wanted,
                  std::optional<MacAddress>& found) noexcept {
  while (!options.empty()) {
    const auto* header = base::view_as<OptionHeader>(options);
    if (header == nullptr || header->length == 0) return false;
    const std::size_t length = header->length * 8U;
    if (length > options.size()) return false;
    if (header->type == wanted && !found) {
      const auto* option = base::view_as<LinkLayerOption>(options);
      // An Ethernet's option is one unit long (RFC 2464 6).
      if (option == nullptr || length != sizeof(LinkLayerOption)) return false;
      if (option->mac.is_multicast() || option->mac.is_zero()) return false;
      found = option->mac;
    }
    options = options.subspan(length);
  }
  return true;
}

// The checks that depend on the kind, RFC 4861 7.1.1 and 7.1.2, after the common ones.
std::optional<NdpFault> check_addresses(const NdpMessage& message) noexcept {
  if (message.source.is_multicast()) return NdpFault::BadSource;
  if (message.kind == NdpKind::Advertisement) {
    if (message.source.is_unspecified()) return NdpFault::BadSource;
    if (message.solicited && message.destination.is_multicast()) return NdpFault::BadDestination;
    return std::nullopt;
  }
  if (message.source.is_unspecified()) {
    if (!is_solicited_node(message.destination)) return NdpFault::BadDestination;
    if (message.link_layer) return NdpFault::BadSource;
  }
  return std::nullopt;
}

}  // namespace

base::Result<NdpMessage, NdpFault> parse_ndp(std::span<const std::byte> packet) noexcept {
  const auto* ip = base::view_as<Ipv6Header>(packet);
  if (ip == nullptr) return NdpFault::Truncated;
  const std::size_t length = ip->payload_length.host();
  if (length > packet.size() - sizeof(Ipv6Header)) return NdpFault::Truncated;
  const auto body = packet.subspan(sizeof(Ipv6Header), length);
  if (ip->next_header != kProtoIcmpv6 || body.empty()) return NdpFault::NotNeighborDiscovery;
  const auto type = static_cast<std::uint8_t>(body[0]);
  if (type != kIcmpv6NeighborSolicitation && type != kIcmpv6NeighborAdvertisement) {
    return NdpFault::NotNeighborDiscovery;
  }
  const auto* header = base::view_as<NeighborDiscoveryHeader>(body);
  if (header == nullptr) return NdpFault::Truncated;
  if (ip->hop_limit != kNdpHopLimit) return NdpFault::BadHopLimit;

  NdpMessage message;
  message.source = IpAddress::v6_from(ip->source.data());
  message.destination = IpAddress::v6_from(ip->destination.data());
  message.target = IpAddress::v6_from(header->target.data());
  if (!icmp_checksum_ok(message.source, message.destination, body)) return NdpFault::BadChecksum;
  if (header->code != 0) return NdpFault::BadCode;
  if (message.target.is_multicast() || message.target.is_unspecified()) return NdpFault::BadTarget;

  const bool solicitation = type == kIcmpv6NeighborSolicitation;
  message.kind = solicitation ? NdpKind::Solicitation : NdpKind::Advertisement;
  if (!solicitation) {
    const auto flags = header->flags.host();
    message.router = (flags & NeighborDiscoveryHeader::kRouter) != 0;
    message.solicited = (flags & NeighborDiscoveryHeader::kSolicited) != 0;
    message.override_cache = (flags & NeighborDiscoveryHeader::kOverride) != 0;
  }
  const auto wanted = solicitation ? LinkLayerOption::kSource : LinkLayerOption::kTarget;
  if (!read_options(body.subspan(sizeof(*header)), wanted, message.link_layer)) {
    return NdpFault::BadOption;
  }
  if (const auto fault = check_addresses(message)) return *fault;
  return message;
}

NdpFrame write_ndp_frame(const MacAddress& source_mac, const MacAddress& destination_mac,
                         const NdpMessage& message) noexcept {
  const bool solicitation = message.kind == NdpKind::Solicitation;
  EthernetHeader ethernet;
  ethernet.destination = destination_mac;
  ethernet.source = source_mac;
  ethernet.ether_type = base::be16(kEtherTypeIpv6);

  NeighborDiscoveryHeader header{};
  header.type = solicitation ? kIcmpv6NeighborSolicitation : kIcmpv6NeighborAdvertisement;
  header.flags = base::be32((message.router ? NeighborDiscoveryHeader::kRouter : 0) |
                            (message.solicited ? NeighborDiscoveryHeader::kSolicited : 0) |
                            (message.override_cache ? NeighborDiscoveryHeader::kOverride : 0));
  header.target = message.target.bytes;
  LinkLayerOption option{};
  option.type = solicitation ? LinkLayerOption::kSource : LinkLayerOption::kTarget;
  option.length = sizeof(LinkLayerOption) / 8;
  if (message.link_layer) option.mac = *message.link_layer;

  const std::size_t body = sizeof(header) + (message.link_layer ? sizeof(option) : 0);
  Ipv6Header ip{};
  ip.version_class_flow = base::be32(6U << 28);
  ip.payload_length = base::be16(static_cast<std::uint16_t>(body));
  ip.next_header = kProtoIcmpv6;
  ip.hop_limit = kNdpHopLimit;
  ip.source = message.source.bytes;
  ip.destination = message.destination.bytes;

  auto sum = pseudo_header_sum(message.source, message.destination, kProtoIcmpv6,
                               static_cast<std::uint32_t>(body));
  sum = checksum_add(sum, std::as_bytes(std::span(&header, 1)));
  if (message.link_layer) sum = checksum_add(sum, std::as_bytes(std::span(&option, 1)));
  header.checksum = base::be16(checksum_finish(sum));

  NdpFrame frame;
  base::ByteWriter writer(frame.bytes);
  writer.bytes(std::as_bytes(std::span(&ethernet, 1)));
  writer.bytes(std::as_bytes(std::span(&ip, 1)));
  writer.bytes(std::as_bytes(std::span(&header, 1)));
  if (message.link_layer) writer.bytes(std::as_bytes(std::span(&option, 1)));
  frame.length = writer.size();
  return frame;
}

IpAddress solicited_node(const IpAddress& address) noexcept {
  auto group = address;
  std::memcpy(group.bytes.data(), kSolicitedNodePrefix.data(), kSolicitedNodePrefix.size());
  return group;
}

MacAddress multicast_mac(const IpAddress& group) noexcept {
  const auto& last = group.bytes;
  return {{0x33, 0x33, last[12], last[13], last[14], last[15]}};
}

IpAddress link_local_address(const MacAddress& mac) noexcept {
  const auto& from = mac.bytes;
  const std::array<std::uint8_t, 16> bytes = {
      0xfe, 0x80, 0, 0, 0, 0, 0, 0,
      // The universal/local bit is inverted, so that hand-made identifiers may have zeros.
      static_cast<std::uint8_t>(from[0] ^ 0x02), from[1], from[2], 0xff, 0xfe, from[3], from[4],
      from[5]};
  return IpAddress::v6_from(bytes.data());
}

IpAddress all_nodes() noexcept {
  static constexpr std::array<std::uint8_t, 16> kBytes = {0xff, 2, 0, 0, 0, 0, 0, 0,
                                                          0,    0, 0, 0, 0, 0, 0, 1};
  return IpAddress::v6_from(kBytes.data());
}

}  // namespace phalanx::net
