// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <rte_mbuf.h>

#include <algorithm>
#include <bit>

#include "phalanx/net/ip.hpp"
#include "ttl.hpp"
#include "worker_inline.hpp"

// SAs in packet mode: this worker gives packets out, works on those of its own buckets and on those
// that others give it, and sends everything that it gave out in the old order. See
// docs/data-path.md, "One SA on many workers".

namespace phalanx::dataplane {
namespace {

// How long a run may keep those behind it waiting: longer than the system keeps a thread off its
// CPU where workers share one, and no longer than a peer's TCP takes for a pause.
constexpr auto kOrderTime = std::chrono::milliseconds(20);
// A worker that encrypts a run itself cannot give out others meanwhile, and what it gave out counts
// until it is taken back, most of the time on its way. So that others do not run dry, the worker
// itself counts as having half a lane queued.
constexpr std::uint32_t kOwnBacklog = PacketLane::kSlots / 2;
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
  std::uint32_t num_own = 0;
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
        if (num_own != i) std::copy_n(packets + i, fits, packets + num_own);
        num_own += fits;
      } else {
        order_in_.send(owner, {packets + i, fits},
                       [](const ipsec::EspPacket&) { return std::uint8_t{0}; });
      }
    }
    i = end;
  }
  striped_in_.count = 0;
  if (num_own == 0) return;
  const std::span own(packets, num_own);
  decrypt_burst(own);
  if (order_in_.alone(num_own)) {
    leave_in_order(own, ports_.data(), true);
  } else {
    order_in_.finish_own(own, ports_.data());
  }
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
  while (!packets.empty()) {
    std::size_t plain = 0;
    while (plain < packets.size() && !must_queue(packets[plain].out_sa->index()) &&
           !is_too_big(packets[plain])) {
      ++plain;
    }
    give_out(packets.first(plain));
    if (plain == packets.size()) break;
    const auto& odd = packets[plain];
    if (must_queue(odd.out_sa->index())) {
      hold(odd, false);
    } else {
      too_big(odd);
    }
    packets = packets.subspan(plain + 1);
  }
  pass_raises();
}

bool Worker::is_too_big(const ipsec::EspPacket& packet) noexcept {
  return packet.length + kMostOverhead > packet.out_sa->outer_mtu() &&
         packet.length > packet.out_sa->inner_mtu();
}

void Worker::give_out(std::span<ipsec::EspPacket> packets) noexcept {
  while (!packets.empty()) {
    const auto place = packets.front().place;
    const auto worker = pick_worker(packets.front());
    std::size_t count = 1;
    while (count < packets.size() && packets[count].place == place) ++count;
    const auto fits = std::min<std::size_t>(count, order_out_.room(worker));
    const auto numbered = engine_->number(packets.first(fits));
    send_run(worker, packets.first(numbered));
    if (numbered < fits) {
      const auto& refused = packets[numbered];
      if (refused.verdict == ipsec::EspVerdict::Held) {
        hold(refused, false);
      } else {
        drop(static_cast<rte_mbuf*>(refused.cookie), to_drop_reason(refused.verdict));
      }
      packets = packets.subspan(numbered + 1);
      if (refused.verdict != ipsec::EspVerdict::Held) continue;
      // Those of the same SA wait behind it.
      dispatch_out(packets);
      return;
    }
    for (const auto& packet : packets.subspan(fits, count - fits)) {
      drop(static_cast<rte_mbuf*>(packet.cookie), DropReason::HandoffQueueFull);
    }
    packets = packets.subspan(count);
  }
}

void Worker::send_run(std::uint8_t worker, std::span<ipsec::EspPacket> run) noexcept {
  if (run.empty()) return;
  const auto count = static_cast<std::uint32_t>(run.size());
  order_out_.give(worker, count);
  if (worker != setup_.index.value()) {
    order_out_.send(worker, run, [](const ipsec::EspPacket& packet) {
      return static_cast<std::uint8_t>(
          (packet.family == 6 ? LanePacket::kV6 : 0) |
          (packet.dont_fragment ? LanePacket::kDontFragment : 0) |
          (std::bit_cast<ClearOrigin>(packet.tag).own ? LanePacket::kKeepTtl : 0));
    });
    return;
  }
  for (const auto& packet : run) {
    if (!std::bit_cast<ClearOrigin>(packet.tag).own) decrement_ttl(packet.data, packet.family);
  }
  encrypt_burst(run);
  if (order_out_.alone(count)) {
    leave_in_order(run, ports_.data(), false);
  } else {
    order_out_.finish_own(run, ports_.data());
  }
}

