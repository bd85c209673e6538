// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <rte_ethdev.h>
#include <rte_prefetch.h>

#include <bit>
#include <cstring>

#include "phalanx/base/prefetch.hpp"
#include "phalanx/net/ethernet.hpp"
#include "phalanx/net/ip.hpp"
#include "worker_inline.hpp"

namespace phalanx::dataplane {
namespace {

std::span<const std::byte> bytes_of(const std::uint8_t* from, std::size_t length) noexcept {
  return {reinterpret_cast<const std::byte*>(from), length};
}

}  // namespace

unsigned Worker::poll_rx() noexcept {
  unsigned total = 0;
  bool emptied = true;
  for (const auto& queue : setup_.rx_queues) {
    std::array<rte_mbuf*, kBurst> packets;
    const auto count = rte_eth_rx_burst(queue.device_port, queue.queue, packets.data(), kBurst);
    if (count == 0) continue;
    total += count;
    emptied = emptied && count < kBurst;
    if (order_in_.outstanding() + order_out_.outstanding() != 0) {
      // Packets that were given out leave while the first lines of these come from memory.
      for (unsigned i = 0; i < count; ++i) {
        base::prefetch(rte_pktmbuf_mtod(packets[i], const std::uint8_t*));
      }
      collect_lanes();
    }
    const auto& map = tables_.devices[queue.device];
    auto taken = fence(map, packets.data(), count);
    if (!tables_.distribution.receives()) [[unlikely]]
      taken = leave_to_receiver(map, packets.data(), taken);
    const auto ours = distribute(map, packets.data(), taken);
    classify_burst(map, {packets.data(), ours});
    run_lists();
  }
  if (emptied) [[likely]]
    counters_.emptied.add(1);
  return total;
}

void Worker::count_rx(RxTally& tally, std::uint8_t port, std::uint32_t bytes) noexcept {
  if (tally.port != port) [[unlikely]] {
    if (tally.port != DeviceMap::kNone) {
      counters_.ports[tally.port].rx_packets.add(tally.packets);
      counters_.ports[tally.port].rx_bytes.add(tally.bytes);
    }
    tally = {port, 0, 0};
  }
  ++tally.packets;
  tally.bytes += bytes;
}

void Worker::classify_burst(const DeviceMap& map, std::span<rte_mbuf*> packets) noexcept {
  // Outer headers are written in front of what is to be encrypted; what is to be decrypted is read
  // on from its header.
  const bool clear_only = map.untagged == DeviceMap::kNone || !port_views_[map.untagged].is_public;
  const std::ptrdiff_t next_line =
      clear_only ? -std::ptrdiff_t{base::kCacheLine} : base::kCacheLine;
  for (auto* packet : packets) {
    auto* frame = rte_pktmbuf_mtod(packet, const std::uint8_t*);
    rte_prefetch0(frame);
    rte_prefetch0(frame + next_line);
  }
  RxTally tally;
  if (map.untagged == DeviceMap::kNone || capturing_) [[unlikely]] {
    for (auto* packet : packets) classify(map, packet, tally);
  } else {
    RxTally plain{map.untagged, 0, 0};
    for (auto* packet : packets) {
      const auto bytes = packet->pkt_len;
      if (classify_plain(map.untagged, packet)) [[likely]] {
        ++plain.packets;
        plain.bytes += bytes;
      } else {
        classify(map, packet, tally);
      }
    }
    counters_.ports[plain.port].rx_packets.add(plain.packets);
    counters_.ports[plain.port].rx_bytes.add(plain.bytes);
  }
  if (tally.packets != 0) {
    counters_.ports[tally.port].rx_packets.add(tally.packets);
    counters_.ports[tally.port].rx_bytes.add(tally.bytes);
  }
}

// Most packets: untagged, for our address, with a plain IPv4 header. All that is wanted of them is
// read in a few whole words. False: nothing was done with it.
inline bool Worker::classify_plain(std::uint8_t port, rte_mbuf* packet) noexcept {
  constexpr std::size_t kL3 = sizeof(net::EthernetHeader);
  if (packet->nb_segs != 1 || packet->data_len < kL3 + sizeof(net::Ipv4Header)) return false;
  auto* frame = rte_pktmbuf_mtod(packet, std::uint8_t*);
  const auto& view = port_views_[port];
  std::uint16_t ether_type;
  std::memcpy(&ether_type, frame + offsetof(net::EthernetHeader, ether_type), sizeof(ether_type));
  if (!is_to_us(destination_mac(frame), view) ||
      ether_type != __builtin_bswap16(net::kEtherTypeIpv4)) {
    return false;
  }
  auto* l3 = frame + kL3;
  net::PlainIpv4 ip;
  if (!net::read_plain_ipv4(l3, packet->data_len - kL3, ip)) return false;
  auto* l4 = l3 + sizeof(net::Ipv4Header);
  if (ip.protocol() == net::kProtoEsp && view.is_public) {
    const auto length = std::uint32_t{ip.total_length()} - std::uint32_t{sizeof(net::Ipv4Header)};
    if (length < sizeof(net::EspHeader) || !tables_.local.contains4(ip.destination)) return false;
    push_esp(packet, l4, length, ip.traffic_class());
    return true;
  }
  if (ip.protocol() == net::kProtoIcmp) return false;  // echo messages have a ground of their own
  auto& clear = clear_.items[clear_.count++];
  clear.packet = packet;
  clear.l3 = l3;
  const auto fields = ipsec::flow_fields(ip, l4, static_cast<std::uint8_t>(view.clear_side));
  clear.hash = flows_.hash4(ip.source(), ip.destination, fields);
  flows_.prefetch(clear.hash);
  ipsec::write_flow_key(clear.key, ip.source(), ip.destination, fields);
  clear.facts = std::bit_cast<ClearFacts>(
      ip.total_length() | std::uint64_t{4} << 16 | std::uint64_t{ip.traffic_class()} << 24 |
      std::uint64_t{ip.ttl()} << 32 | std::uint64_t{ip.dont_fragment()} << 40);
  clear.from = {port, PacketMeta::kNoPort, false, false};
  return true;
}

void Worker::classify(const DeviceMap& map, rte_mbuf* packet, RxTally& tally) noexcept {
  const auto* frame = rte_pktmbuf_mtod(packet, const std::uint8_t*);
  std::uint16_t l3_offset = sizeof(net::EthernetHeader);
  // A frame that no port can claim is counted with the device's first one, so that sums hold.
  const auto first_port = map.untagged != DeviceMap::kNone ? map.untagged : map.vlans[0].port;
  if (packet->data_len < l3_offset || packet->nb_segs != 1) [[unlikely]] {
    count_rx(tally, first_port, packet->pkt_len);
    drop(packet, packet->nb_segs != 1 ? DropReason::MultiSegment : DropReason::FrameTooShort);
    return;
  }
  const auto* ethernet = base::wire_at<net::EthernetHeader>(frame);
  auto ether_type = ethernet->ether_type.host();
  auto port = map.untagged;
  if (ether_type == net::kEtherTypeVlan) [[unlikely]] {
    l3_offset += sizeof(net::VlanTag);
    if (packet->data_len < l3_offset) {
      count_rx(tally, first_port, packet->pkt_len);
      drop(packet, DropReason::FrameTooShort);
      return;
    }
    const auto* tag = base::wire_at<net::VlanTag>(frame + sizeof(net::EthernetHeader));
    ether_type = tag->ether_type.host();
    port = map.port_of(tag->control.host() & net::VlanTag::kIdMask);
  }
  if (port == DeviceMap::kNone) [[unlikely]] {
    count_rx(tally, first_port, packet->pkt_len);
    drop(packet, DropReason::UnknownVlan);
    return;
  }
  count_rx(tally, port, packet->pkt_len);
  if (capturing_ && capture_filter_.kind == CaptureKind::Port && capture_filter_.port == port) {
    capture_frame(packet);
  }
  if (ether_type == kEtherTypeCluster) [[unlikely]] {
    // To this node's own address, which it shares with nobody.
    if (tables_.open_until_ns.load(std::memory_order_relaxed) == Tables::kAlwaysOpen) {
      drop(packet, DropReason::UnknownEtherType);
    } else {
      punt(packet, PuntReason::Cluster, port, l3_offset, false);
    }
    return;
  }
  if (!is_to_us(destination_mac(frame), port_views_[port])) [[unlikely]] {
    if (!ethernet->destination.is_multicast()) [[unlikely]] {
      drop(packet, DropReason::NotOurMac);
      return;
    }
  }
  switch (ether_type) {
    case net::kEtherTypeIpv4:
    case net::kEtherTypeIpv6: classify_ip(packet, port, l3_offset, ether_type); return;
    case net::kEtherTypeArp: punt(packet, PuntReason::Arp, port, l3_offset, false); return;
    default: drop(packet, DropReason::UnknownEtherType);
  }
}

void Worker::classify_ip(rte_mbuf* packet, std::uint8_t port, std::uint16_t l3_offset,
                         std::uint16_t ether_type) noexcept {
  auto* l3 = rte_pktmbuf_mtod_offset(packet, std::uint8_t*, l3_offset);
  const auto available = static_cast<std::size_t>(packet->data_len - l3_offset);
  const auto view = net::parse_ip_packet(bytes_of(l3, available));
  if (view.fault != net::IpFault::Ok) [[unlikely]] {
    drop(packet, to_drop_reason(view.fault));
    return;
  }
  if ((ether_type == net::kEtherTypeIpv4) != (view.version == 4)) [[unlikely]] {
    drop(packet, DropReason::IpBadVersion);
    return;
  }
  if (port_views_[port].is_public && view.protocol == net::kProtoEsp) {
    const bool ours = view.version == 4
                          ? tables_.local.contains4(l3 + offsetof(net::Ipv4Header, destination))
                          : tables_.local.contains6(l3 + offsetof(net::Ipv6Header, destination));
    if (ours) [[likely]] {
      classify_esp(packet, l3, view);
      return;
    }
  }
  push_clear(packet, l3, view, {port, PacketMeta::kNoPort, false, false});
}

// Everything but key and hash.
void Worker::read_clear(ClearPacket& clear, rte_mbuf* packet, std::uint8_t* l3,
                        const net::IpView& view, ClearOrigin from) noexcept {
  clear.packet = packet;
  clear.l3 = l3;
  clear.facts = {.total_length = view.total_length,
                 .version = view.version,
                 .traffic_class = view.traffic_class,
                 .ttl = view.ttl,
                 .dont_fragment = view.version == 4 && view.dont_fragment,
                 .fragment = view.fragment};
  clear.fragment_id = view.fragment_id;
  clear.from = from;
}

void Worker::push_clear(rte_mbuf* packet, std::uint8_t* l3, const net::IpView& view,
                        ClearOrigin from) noexcept {
  auto& clear = clear_.items[clear_.count++];
  read_clear(clear, packet, l3, view, from);
  ipsec::write_flow_key(clear.key, view, l3, static_cast<std::uint8_t>(side_of(from)));
  clear.hash = flows_.hash(clear.key);
  flows_.prefetch(clear.hash);
}

void Worker::classify_esp(rte_mbuf* packet, std::uint8_t* l3, const net::IpView& view) noexcept {
  if (view.fragment) [[unlikely]] {
    drop(packet, DropReason::EspFragment);
    return;
  }
  if (view.total_length - view.l4_offset < static_cast<int>(sizeof(net::EspHeader))) [[unlikely]] {
    drop(packet, DropReason::EspMalformed);
    return;
  }
  push_esp(packet, l3 + view.l4_offset,
           static_cast<std::uint32_t>(view.total_length - view.l4_offset), view.traffic_class);
}

}  // namespace phalanx::dataplane
