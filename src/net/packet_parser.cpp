// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/net/packet_parser.hpp"

#include "phalanx/net/address.hpp"
#include "phalanx/net/checksum.hpp"

namespace phalanx::net::detail {
namespace {

// RFC 8200 4.3, 4.4, 4.6: the common start of the extension headers that are skipped.
struct ExtensionHeader {
  std::uint8_t next_header;
  std::uint8_t length;  // in units of 8 bytes, the first 8 not counted
  // followed by: options or routing data
};
static_assert(sizeof(ExtensionHeader) == 2 && alignof(ExtensionHeader) == 1);

// RFC 8200 4.5
// |  Next Header  |   Reserved    |      Fragment Offset    |Res|M|
// |                         Identification                        |
struct FragmentHeader {
  std::uint8_t next_header;
  std::uint8_t reserved;
  base::be16 offset_flags;
  base::be32 identification;

  static constexpr std::uint16_t kOffsetMask = 0xfff8;  // bytes, as it stands
  static constexpr std::uint16_t kMoreFragments = 0x0001;
};
static_assert(sizeof(FragmentHeader) == 8 && alignof(FragmentHeader) == 1);

IpView refuse(IpFault fault) noexcept {
  IpView view;
  view.fault = fault;
  return view;
}

bool bad_addresses_v4(const Ipv4Header& header) noexcept {
  const auto source = IpAddress::v4_from(header.source.data());
  const auto destination = IpAddress::v4_from(header.destination.data());
  return source.is_unspecified() || source.is_multicast() || source.is_loopback() ||
         source.v4_host_order() == 0xffffffff || destination.is_unspecified() ||
         destination.is_loopback();
}

bool bad_addresses_v6(const Ipv6Header& header) noexcept {
  const auto source = IpAddress::v6_from(header.source.data());
  const auto destination = IpAddress::v6_from(header.destination.data());
  if (source.is_unspecified()) {
    return header.destination[0] != 0xff || (header.destination[1] & 0x0f) != 0x02;
  }
  return source.is_multicast() || source.is_loopback() || destination.is_unspecified() ||
         destination.is_loopback();
}

IpView parse_v4(std::span<const std::byte> bytes) noexcept {
  const auto* header = base::view_as<Ipv4Header>(bytes);
  if (header == nullptr) return refuse(IpFault::Truncated);
  const std::size_t header_length = (header->version_ihl & 0x0fU) * 4U;
  const auto total_length = header->total_length.host();
  if (header_length < sizeof(Ipv4Header) || total_length < header_length) {
    return refuse(IpFault::BadHeader);
  }
  if (total_length > bytes.size()) return refuse(IpFault::Truncated);
  const auto packet = bytes.first(total_length);
  if (checksum(packet.first(header_length)) != 0) return refuse(IpFault::BadChecksum);
  if (bad_addresses_v4(*header)) return refuse(IpFault::BadAddress);

  const auto fragment = header->fragment.host();
  const std::uint32_t offset = (fragment & Ipv4Header::kOffsetMask) * 8U;
  // RFC 791 3.2: no reassembled packet is longer than 65535; its header is at least this one's.
  if (offset + total_length > kMaxIpPacketBytes) return refuse(IpFault::BadHeader);

  IpView view;
  view.version = 4;
  view.protocol = header->protocol;
  view.traffic_class = header->type_of_service;
  view.ttl = header->ttl;
  view.fragment = offset != 0 || (fragment & Ipv4Header::kMoreFragments) != 0;
  view.first_fragment = offset == 0;
  view.dont_fragment = (fragment & Ipv4Header::kDontFragment) != 0;
  view.ipv4_options = header_length > sizeof(Ipv4Header);
  view.total_length = total_length;
  view.l4_offset = static_cast<std::uint16_t>(header_length);
  if (view.fragment) view.fragment_id = header->identification.host();
  if (view.first_fragment) read_ports(packet, view);
  return view;
}

// Walks from l4_offset, where a header of type view.protocol starts, to the upper layer.
IpFault walk_extension_headers(std::span<const std::byte> packet, IpView& view) noexcept {
  const std::size_t first = view.l4_offset;
  std::size_t at = first;
  for (int walked = 0;; ++walked) {
    view.l4_offset = static_cast<std::uint16_t>(at);
    if (!is_extension_header(view.protocol)) return IpFault::Ok;
    const bool hop_by_hop = view.protocol == kProtoHopByHop;
    const bool fragment = view.protocol == kProtoFragment;
    if (walked == kMaxExtensionHeaders) return IpFault::TooManyHeaders;
    const auto rest = packet.size() - at;
    std::size_t length = sizeof(FragmentHeader);
    if (fragment) {
      const auto* header = base::view_as<FragmentHeader>(packet, at);
      if (header == nullptr) return IpFault::Truncated;
      const auto flags = header->offset_flags.host();
      const std::uint32_t offset = flags & FragmentHeader::kOffsetMask;
      // RFC 8200 4.5: the payload length of the whole would not fit.
      if (offset + (rest - length) > kMaxIpPacketBytes) return IpFault::BadHeader;
      view.protocol = header->next_header;
      view.fragment |= offset != 0 || (flags & FragmentHeader::kMoreFragments) != 0;
      if (view.fragment) view.fragment_id = header->identification.host();
      if (offset != 0) {
        view.first_fragment = false;
        view.l4_offset = static_cast<std::uint16_t>(at + length);
        return IpFault::Ok;
      }
    } else {
      const auto* header = base::view_as<ExtensionHeader>(packet, at);
      if (header == nullptr) return IpFault::Truncated;
      length = (header->length + 1U) * 8U;
      if (length > rest) return IpFault::Truncated;
      if (hop_by_hop && at != first) return IpFault::BadHeader;
      view.hop_by_hop |= hop_by_hop;
      view.protocol = header->next_header;
    }
    at += length;
  }
}

IpView parse_v6(std::span<const std::byte> bytes) noexcept {
  const auto* header = base::view_as<Ipv6Header>(bytes);
  if (header == nullptr) return refuse(IpFault::Truncated);
  const std::size_t total_length = sizeof(Ipv6Header) + header->payload_length.host();
  if (total_length > bytes.size()) return refuse(IpFault::Truncated);
  if (total_length > kMaxIpPacketBytes) return refuse(IpFault::BadHeader);
  if (bad_addresses_v6(*header)) return refuse(IpFault::BadAddress);
  const auto packet = bytes.first(total_length);

  IpView view;
  view.version = 6;
  view.protocol = header->next_header;
  view.traffic_class = header->traffic_class();
  view.ttl = header->hop_limit;
  view.dont_fragment = true;
  view.total_length = static_cast<std::uint16_t>(total_length);
  view.l4_offset = sizeof(Ipv6Header);
  const auto fault = walk_extension_headers(packet, view);
  if (fault != IpFault::Ok) return refuse(fault);
  if (view.first_fragment) read_ports(packet, view);
  return view;
}

}  // namespace

IpView parse_any_ip_packet(std::span<const std::byte> bytes) noexcept {
  if (bytes.empty()) return refuse(IpFault::Truncated);
  switch (static_cast<unsigned>(bytes[0]) >> 4) {
    case 4: return parse_v4(bytes);
    case 6: return parse_v6(bytes);
    default: return refuse(IpFault::BadVersion);
  }
}

}  // namespace phalanx::net::detail