// ---- working, for others too --------------------------------------------------------------------

// Notes in starts_ where each packet began. What can leave as it is becomes a frame here, where its
// lines are, and ports_ says where it leaves.
void Worker::encrypt_burst(std::span<ipsec::EspPacket> packets) noexcept {
  for (std::size_t i = 0; i < packets.size(); ++i) starts_[i] = packets[i].data;
  engine_->encrypt_shared(packets);
  auto index = kNoAdjacency;
  const Adjacency* adjacency = nullptr;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    auto& entry = packets[i];
    ports_[i] = LaneResult::kNotFramed;
    if (entry.verdict != ipsec::EspVerdict::Done) [[unlikely]]
      continue;
    const AdjacencyIndex wanted(entry.out_sa->tx_hint());
    if (wanted != index) {
      index = wanted;
      adjacency = tables_.adjacencies->lookup(index);
    }
    const auto room = entry.headroom - (starts_[i] - entry.data);
    if (adjacency == nullptr || room < adjacency->l2_length) [[unlikely]]
      continue;
    ports_[i] = make_frame(entry, *adjacency);
  }
}

// As encrypt_burst().
void Worker::decrypt_burst(std::span<ipsec::EspPacket> packets) noexcept {
  for (std::size_t i = 0; i < packets.size(); ++i) {
    starts_[i] = packets[i].data;
    counters_.striped_bucket_packets[packets[i].bucket].add(1);
  }
  engine_->decrypt_shared(packets);
  pass_raises();
  ports_.fill(LaneResult::kNotFramed);
  if (capturing_) [[unlikely]]
    return;
  std::array<std::uint32_t, kBurst> addresses;
  std::array<std::uint64_t, kBurst> targets;
  std::array<std::uint8_t, kBurst> places;
  unsigned plain = 0;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    const auto& entry = packets[i];
    if (entry.verdict != ipsec::EspVerdict::Done || entry.family != 4) [[unlikely]]
      continue;
    places[plain] = static_cast<std::uint8_t>(i);
    const auto* header = base::wire_at<net::Ipv4Header>(entry.data);
    addresses[plain++] = base::wire_at<base::be32>(header->destination.data())->host();
  }
  if (plain == 0) return;
  tables_.fib->lookup4(addresses.data(), targets.data(), static_cast<int>(plain));
  auto route = plain_route(Fib::kNoRoute);
  for (unsigned i = 0; i < plain; ++i) {
    if (targets[i] != route.number) route = plain_route(targets[i]);
    auto& entry = packets[places[i]];
    const auto ttl = base::wire_at<net::Ipv4Header>(entry.data)->ttl;
    // ESP header and IV stood before it: there is room for the frame's header.
    if (route.adjacency == nullptr || route.is_public || entry.length > route.mtu || ttl <= 1) {
      continue;
    }
    decrement_ttl(entry.data, 4);
    ports_[places[i]] = make_frame(entry, *route.adjacency);
  }
}

std::uint8_t Worker::make_frame(ipsec::EspPacket& entry, const Adjacency& adjacency) noexcept {
  entry.data = write_frame_header(entry.data, adjacency);
  entry.length += adjacency.l2_length;
  return adjacency.port;
}

unsigned Worker::serve_lanes() noexcept {
  unsigned total = 0;
  for (auto* link : setup_.from_peers) {
    if (link == nullptr) continue;
    total += serve(link->inbound, true);
    total += serve(link->outbound, false);
  }
  return total;
}

namespace {

// As base::prefetch(), and takes the line away from the core that wrote it last.
void prefetch_to_write(const void* address) noexcept {
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(address)));
}

// The lines where headers are read and written: outer ones go in front of the data. Asking for all
// lines of long packets was slower: the core waits for them here instead of in the cipher.
void ask_for(const LanePacket& packet, bool inbound) noexcept {
  prefetch_to_write(packet.data);
  prefetch_to_write(packet.data + (inbound ? 1 : -1) * std::ptrdiff_t{base::kCacheLine});
}

void unpack(const LanePacket& from, bool inbound, ipsec::EspPacket& to) noexcept {
  to.data = from.data;
  to.length = from.length;
  to.in_sa = from.in_sa;
  to.sequence = from.sequence;
  to.headroom = from.headroom;  // or bucket
  to.traffic_class = from.traffic_class;
  if (inbound) return;
  to.tailroom = from.tailroom;
  to.family = (from.flags & LanePacket::kV6) != 0 ? 6 : 4;
  to.dont_fragment = (from.flags & LanePacket::kDontFragment) != 0;
  if ((from.flags & LanePacket::kKeepTtl) == 0) decrement_ttl(to.data, to.family);
}

}  // namespace

