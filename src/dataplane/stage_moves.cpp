// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <rte_mbuf.h>

#include <algorithm>
#include <bit>

#include "phalanx/dataplane/worker.hpp"

// Buckets move between workers: this worker's steps. The rules stand in bucket_handover.hpp.

namespace phalanx::dataplane {

void Worker::follow_moves() noexcept {
  if (handover_.outdated()) [[unlikely]]
    adopt_table();
  if (handover_.at_rest()) [[likely]]
    return;
  if (!handover_.drained()) try_to_drain();
  if (!handover_.settled() && handover_.settle()) take_from_givers();
}

// All packets received so far are in the queues that the old table named, or finished.
void Worker::adopt_table() noexcept {
  handover_.adopt();
  counters_.moves.add(1);
  for (auto* link : setup_.to_peers) {
    if (link == nullptr) continue;
    link->packets.fence(handover_.version());
    // Not the outbound lane: whoever owns the buckets, any worker may encrypt.
    link->inbound.work.fence(handover_.version());
  }
  drain_mark_.reset();
  pass_on_held();
}

void Worker::try_to_drain() noexcept {
  const auto version = handover_.version();
  for (auto* link : setup_.from_peers) {
    if (link == nullptr) continue;
    if (!link->packets.passed(version) || !link->inbound.work.passed(version)) return;
  }
  if (!drain_mark_) {
    engine_->flush();
    collect_crypto();
    run_lists();
    drain_mark_ = order_out_.mark();
  }
  // Numbers that were given out here are to leave before those of the new owner.
  if (!order_out_.passed(*drain_mark_)) return;
  flush_tx();
  if (!pass_on_held()) return;  // a full queue: another try at the next poll
  handover_.drain();
}

// Packets that wait for a lease go with the bucket of their SA; false when some had to stay. Those
// that came in packet mode wait where they were received, whoever owns their buckets.
bool Worker::pass_on_held() noexcept {
  bool all = true;
  for (auto left = held_.size(); left > 0; --left) {
    const auto entry = held_.pop();
    const auto bucket =
        entry.inbound ? entry.packet.in_sa->bucket() : entry.packet.out_sa->bucket();
    const bool stays =
        handover_.mine(bucket) || (entry.inbound && entry.packet.in_sa->packet_mode());
    if (!stays && pass_on(entry, handover_.owner(bucket.value()))) continue;
    all = all && stays;
    [[maybe_unused]] const bool kept = held_.push(entry);  // its place is still free
  }
  return all;
}

bool Worker::pass_on(const HoldQueue::Entry& entry, std::uint8_t owner) noexcept {
  auto& ring = setup_.to_peers[owner]->packets;
  if (ring.room(1) == 0) return false;
  auto* packet = static_cast<rte_mbuf*>(entry.packet.cookie);
  auto& meta = meta_of(packet);
  meta.deadline = entry.deadline;
  meta.sequence = entry.packet.sequence;
  meta.l3_offset =
      static_cast<std::uint16_t>(entry.packet.data - rte_pktmbuf_mtod(packet, const std::uint8_t*));
  if (entry.inbound) {
    meta.task = PacketTask::Deliver;
    meta.in_sa = entry.packet.in_sa;
    meta.length = static_cast<std::uint16_t>(entry.packet.length);
  } else {
    const auto from = std::bit_cast<ClearOrigin>(entry.packet.tag);
    meta.task = PacketTask::EncryptHeld;
    meta.out_sa = entry.packet.out_sa;
    meta.port = from.port;
    meta.from_tunnel = from.from_tunnel;
    meta.own = from.own;
    meta.lane = static_cast<std::uint8_t>(entry.packet.place);
  }
  hand_to_peer(packet, owner);
  return true;
}

// What was waiting with the bucket's old owner is older than what others have sent us since.
void Worker::take_from_givers() noexcept {
  for (std::size_t other = 0; other < setup_.from_peers.size(); ++other) {
    auto* link = setup_.from_peers[other];
    if (link == nullptr || ((handover_.gains_from() >> other) & 1) == 0) continue;
    auto left = link->packets.available(handover_.settled_version(), kPeerRingSlots);
    while (left != 0) left -= std::min(left, poll_peer(*link));
  }
}

}  // namespace phalanx::dataplane
