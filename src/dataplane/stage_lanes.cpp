// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <rte_mbuf.h>

#include <algorithm>
#include <bit>

#include "phalanx/base/prefetch.hpp"
#include "phalanx/dataplane/worker.hpp"
#include "phalanx/net/ip.hpp"

// SAs in packet mode: this worker gives packets out, works on those of its own buckets and on those
// that others give it, and sends everything that it gave out in the old order. See
// docs/data-path.md, "One SA on many workers".

namespace phalanx::dataplane {
namespace {

// How long a run may keep those behind it waiting: longer than the system keeps a thread off its
// CPU where workers share one, and no longer than a peer's TCP takes for a pause.
constexpr auto kOrderTime = std::chrono::milliseconds(20);
// A worker that is to encrypt a run itself cannot give out others meanwhile. So that others do not
// run dry, it counts as having this many packets queued: two bursts for each of them.
constexpr std::uint32_t kOwnBacklog = 2 * kBurst;
// While the lanes are full, receiving pauses: packets wait in the device's queue, as they do when a
// single worker is too slow. Not for longer than this many polls if nothing moves.
constexpr unsigned kMaxRxPauses = 20000;
// Space that outer headers, padding and ICV may take, whatever the algorithm.
constexpr std::uint32_t kMostOverhead = 128;

}  // namespace

// ---- giving out ---------------------------------------------------------------------------------

std::uint8_t Worker::owner_of(const ipsec::InboundSa& sa, ipsec::EspPacket& packet) noexcept {
  const auto* esp = base::wire_at<net::EspHeader>(packet.data);
  const auto stripe = esp->sequence.host() >> sa.stripe_shift();
  const auto spi = esp->spi.host();
  if (stripe != last_stripe_ || spi != last_spi_ || !last_known_) {
    last_bucket_ = tables_.bucket_hash->esp_packet(base::Spi(spi), stripe).value();
    last_stripe_ = stripe;
    last_spi_ = spi;
    last_known_ = true;
  }
  packet.bucket = last_bucket_;
  return handover_.owner(last_bucket_);
}

void Worker::dispatch_in() noexcept {
  if (striped_in_.count == 0) return;
  const auto self = setup_.index.value();
  auto& own = scratch_;
  unsigned num_own = 0;
  auto* packets = striped_in_.items.data();
  for (unsigned i = 0; i < striped_in_.count;) {
    const auto owner = owner_of(*packets[i].in_sa, packets[i]);
    unsigned end = i + 1;
    // A run ends where the owner changes. The next packet's owner is asked for again then; its
    // bucket is known by that time.
    while (end < striped_in_.count && owner_of(*packets[end].in_sa, packets[end]) == owner) ++end;
    const auto fits = std::min(end - i, order_in_.room(owner));
    for (unsigned k = i + fits; k < end; ++k) {
      drop(static_cast<rte_mbuf*>(packets[k].cookie), DropReason::HandoffQueueFull);
    }
    if (fits != 0) {
      order_in_.give(owner, fits);
      if (owner == self) {
        std::copy_n(packets + i, fits, own.begin() + num_own);
        num_own += fits;
      } else {
        order_in_.send(owner, {packets + i, fits});
      }
    }
    i = end;
  }
  striped_in_.count = 0;
  if (num_own == 0) return;
  decrypt_own({own.data(), num_own});
  if (order_in_.alone(num_own)) {
    finish_decrypted({own.data(), num_own});
  } else {
    order_in_.finish_own({own.data(), num_own});
  }
}

void Worker::decrypt_own(std::span<ipsec::EspPacket> packets) noexcept {
  for (const auto& packet : packets) counters_.striped_bucket_packets[packet.bucket].add(1);
  engine_->decrypt_shared(packets);
  pass_raises();
}

std::uint8_t Worker::next_in_turn() noexcept {
  do {
    next_worker_ = static_cast<std::uint8_t>((next_worker_ + 1) % base::kMaxWorkers);
  } while (((setup_.encrypts >> next_worker_) & 1) == 0);
  return next_worker_;
}

// Of the workers that encrypt, the one with the fewest packets of ours; in turn, if several have.
std::uint8_t Worker::shortest_queue() noexcept {
  const auto self = setup_.index.value();
  std::uint8_t best = self;
  auto least = std::uint32_t{0xffffffff};
  for (auto left = std::popcount(setup_.encrypts); left > 0; --left) {
    const auto worker = next_in_turn();
    const auto queued = worker == self ? std::max(order_out_.outstanding(self), kOwnBacklog)
                                       : order_out_.outstanding(worker);
    if (queued >= least) continue;
    least = queued;
    best = worker;
  }
  next_worker_ = best;
  return best;
}

// Which worker is to encrypt the run that begins with this packet.
std::uint8_t Worker::pick_worker(const ipsec::EspPacket& packet) noexcept {
  if (std::has_single_bit(setup_.encrypts)) {
    return static_cast<std::uint8_t>(std::countr_zero(setup_.encrypts));
  }
  if (packet.place == FlowVerdict::kShortestLane) return shortest_queue();
  if (packet.place == FlowVerdict::kNextLane) return next_in_turn();
  return static_cast<std::uint8_t>(packet.place - 1);
}

// For a new flow.
std::uint8_t Worker::lane_for(const ipsec::Policy& policy) noexcept {
  switch (policy.dispatch) {
    case ipsec::Dispatch::PacketShortestQueue: break;
    case ipsec::Dispatch::PacketRoundRobin: return FlowVerdict::kNextLane;
    case ipsec::Dispatch::SessionShortestQueue:
      return static_cast<std::uint8_t>(shortest_queue() + 1);
    case ipsec::Dispatch::SessionRoundRobin: return static_cast<std::uint8_t>(next_in_turn() + 1);
  }
  return FlowVerdict::kShortestLane;
}

// Packets of SAs in packet mode that we own, in the order in which they are to leave. They get
// their numbers here and are then encrypted by whom pick_worker() names.
void Worker::dispatch_out(std::span<ipsec::EspPacket> packets) noexcept {
  unsigned begin = 0;
  unsigned end = 0;  // packets[begin, end) have numbers and go to `worker`
  std::uint8_t worker = 0;
  for (const auto& packet : packets) {
    auto entry = packet;
    if (must_queue(entry.out_sa->index())) [[unlikely]] {
      hold(entry, false);
      continue;
    }
    if (entry.length + kMostOverhead > entry.out_sa->outer_mtu() &&
        entry.length > entry.out_sa->inner_mtu()) [[unlikely]] {
      send_run(worker, packets.subspan(begin, end - begin));
      begin = end;
      too_big(entry);
      continue;
    }
    const bool fixed =
        entry.place != FlowVerdict::kShortestLane && entry.place != FlowVerdict::kNextLane;
    const auto wanted = begin == end || fixed ? pick_worker(entry) : worker;
    if (wanted != worker) {
      send_run(worker, packets.subspan(begin, end - begin));
      begin = end;
      worker = wanted;
    }
    if (order_out_.room(worker) <= end - begin) [[unlikely]] {
      drop(static_cast<rte_mbuf*>(entry.cookie), DropReason::HandoffQueueFull);
      continue;
    }
    if (!engine_->number(entry)) [[unlikely]] {
      if (entry.verdict == ipsec::EspVerdict::Held) {
        hold(entry, false);
      } else {
        drop(static_cast<rte_mbuf*>(entry.cookie), to_drop_reason(entry.verdict));
      }
      continue;
    }
    // Never ahead of the packet that is being looked at.
    packets[end++] = entry;
  }
  send_run(worker, packets.subspan(begin, end - begin));
  pass_raises();
}

void Worker::send_run(std::uint8_t worker, std::span<ipsec::EspPacket> run) noexcept {
  if (run.empty()) return;
  const auto count = static_cast<std::uint32_t>(run.size());
  order_out_.give(worker, count);
  if (worker != setup_.index.value()) {
    order_out_.send(worker, run);
    return;
  }
  engine_->encrypt_shared(run);
  if (order_out_.alone(count)) {
    finish_encrypted(run);
  } else {
    order_out_.finish_own(run);
  }
}

// ---- working for others -------------------------------------------------------------------------

unsigned Worker::serve_lanes() noexcept {
  unsigned total = 0;
  for (auto* link : setup_.from_peers) {
    if (link == nullptr) continue;
    total += serve(link->inbound, true);
    total += serve(link->outbound, false);
  }
  return total;
}

unsigned Worker::serve(PacketLane& lane, bool inbound) noexcept {
  auto& packets = scratch_;
  const auto settled = inbound ? handover_.settled_version() : base::SpscRing<int>::kAllVersions;
  const auto count = lane.work.pop(packets.data(), kBurst, settled);
  if (count == 0) return 0;
  const std::span burst(packets.data(), count);
  for (const auto& packet : burst) base::prefetch(packet.data);
  if (inbound) {
    decrypt_own(burst);
  } else {
    engine_->encrypt_shared(burst);
  }
  // There is room: the dispatcher has no more out than the lane has slots.
  lane.done.push(packets.data(), count);
  counters_.lane_served.add(count);
  return count;
}

// ---- taking back --------------------------------------------------------------------------------

unsigned Worker::collect_lanes() noexcept {
  unsigned total = 0;
  auto& packets = collected_;
  while (order_out_.outstanding() != 0) {
    const auto count = order_out_.take(packets);
    watch_order(order_out_, count, blocked_out_);
    if (count == 0) break;
    for (unsigned i = 0; i < count; ++i) base::prefetch(packets[i].data - 16);
    finish_encrypted({packets.data(), count});
    total += count;
  }
  while (order_in_.outstanding() != 0) {
    const auto count = order_in_.take(packets);
    watch_order(order_in_, count, blocked_in_);
    if (count == 0) break;
    for (unsigned i = 0; i < count; ++i) base::prefetch(packets[i].data);
    finish_decrypted({packets.data(), count});
    run_lists();
    total += count;
  }
  return total;
}

void Worker::watch_order(EgressOrder& order, unsigned taken, base::TimePoint& blocked) noexcept {
  if (taken != 0) {
    blocked = {};
    return;
  }
  const auto now = setup_.clock->now();
  if (blocked == base::TimePoint{}) {
    blocked = now;
  } else if (now - blocked > kOrderTime) {
    counters_.lane_late.add(order.skip());
    blocked = {};
  }
}

// Whether there is room for another burst, whoever it is for.
bool Worker::may_receive() noexcept {
  bool room = true;
  for (std::uint8_t worker = 0; worker < setup_.to_peers.size(); ++worker) {
    room = room && order_in_.room(worker) >= kBurst && order_out_.room(worker) >= kBurst;
    auto* link = setup_.to_peers[worker];
    room = room && (link == nullptr || link->packets.room(kBurst) >= kBurst);
  }
  rx_pauses_ = room ? 0 : rx_pauses_ + 1;
  return room || rx_pauses_ > kMaxRxPauses;
}

}  // namespace phalanx::dataplane