unsigned Worker::serve(PacketLane& lane, bool inbound) noexcept {
  const auto settled = inbound ? handover_.settled_version() : base::SpscRing<int>::kAllVersions;
  const auto known = std::min(lane.work.available(settled, 2 * kBurst), 2 * kBurst);
  if (known == 0) return 0;
  // The next burst's lines are on their way while this one is worked on.
  for (; lane.asked < known; ++lane.asked) ask_for(lane.work.peek(lane.asked), inbound);
  const auto count = lane.work.pop_each(
      kBurst, settled,
      [&](std::uint32_t i, const LanePacket& packet) { unpack(packet, inbound, served_[i]); });
  lane.asked -= std::min(lane.asked, count);
  if (inbound) {
    decrypt_burst({served_.data(), count});
  } else {
    encrypt_burst({served_.data(), count});
  }
  // There is room: the dispatcher has no more out than the lane has slots.
  lane.done.push_each(count, [&](std::uint32_t i, LaneResult& result) {
    const auto& packet = served_[i];
    result = {.sequence = packet.sequence,
              .shift = static_cast<std::int16_t>(packet.data - starts_[i]),
              .length = static_cast<std::uint16_t>(packet.length),
              .verdict = packet.verdict,
              .family = packet.family,
              .port = ports_[i]};
  });
  counters_.lane_served.add(count);
  return count;
}

// ---- taking back --------------------------------------------------------------------------------

unsigned Worker::collect_lanes() noexcept {
  return collect(order_out_, blocked_out_, false) + collect(order_in_, blocked_in_, true);
}

unsigned Worker::collect(EgressOrder& order, base::TimePoint& blocked, bool inbound) noexcept {
  unsigned total = 0;
  while (order.outstanding() != 0) {
    const auto count = order.take(collected_);
    watch_order(order, count, blocked);
    if (count == 0) break;
    leave_in_order({collected_.packets.data(), count}, collected_.ports.data(), inbound);
    total += count;
  }
  return total;
}

// Packets whose turn it is. ports: of each, see LaneResult.
void Worker::leave_in_order(std::span<ipsec::EspPacket> packets, const std::uint8_t* ports,
                            bool inbound) noexcept {
  for (const auto& entry : packets) prefetch_to_write(entry.cookie);
  for (auto& entry : packets) {
    const auto port = *ports++;
    if (port == LaneResult::kNotFramed) [[unlikely]] {
      if (inbound) {
        finish_decrypted({&entry, 1});
      } else {
        finish_encrypted({&entry, 1});
      }
      continue;
    }
    if (inbound && must_queue(entry.in_sa->index())) [[unlikely]] {
      entry.tag = kFramed | port;
      hold(entry, true);
      continue;
    }
    // What was not a frame yet goes first.
    if (forward_.count != 0) [[unlikely]]
      run_lists();
    auto* packet = static_cast<rte_mbuf*>(entry.cookie);
    trim(packet, entry.data, entry.length);
    transmit(packet, port, entry.length);
  }
  if (inbound) run_lists();
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

// Whether there is room for another burst beside the one in the lists, whoever it is for.
bool Worker::lanes_have_room() const noexcept {
  bool room = true;
  const auto workers = static_cast<std::uint8_t>(setup_.to_peers.size());  // kMaxWorkers
  for (std::uint8_t worker = 0; worker < workers; ++worker) {
    room = room && order_in_.room(worker) >= 2 * kBurst && order_out_.room(worker) >= 2 * kBurst;
  }
  return room;
}

bool Worker::may_receive() noexcept {
  bool room = lanes_have_room();
  for (auto* link : setup_.to_peers) {
    room = room && (link == nullptr || link->packets.room(kBurst) >= kBurst);
  }
  if (room) [[likely]] {
    paused_ = {};
    return true;
  }
  if (paused_ == base::TimePoint{}) paused_ = setup_.clock->now();
  return paused_for_long();
}

// While the lanes are full, packets wait in the device's queue, as they do when a single worker is
// too slow; but not for a worker that is stuck.
bool Worker::paused_for_long() const noexcept {
  return paused_ != base::TimePoint{} && setup_.clock->now() - paused_ > kOrderTime;
}

}  // namespace phalanx::dataplane
