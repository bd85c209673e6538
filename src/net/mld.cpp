// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/net/mld.hpp"

#include <cassert>
#include <cstring>

#include "phalanx/base/byte_writer.hpp"
#include "phalanx/base/bytes.hpp"
#include "phalanx/net/checksum.hpp"
#include "phalanx/net/ndp.hpp"

namespace phalanx::net {
namespace {

// RFC 8200 4.3 with RFC 2711: hop-by-hop header of 8 bytes that holds a router alert of value 0
// (MLD) and two bytes of padding.
struct RouterAlertHeader {
  std::uint8_t next_header;
  std::uint8_t length;
  std::array<std::uint8_t, 4> alert;
  std::array<std::uint8_t, 2> padding;
};
static_assert(sizeof(RouterAlertHeader) == 8 && alignof(RouterAlertHeader) == 1);
constexpr std::uint8_t kRouterAlertOption = 5;
constexpr std::uint8_t kPad1Option = 0;

// RFC 3810 5.1; version 1 ends after the group.
struct QueryHeader {
  std::uint8_t type;
  std::uint8_t code;
  base::be16 checksum;
  base::be16 max_response_code;
  base::be16 reserved;
  std::array<std::uint8_t, 16> group;
  // followed by, in version 2: flags (1), query interval (1), number of sources (2), sources
};
static_assert(sizeof(QueryHeader) == 24 && alignof(QueryHeader) == 1);
constexpr std::size_t kQueryV2Bytes = 28;

// RFC 3810 5.2.4 to 5.2.7
struct GroupRecord {
  std::uint8_t type;
  std::uint8_t auxiliary_length;
  base::be16 num_sources;
  std::array<std::uint8_t, 16> group;
};
static_assert(sizeof(GroupRecord) == 20 && alignof(GroupRecord) == 1);

IpAddress all_mld_routers() noexcept {
  auto group = all_nodes();
  group.bytes[15] = 0x16;
  return group;
}

// RFC 3810 5.1.3
std::chrono::milliseconds decode_delay(std::uint8_t version, std::uint16_t code) noexcept {
  if (version == 1 || code < 0x8000) return std::chrono::milliseconds(code);
  const std::uint32_t mantissa = (code & 0x0fffU) | 0x1000U;
  return std::chrono::milliseconds(mantissa << (((code >> 12) & 7U) + 3U));
}

// Whether the hop-by-hop header right behind the IPv6 header holds a router alert.
bool has_router_alert(std::span<const std::byte> packet) noexcept {
  const auto* ip = base::view_as<Ipv6Header>(packet);
  if (ip->next_header != kProtoHopByHop || packet.size() < sizeof(*ip) + 2) return false;
  const auto length = (std::to_integer<std::size_t>(packet[sizeof(*ip) + 1]) + 1) * 8;
  auto options = packet.subspan(sizeof(*ip));
  if (length > options.size()) return false;
  options = options.first(length).subspan(2);
  while (!options.empty()) {
    const auto type = std::to_integer<std::uint8_t>(options[0]);
    if (type == kRouterAlertOption) return true;
    if (type == kPad1Option) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2) return false;
    const auto skip = std::to_integer<std::size_t>(options[1]) + 2;
    if (skip > options.size()) return false;
    options = options.subspan(skip);
  }
  return false;
}

// Puts Ethernet, IPv6 and router alert before an ICMPv6 message, whose checksum is filled in.
MldFrame wrap(const MacAddress& source_mac, const IpAddress& source, const IpAddress& destination,
              std::span<std::byte> message) noexcept {
  EthernetHeader ethernet;
  ethernet.destination = multicast_mac(destination);
  ethernet.source = source_mac;
  ethernet.ether_type = base::be16(kEtherTypeIpv6);
  Ipv6Header ip{};
  ip.version_class_flow = base::be32(6U << 28);
  ip.payload_length =
      base::be16(static_cast<std::uint16_t>(sizeof(RouterAlertHeader) + message.size()));
  ip.next_header = kProtoHopByHop;
  ip.hop_limit = 1;  // RFC 3810 5
  ip.source = source.bytes;
  ip.destination = destination.bytes;
  // The last two bytes: PadN without data.
  const RouterAlertHeader alert{kProtoIcmpv6, 0, {kRouterAlertOption, 2, 0, 0}, {1, 0}};

  auto sum = pseudo_header_sum(source, destination, kProtoIcmpv6,
                               static_cast<std::uint32_t>(message.size()));
  sum = checksum_add(sum, message);
  base::view_as<IcmpHeader>(message)->checksum = base::be16(checksum_finish(sum));

  MldFrame frame;
  base::ByteWriter writer(frame.bytes);
  writer.bytes(std::as_bytes(std::span(&ethernet, 1)));
  writer.bytes(std::as_bytes(std::span(&ip, 1)));
  writer.bytes(std::as_bytes(std::span(&alert, 1)));
  writer.bytes(message);
  assert(writer.ok());
  frame.length = writer.size();
  return frame;
}

}  // namespace

std::optional<MldQuery> parse_mld_query(std::span<const std::byte> packet,
                                        std::size_t l4_offset) noexcept {
  const auto* ip = base::view_as<Ipv6Header>(packet);
  const auto* header = base::view_as<QueryHeader>(packet, l4_offset);
  if (ip == nullptr || header == nullptr || header->type != kMldQuery) return std::nullopt;
  const auto length = packet.size() - l4_offset;
  // RFC 3810 8.1: 24 bytes are version 1, anything between is none.
  if (length != sizeof(QueryHeader) && length < kQueryV2Bytes) return std::nullopt;
  if (ip->hop_limit != 1 || !IpAddress::v6_from(ip->source.data()).is_link_local() ||
      !has_router_alert(packet)) {
    return std::nullopt;
  }
  MldQuery query;
  query.version = length == sizeof(QueryHeader) ? 1 : 2;
  query.max_delay = decode_delay(query.version, header->max_response_code.host());
  const auto group = IpAddress::v6_from(header->group.data());
  if (!group.is_unspecified()) query.group = group;
  return query;
}

MldFrame write_mld_report(const MacAddress& source_mac, const IpAddress& source, MldRecord record,
                          std::span<const IpAddress> groups) noexcept {
  assert(groups.size() <= kMaxMldGroups);
  std::array<std::byte, sizeof(IcmpHeader) + kMaxMldGroups * sizeof(GroupRecord)> message{};
  base::ByteWriter writer(message);
  IcmpHeader header{};
  header.type = kMldReportV2;
  header.word_low = base::be16(static_cast<std::uint16_t>(groups.size()));
  writer.bytes(std::as_bytes(std::span(&header, 1)));
  for (const auto& group : groups) {
    const GroupRecord row{static_cast<std::uint8_t>(record), 0, base::be16(0), group.bytes};
    writer.bytes(std::as_bytes(std::span(&row, 1)));
  }
  return wrap(source_mac, source, all_mld_routers(), std::span(message).first(writer.size()));
}

MldFrame write_mld_report_v1(const MacAddress& source_mac, const IpAddress& source,
                             const IpAddress& group) noexcept {
  QueryHeader header{};  // a report has the same form, RFC 2710 3
  header.type = kMldReportV1;
  header.group = group.bytes;
  return wrap(source_mac, source, group, std::as_writable_bytes(std::span(&header, 1)));
}

}  // namespace phalanx::net
