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
// No message of the secure channel begins with it.
constexpr std::uint8_t kPieceVersion = 0xf0;
// A datagram of kMaxUdpPayload in pieces for the smallest MTU, 1280.
constexpr std::size_t kMaxPieces = 64;

// |  version (1)  | reserved (1) |   count (2)   |   index (2)   | reserved (2) |    id (4)    |
struct PieceHeader {
  std::uint8_t version;
  std::uint8_t reserved;
  base::be16 count;
  base::be16 index;
  base::be16 reserved2;
  base::be32 id;
  // followed by: the piece
};
static_assert(sizeof(PieceHeader) == 12 && alignof(PieceHeader) == 1);

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
  if (payload.size() > kMaxUdpPayload) return;
  const auto room = static_cast<std::size_t>(mtu) - sizeof(Ipv4Header) - sizeof(UdpHeader);
  if (payload.size() <= room) return sink(make_frame(path, {}, payload));
  const auto step = room - sizeof(PieceHeader);
  PieceHeader header{};
  header.version = kPieceVersion;
  header.count = base::be16(static_cast<std::uint16_t>((payload.size() + step - 1) / step));
  header.id = base::be32(datagram_id);
  for (std::uint16_t i = 0; i < header.count.host(); ++i) {
    header.index = base::be16(i);
    const auto offset = i * step;
    const auto piece = payload.subspan(offset, std::min(step, payload.size() - offset));
    sink(make_frame(path, bytes_of(header), piece));
  }
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
  if (payload.empty() || std::to_integer<std::uint8_t>(payload[0]) != kPieceVersion) {
    out.payload.assign(payload.begin(), payload.end());
    out.kind = ClusterFrame::Kind::Datagram;
    return out;
  }
  auto datagram = collect(out.from, payload, now);
  out.kind = datagram ? ClusterFrame::Kind::Datagram : ClusterFrame::Kind::Incomplete;
  if (datagram) out.payload = *std::move(datagram);
  return out;
}

// The whole datagram when this was its last missing piece.
std::optional<std::vector<std::byte>> ClusterFrameReader::collect(const net::IpAddress& from,
                                                                  std::span<const std::byte> piece,
                                                                  base::TimePoint now) {
  while (!partial_.empty() && now - partial_.front().since > kPatience) partial_.pop_front();
  const auto* header = base::view_as<PieceHeader>(piece);
  if (header == nullptr || piece.size() == sizeof(PieceHeader)) return std::nullopt;
  const std::size_t count = header->count.host();
  const std::size_t index = header->index.host();
  if (count > kMaxPieces || index >= count) return std::nullopt;
  auto found = std::find_if(partial_.begin(), partial_.end(), [&](const Partial& each) {
    return each.from == from && each.id == header->id.host();
  });
  if (found == partial_.end()) {
    if (partial_.size() == kMaxPartial) partial_.pop_front();
    Partial fresh;
    fresh.from = from;
    fresh.id = header->id.host();
    fresh.since = now;
    fresh.pieces.resize(count);
    fresh.missing = count;
    partial_.push_back(std::move(fresh));
    found = partial_.end() - 1;
  }
  if (found->pieces.size() != count || !found->pieces[index].empty()) return std::nullopt;
  const auto body = piece.subspan(sizeof(PieceHeader));
  found->pieces[index].assign(body.begin(), body.end());
  if (--found->missing != 0) return std::nullopt;
  std::vector<std::byte> datagram;
  for (const auto& each : found->pieces) datagram.insert(datagram.end(), each.begin(), each.end());
  partial_.erase(found);
  return datagram;
}

}  // namespace phalanx::control
