// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>

#include "phalanx/net/ethernet.hpp"
#include "phalanx/net/ip.hpp"
#include "worker_inline.hpp"

namespace phalanx::dataplane {

unsigned Worker::poll_control() noexcept {
  std::array<rte_mbuf*, kBurst> packets;
  const auto count = setup_.from_control->pop(packets.data(), kBurst);
  if (count == 0) return 0;
  counters_.from_control.add(count);
  for (unsigned i = 0; i < count; ++i) take_task(packets[i]);
  run_lists();
  return count;
}

unsigned Worker::poll_peers() noexcept {
  // What comes may have to be given out again.
  if (!lanes_have_room() && !paused_for_long()) return 0;
  unsigned total = 0;
  for (auto* link : setup_.from_peers) {
    if (link != nullptr) total += poll_peer(*link);
  }
  return total;
}

unsigned Worker::poll_peer(PeerLink& link) noexcept {
  std::array<rte_mbuf*, kBurst> packets;
  const auto count = link.packets.pop(packets.data(), kBurst, handover_.settled_version());
  if (count == 0) return 0;
  counters_.from_peer.add(count);
  handed_ = true;
  for (unsigned i = 0; i < count; ++i) take_task(packets[i]);
  run_lists();
  handed_ = false;
  return count;
}

// A clear packet that another worker looked at: it is for an SA of ours.
void Worker::take_encrypt(rte_mbuf* packet, const PacketMeta& meta) noexcept {
  auto* l3 = rte_pktmbuf_mtod_offset(packet, std::uint8_t*, meta.l3_offset);
  const auto view =
      net::parse_ip_packet({reinterpret_cast<const std::byte*>(l3),
                            static_cast<std::size_t>(packet->data_len) - meta.l3_offset});
  ClearPacket clear;
  // A packet that was held had its TTL taken care of; not so in packet mode.
  const bool held = meta.task == PacketTask::EncryptHeld && !meta.out_sa->packet_mode();
  read_clear(clear, packet, l3, view,
             {meta.port, PacketMeta::kNoPort, meta.from_tunnel, meta.own || held});
  protect(clear, *meta.out_sa, meta.lane, true);
}

// A decrypted packet of an SA whose bucket has come to us; it waits for a lease.
void Worker::take_held(rte_mbuf* packet, const PacketMeta& meta) noexcept {
  ipsec::EspPacket entry;
  entry.data = rte_pktmbuf_mtod_offset(packet, std::uint8_t*, meta.l3_offset);
  entry.length = meta.length;
  entry.in_sa = meta.in_sa;
  entry.cookie = packet;
  entry.sequence = meta.sequence;
  entry.verdict = ipsec::EspVerdict::Held;
  const auto sa = entry.in_sa->index();
  if (!held_.push({entry, meta.deadline, sa, true})) drop(packet, DropReason::HoldFull);
  seen_lease_version_ = ~std::uint64_t{0};  // its lease may have come meanwhile
}

void Worker::take_task(rte_mbuf* packet) noexcept {
  const auto& meta = meta_of(packet);
  switch (meta.task) {
    case PacketTask::Encrypt:
    case PacketTask::EncryptHeld: take_encrypt(packet, meta); return;
    case PacketTask::Deliver: take_held(packet, meta); return;
    case PacketTask::Decrypt: {
      push_esp(packet, rte_pktmbuf_mtod_offset(packet, std::uint8_t*, meta.l4_offset), meta.length,
               meta.traffic_class);
      return;
    }
    case PacketTask::TransmitReady: transmit(packet, meta.port, packet->pkt_len); return;
    case PacketTask::Transmit: {
      const auto vlan = tables_.ports[meta.port].vlan;
      if (vlan != 0) {
        auto* frame =
            reinterpret_cast<std::uint8_t*>(rte_pktmbuf_prepend(packet, sizeof(net::VlanTag)));
        if (frame == nullptr) {
          drop(packet, DropReason::EspNoRoom);
          return;
        }
        std::memmove(frame, frame + sizeof(net::VlanTag), 2 * sizeof(net::MacAddress));
        const base::be16 words[2] = {base::be16(net::kEtherTypeVlan), base::be16(vlan)};
        std::memcpy(frame + 2 * sizeof(net::MacAddress), words, sizeof(words));
      }
      transmit(packet, meta.port, packet->pkt_len);
      return;
    }
    case PacketTask::SendAdjacent: {
      const auto* adjacency = tables_.adjacencies->lookup(meta.adjacency);
      // The row may have been withdrawn, or given to another neighbor, since it was published.
      if (adjacency != nullptr && adjacency->port == meta.port &&
          adjacency->address == meta.next_hop) {
        send_adjacent(packet, *adjacency);
      } else {
        punt_neighbor_miss(packet, meta.port, meta.next_hop, {meta.ingress, meta.from_tunnel});
      }
      return;
    }
    case PacketTask::Route: {
      ForwardPacket forward;
      forward.packet = packet;
      forward.l3 = rte_pktmbuf_mtod(packet, std::uint8_t*);
      forward.length = packet->pkt_len;
      forward.port = meta.port;
      forward.own = true;
      forward.clear_port = meta.clear_port;
      forward_.push(forward);
      return;
    }
    case PacketTask::Punt: break;
  }
  drop(packet, DropReason::Stopping);
}

void Worker::punt(rte_mbuf* packet, PuntReason reason, std::uint8_t port, std::uint16_t l3_offset,
                  bool from_tunnel, std::uint16_t mtu) noexcept {
  auto& meta = meta_of(packet);
  meta.task = PacketTask::Punt;
  meta.punt = reason;
  meta.port = port;
  meta.l3_offset = l3_offset;
  meta.from_tunnel = from_tunnel;
  meta.mtu = mtu;
  if (setup_.to_control->push(&packet, 1) != 1) {
    drop(packet, DropReason::PuntQueueFull);
    return;
  }
  counters_.to_control.add(1);
}

void Worker::punt_neighbor_miss(rte_mbuf* packet, std::uint8_t port, const net::IpAddress& next_hop,
                                Origin origin) noexcept {
  auto& meta = meta_of(packet);
  meta.next_hop = next_hop;
  meta.ingress = origin.port;
  punt(packet, PuntReason::NeighborMiss, port, 0, origin.from_tunnel);
}

void Worker::hand_to_peer(rte_mbuf* packet, std::uint8_t worker) noexcept {
  if (setup_.to_peers[worker]->packets.push(&packet, 1) != 1) {
    drop(packet, DropReason::HandoffQueueFull);
    return;
  }
  counters_.to_peer.add(1);
}

void Worker::drop(rte_mbuf* packet, DropReason reason) noexcept {
  counters_.drops[static_cast<std::size_t>(reason)].add(1);
  if (capturing_) [[unlikely]]
    capture_drop(packet, reason);
  dropped_[num_dropped_++] = packet;
  if (num_dropped_ == dropped_.size()) flush_drops();
}

void Worker::flush_drops() noexcept {
  if (num_dropped_ == 0) return;
  rte_pktmbuf_free_bulk(dropped_.data(), num_dropped_);
  num_dropped_ = 0;
}

// With `ip`, the bytes start at an IP header and get an Ethernet header without addresses.
void Worker::capture(const std::uint8_t* bytes, std::size_t length, bool ip) noexcept {
  auto* copy = rte_pktmbuf_alloc(setup_.capture_pool);
  if (copy == nullptr) {
    counters_.capture_lost.add(1);
    return;
  }
  auto* frame = rte_pktmbuf_mtod(copy, std::uint8_t*);
  std::size_t header_length = 0;
  if (ip) {
    net::EthernetHeader header;
    header.ether_type = base::be16((*bytes >> 4) == 4 ? net::kEtherTypeIpv4 : net::kEtherTypeIpv6);
    std::memcpy(frame, &header, sizeof(header));
    header_length = sizeof(header);
  }
  const auto taken = std::min<std::size_t>(
      {length, capture_filter_.snaplen, rte_pktmbuf_tailroom(copy) - header_length});
  std::memcpy(frame + header_length, bytes, taken);
  copy->data_len = static_cast<std::uint16_t>(header_length + taken);
  copy->pkt_len = copy->data_len;
  meta_of(copy).deadline = setup_.clock->now();  // when it was captured
  meta_of(copy).length =
      static_cast<std::uint16_t>(std::min<std::size_t>(header_length + length, 65535));
  if (setup_.to_capture->push(&copy, 1) != 1) {
    rte_pktmbuf_free(copy);
    counters_.capture_lost.add(1);
    return;
  }
  counters_.captured.add(1);
}

void Worker::capture_frame(const rte_mbuf* packet) noexcept {
  capture(rte_pktmbuf_mtod(packet, const std::uint8_t*), packet->data_len, false);
}

void Worker::capture_sa(const ipsec::EspPacket& packet, std::uint32_t sa) noexcept {
  if (capture_filter_.kind != CaptureKind::Sa || capture_filter_.sa != sa) return;
  capture(packet.data, packet.length, true);
}

// A dropped packet begins at its Ethernet or at its IP header, by how far it came. A frame whose
// destination address reads as an IP header with just its length does not occur.
void Worker::capture_drop(const rte_mbuf* packet, DropReason reason) noexcept {
  if (capture_filter_.kind != CaptureKind::Drop || capture_filter_.drop != reason) return;
  const auto* bytes = rte_pktmbuf_mtod(packet, const std::uint8_t*);
  const auto length = std::size_t{packet->data_len};
  bool ip = false;
  if (length >= sizeof(net::Ipv4Header) && (*bytes >> 4) == 4) {
    ip = base::wire_at<net::Ipv4Header>(bytes)->total_length.host() == length;
  } else if (length >= sizeof(net::Ipv6Header) && (*bytes >> 4) == 6) {
    ip = base::wire_at<net::Ipv6Header>(bytes)->payload_length.host() + sizeof(net::Ipv6Header) ==
         length;
  }
  capture(bytes, length, ip);
}

}  // namespace phalanx::dataplane
