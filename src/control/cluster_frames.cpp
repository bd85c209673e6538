// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/cluster_frames.hpp"

#include <algorithm>
#include <cstring>

#include "phalanx/base/byte_writer.hpp"
#include "phalanx/base/bytes.hpp"
#include "phalanx/net/checksum.hpp"
#include "phalanx/net/ethernet.hpp"
#include "phalanx/net/ip.hpp"

namespace phalanx::control {
namespace {

using net::EthernetHeader;
using net::Ipv4Header;
using net::UdpHeader;

constexpr std::uint8_t kTtl = 64;
constexpr std::uint8_t kIpv4WithoutOptions = 0x45;
// DSCP CS6, network control (RFC 4594 3.2): heartbeats before everything else.
constexpr std::uint8_t kNetworkControl = 48 << 2;
template <typename T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

// One frame: headers, then both parts one after the other.
std::vector<std::byte> make_frame(const UdpPath& path, std::span<const std::byte> head,
                                  std::span<const std::byte> body) {
  const EthernetHeader ethernet{path.destination_mac, path.source_mac,
                                base::be16(net::kEtherTypeIpv4)};
  UdpHeader udp;
  udp.source_port = udp.destination_port = base::be16(path.udp_port);
  const auto length = sizeof(udp) + head.size() + body.size();
  udp.length = base::be16(static_cast<std::uint16_t>(length));
  udp.checksum = base::be16(0);
  Ipv4Header ip{};
  ip.version_ihl = kIpv4WithoutOptions;
  ip.type_of_service = kNetworkControl;
  ip.total_length = base::be16(static_cast<std::uint16_t>(sizeof(ip) + length));
  ip.fragment = base::be16(Ipv4Header::kDontFragment);
  ip.ttl = kTtl;
  ip.protocol = net::kProtoUdp;
  std::memcpy(ip.source.data(), path.source.bytes.data(), ip.source.size());
  std::memcpy(ip.destination.data(), path.destination.bytes.data(), ip.destination.size());
  ip.checksum = base::be16(net::checksum(bytes_of(ip)));
  std::vector<std::byte> frame(sizeof(ethernet) + sizeof(ip) + length);
  base::ByteWriter out(frame);
  out.bytes(bytes_of(ethernet));
  out.bytes(bytes_of(ip));
  out.bytes(bytes_of(udp));
  out.bytes(head);
  out.bytes(body);
  return frame;
}

}  // namespace

void write_udp_frames(const UdpPath& path, std::span<const std::byte> payload, std::uint16_t mtu,
                      std::uint32_t datagram_id,
                      const std::function<void(std::span<const std::byte> frame)>& sink) {
  const auto room = static_cast<std::size_t>(mtu) - sizeof(Ipv4Header) - sizeof(UdpHeader);
  split_datagram(payload, room, datagram_id,
                 [&](std::span<const std::byte> head, std::span<const std::byte> body) {
                   sink(make_frame(path, head, body));
                 });
}

ClusterFrame ClusterFrameReader::read(std::span<const std::byte> frame, base::TimePoint now) {
  ClusterFrame out;
  const auto* ethernet = base::view_as<EthernetHeader>(frame);
  if (ethernet == nullptr || ethernet->source.is_multicast()) return out;
  const auto body = frame.subspan(sizeof(EthernetHeader));
  const auto type = ethernet->ether_type.host();
  if (type == net::kEtherTypeArp) {
    const auto arp = net::parse_arp(body);
    if (arp && arp->operation == net::ArpOperation::Request && arp->target == own_) {
      out.kind = ClusterFrame::Kind::ArpRequest;
      out.from_mac = arp->sender_mac;
      out.from = arp->sender;
    }
    return out;
  }
  return type == net::kEtherTypeIpv4 ? read_ip(body, ethernet->source, now) : out;
}

ClusterFrame ClusterFrameReader::read_ip(std::span<const std::byte> packet,
                                         const net::MacAddress& from, base::TimePoint now) {
  ClusterFrame out;
  out.from_mac = from;
  const auto* ip = base::view_as<Ipv4Header>(packet);
  if (ip == nullptr || ip->version_ihl != kIpv4WithoutOptions || ip->protocol != net::kProtoUdp ||
      ip->total_length.host() < sizeof(Ipv4Header) || ip->total_length.host() > packet.size()) {
    return out;
  }
  out.from = net::IpAddress::v4_from(ip->source.data());
  if (net::IpAddress::v4_from(ip->destination.data()) != own_ ||
      std::find(members_.begin(), members_.end(), out.from) == members_.end()) {
    return out;
  }
  const auto* udp = base::view_as<UdpHeader>(packet.subspan(sizeof(Ipv4Header)));
  const auto available = ip->total_length.host() - sizeof(Ipv4Header);
  const bool whole = (ip->fragment.host() & ~Ipv4Header::kDontFragment) == 0;
  if (!whole || udp == nullptr || udp->destination_port.host() != udp_port_ ||
      udp->length.host() < sizeof(UdpHeader) || udp->length.host() > available) {
    return out;
  }
  const auto payload = packet.subspan(sizeof(Ipv4Header) + sizeof(UdpHeader),
                                      udp->length.host() - sizeof(UdpHeader));
  auto datagram = pieces_.collect(out.from, payload, now);
  out.kind = datagram ? ClusterFrame::Kind::Datagram : ClusterFrame::Kind::Incomplete;
  if (datagram) out.payload = *std::move(datagram);
  return out;
}

}  // namespace phalanx::control
