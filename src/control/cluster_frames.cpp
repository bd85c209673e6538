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
constexpr std::size_t kFragmentUnit = 8;

template <typename T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

}  // namespace

void write_udp_frames(const UdpPath& path, std::span<const std::byte> payload, std::uint16_t mtu,
                      std::uint16_t identification,
                      const std::function<void(std::span<const std::byte> frame)>& sink) {
  if (payload.size() > kMaxUdpPayload) return;
  const EthernetHeader ethernet{path.destination_mac, path.source_mac,
                                base::be16(net::kEtherTypeIpv4)};
  UdpHeader udp;
  udp.source_port = udp.destination_port = base::be16(path.udp_port);
  udp.length = base::be16(static_cast<std::uint16_t>(sizeof(udp) + payload.size()));
  udp.checksum = base::be16(0);
  const auto total = sizeof(udp) + payload.size();
  const auto room = static_cast<std::size_t>(mtu) - sizeof(Ipv4Header);
  const auto step = total <= room ? total : room / kFragmentUnit * kFragmentUnit;
  std::vector<std::byte> frame;
  for (std::size_t offset = 0; offset < total; offset += step) {
    const auto length = std::min(step, total - offset);
    Ipv4Header ip{};
    ip.version_ihl = kIpv4WithoutOptions;
    ip.type_of_service = kNetworkControl;
    ip.total_length = base::be16(static_cast<std::uint16_t>(sizeof(ip) + length));
    ip.identification = base::be16(identification);
    const bool more = offset + length < total;
    ip.fragment = base::be16(static_cast<std::uint16_t>(offset / kFragmentUnit |
                                                        (more ? Ipv4Header::kMoreFragments : 0U)));
    ip.ttl = kTtl;
    ip.protocol = net::kProtoUdp;
    std::memcpy(ip.source.data(), path.source.bytes.data(), ip.source.size());
    std::memcpy(ip.destination.data(), path.destination.bytes.data(), ip.destination.size());
    ip.checksum = base::be16(net::checksum(bytes_of(ip)));
    frame.resize(sizeof(ethernet) + sizeof(ip) + length);
    base::ByteWriter out(frame);
    out.bytes(bytes_of(ethernet));
    out.bytes(bytes_of(ip));
    const auto head = offset == 0 ? sizeof(udp) : std::size_t{0};
    if (head != 0) out.bytes(bytes_of(udp));
    out.bytes(payload.subspan(offset + head - sizeof(udp), length - head));
    sink(frame);
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
  const auto piece =
      packet.subspan(sizeof(Ipv4Header), ip->total_length.host() - sizeof(Ipv4Header));
  const auto fragment = ip->fragment.host();
  const std::size_t offset =
      static_cast<std::size_t>(fragment & Ipv4Header::kOffsetMask) * kFragmentUnit;
  const bool more = (fragment & Ipv4Header::kMoreFragments) != 0;
  std::vector<std::byte> datagram;
  if (offset == 0 && !more) {
    datagram.assign(piece.begin(), piece.end());
  } else {
    auto whole = collect(out.from, ip->identification.host(), offset, more, piece, now);
    if (!whole) {
      out.kind = ClusterFrame::Kind::Incomplete;
      return out;
    }
    datagram = *std::move(whole);
  }
  const auto* udp = base::view_as<UdpHeader>(std::span<const std::byte>(datagram));
  if (udp == nullptr || udp->destination_port.host() != udp_port_ ||
      udp->length.host() < sizeof(UdpHeader) || udp->length.host() > datagram.size()) {
    return out;
  }
  const auto begin = datagram.begin() + sizeof(UdpHeader);
  out.payload.assign(begin, datagram.begin() + udp->length.host());
  out.kind = ClusterFrame::Kind::Datagram;
  return out;
}

// The whole datagram when this was its last missing piece. Pieces that overlap void all (RFC 8200
// 4.5 says so for IPv6, and nobody who fragments honestly makes them).
std::optional<std::vector<std::byte>> ClusterFrameReader::collect(const net::IpAddress& from,
                                                                  std::uint16_t identification,
                                                                  std::size_t offset, bool more,
                                                                  std::span<const std::byte> piece,
                                                                  base::TimePoint now) {
  while (!partial_.empty() && now - partial_.front().since > kPatience) partial_.pop_front();
  if (piece.empty() || (more && piece.size() % kFragmentUnit != 0) ||
      offset + piece.size() > kMaxUdpPayload + sizeof(UdpHeader)) {
    return std::nullopt;
  }
  auto found = std::find_if(partial_.begin(), partial_.end(), [&](const Partial& each) {
    return each.from == from && each.identification == identification;
  });
  if (found == partial_.end()) {
    if (partial_.size() == kMaxPartial) partial_.pop_front();
    Partial fresh;
    fresh.from = from;
    fresh.identification = identification;
    fresh.since = now;
    partial_.push_back(std::move(fresh));
    found = partial_.end() - 1;
  }
  auto& partial = *found;
  const auto end = offset + piece.size();
  const auto next = partial.pieces.lower_bound(offset);
  const bool overlaps =
      (next != partial.pieces.end() && next->first < end) ||
      (next != partial.pieces.begin() &&
       std::prev(next)->first + std::prev(next)->second > offset) ||
      (partial.total && end > *partial.total) ||
      (!more && ((partial.total && *partial.total != end) || partial.bytes.size() > end));
  if (overlaps) {
    partial_.erase(found);
    return std::nullopt;
  }
  if (partial.bytes.size() < end) partial.bytes.resize(end);
  std::copy(piece.begin(), piece.end(),
            partial.bytes.begin() + static_cast<std::ptrdiff_t>(offset));
  partial.pieces.emplace(offset, piece.size());
  if (!more) partial.total = end;
  std::size_t covered = 0;
  for (const auto& [at, length] : partial.pieces) {
    if (at != covered) return std::nullopt;
    covered += length;
  }
  if (!partial.total || covered != *partial.total) return std::nullopt;
  auto whole = std::move(partial.bytes);
  partial_.erase(found);
  return whole;
}

}  // namespace phalanx::control
