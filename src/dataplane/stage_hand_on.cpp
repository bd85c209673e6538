// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <rte_mbuf.h>

#include <bit>
#include <cstring>

#include "phalanx/net/ethernet.hpp"
#include "worker_inline.hpp"

// Forward mode: one node, the receiver, takes what is sent to the MAC address that all nodes share
// (in spray mode each node what a router sends to it), and hands on what is another node's: the
// frame as it came, to that node's own address. A node that is no longer the owner, because the
// bucket moves, hands it on once more, to another address of the next one. So an address says how
// often a frame was handed on, and no frame goes in circles.
namespace phalanx::dataplane {
namespace {

constexpr std::size_t kMacBytes = sizeof(net::MacAddress);

// The logical port of a frame that distribute() has looked at.
std::uint8_t port_of_frame(const DeviceMap& map, const rte_mbuf* packet) noexcept {
  const auto* frame = rte_pktmbuf_mtod(packet, const std::uint8_t*);
  const auto* ethernet = base::wire_at<net::EthernetHeader>(frame);
  if (ethernet->ether_type.host() != net::kEtherTypeVlan) return map.untagged;
  const auto* tag = base::wire_at<net::VlanTag>(frame + sizeof(net::EthernetHeader));
  return map.port_of(tag->control.host() & net::VlanTag::kIdMask);
}

}  // namespace

// Switches that have not learnt yet where the shared address is show its frames to all nodes.
unsigned Worker::leave_to_receiver(const DeviceMap& map, rte_mbuf** packets,
                                   unsigned count) noexcept {
  std::uint32_t marked = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (packets[i]->data_len < sizeof(net::EthernetHeader) + sizeof(net::VlanTag)) continue;
    const auto port = port_of_frame(map, packets[i]);
    if (port == DeviceMap::kNone) continue;
    const auto destination = destination_mac(rte_pktmbuf_mtod(packets[i], const std::uint8_t*));
    marked |= static_cast<std::uint32_t>(destination == port_views_[port].mac) << i;
  }
  return marked == 0 ? count : drop_marked(map, packets, count, marked, DropReason::NotReceiver);
}

// Writes down who gets each packet that is another node's: packets may change their places before
// they are handed on.
void Worker::note_owners(rte_mbuf** packets, const base::BucketIndex* buckets,
                         const Candidates& found, unsigned n, std::uint32_t flows) noexcept {
  const auto note = [&](unsigned position, base::BucketIndex bucket) {
    packets[position]->hash.usr = tables_.distribution.owner(bucket).value();
  };
  for (unsigned i = 0; i < n; ++i) note(found.position[i], buckets[i]);
  for (; flows != 0; flows &= flows - 1) {
    const auto position = static_cast<unsigned>(std::countr_zero(flows));
    const auto bucket = foreign_.find(found.flow_hashes[position]);
    note(position, base::BucketIndex(static_cast<std::uint8_t>(bucket)));
  }
}

// As drop_marked(), for packets with a note.
unsigned Worker::hand_on_marked(const DeviceMap& map, rte_mbuf** packets, unsigned count,
                                std::uint32_t marked) noexcept {
  RxTally tally;
  unsigned ours = 0;
  for (unsigned i = 0; i < count; ++i) {
    auto* packet = packets[i];
    if ((marked >> i & 1) == 0) {
      packets[ours++] = packet;
      continue;
    }
    const auto port = port_of_frame(map, packet);
    count_rx(tally, port, packet->pkt_len);
    hand_on(packet, port, base::NodeId(static_cast<std::uint8_t>(packet->hash.usr)));
  }
  if (tally.packets != 0) {
    counters_.ports[tally.port].rx_packets.add(tally.packets);
    counters_.ports[tally.port].rx_bytes.add(tally.bytes);
  }
  return ours;
}

// A frame as it was received by `port`.
void Worker::hand_on(rte_mbuf* packet, std::uint8_t port, base::NodeId owner) noexcept {
  if (owner == DistributionTable::kNobody) {
    drop(packet, DropReason::NotOurBucket);
    return;
  }
  auto* frame = rte_pktmbuf_mtod(packet, std::uint8_t*);
  const auto& view = hand_on_[port];
  const auto destination = destination_mac(frame);
  std::uint64_t next = 0;
  if (destination == port_views_[port].mac || is_next_hop(destination, port_views_[port])) {
    next = view.others[0];
  } else if (destination == view.ours[0]) {
    next = view.others[1];
  } else {
    drop(packet, DropReason::HandedOnTwice);
    return;
  }
  next |= std::uint64_t{owner.value()} << kNodeShift;
  std::memcpy(frame, &next, kMacBytes);
  std::memcpy(frame + offsetof(net::EthernetHeader, source), view.ours.data(), kMacBytes);
  counters_.handed_on.add(1);
  transmit(packet, port, packet->pkt_len);
}

}  // namespace phalanx::dataplane
