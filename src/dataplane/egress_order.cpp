// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dataplane/egress_order.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace phalanx::dataplane {

EgressOrder::EgressOrder(base::WorkerIndex self, std::vector<PacketLane*> lanes)
    : self_(self.value()),
      num_workers_(static_cast<std::uint8_t>(lanes.size())),
      lanes_(std::move(lanes)),
      runs_(kMaxOutstanding),
      queues_(num_workers_) {
  for (std::uint8_t worker = 0; worker < num_workers_; ++worker) {
    queues_[worker].packets.resize(worker == self_ ? kMaxOutstanding : PacketLane::kSlots);
  }
  queues_[self_].ports.resize(kMaxOutstanding);
}

std::uint32_t EgressOrder::room(std::uint8_t worker) const noexcept {
  const auto all = kMaxOutstanding - outstanding_;
  return worker == self_ ? all : std::min(all, PacketLane::kSlots - given_[worker]);
}

void EgressOrder::give(std::uint8_t worker, std::uint32_t count) noexcept {
  assert(count <= room(worker));
  given_[worker] += count;
  outstanding_ += count;
  given_total_ += count;
  if (first_run_ != end_run_ && runs_[(end_run_ - 1) & kMask].worker == worker) {
    runs_[(end_run_ - 1) & kMask].count += count;
  } else {
    runs_[end_run_++ & kMask] = {count, worker};
  }
}

void EgressOrder::finish_own(std::span<const ipsec::EspPacket> packets,
                             const std::uint8_t* ports) noexcept {
  auto& queue = queues_[self_];
  for (const auto& packet : packets) {
    queue.packets[queue.end & kMask] = packet;
    queue.ports[queue.end & kMask] = *ports++;
    ++queue.end;
  }
}

bool EgressOrder::alone(std::uint32_t count) noexcept {
  if (outstanding_ != count || given_[self_] != count) return false;
  assert(queues_[self_].first == queues_[self_].end);
  taken(self_, count);
  passed_total_ += count;
  first_run_ = end_run_;
  return true;
}

std::uint32_t EgressOrder::take(LaneBurst& out, std::uint32_t most) noexcept {
  std::uint32_t total = num_late_ != 0 ? take_late(out, most) : 0;
  while (total < most && first_run_ != end_run_) {
    auto& run = runs_[first_run_ & kMask];
    // A worker that is late holds nobody up again before it has caught up.
    if (late_[run.worker] != 0) [[unlikely]] {
      skip();
      continue;
    }
    const auto end = std::min(most, total + run.count);
    const auto count =
        run.worker == self_ ? take_own(out, total, end) : take_done(run.worker, out, total, end);
    if (count == 0) break;
    taken(run.worker, count);
    passed_total_ += count;
    total += count;
    run.count -= count;
    if (run.count == 0) ++first_run_;
  }
  return total;
}

std::uint32_t EgressOrder::take_own(LaneBurst& out, std::uint32_t begin,
                                    std::uint32_t end) noexcept {
  auto& queue = queues_[self_];
  const auto count = std::min(queue.end - queue.first, end - begin);
  for (std::uint32_t i = begin; i < begin + count; ++i) {
    out.packets[i] = queue.packets[queue.first & kMask];
    out.ports[i] = queue.ports[queue.first & kMask];
    ++queue.first;
  }
  return count;
}

std::uint32_t EgressOrder::take_done(std::uint8_t worker, LaneBurst& out, std::uint32_t begin,
                                     std::uint32_t end) noexcept {
  auto& queue = queues_[worker];
  return lanes_[worker]->done.pop_each(
      end - begin, base::SpscRing<LaneResult>::kAllVersions,
      [&](std::uint32_t i, const LaneResult& result) {
        auto& packet = out.packets[begin + i];
        packet = queue.packets[queue.first++ & (PacketLane::kSlots - 1)];
        packet.data += result.shift;
        packet.length = result.length;
        packet.sequence = result.sequence;
        packet.verdict = result.verdict;
        packet.family = result.family;
        out.ports[begin + i] = result.port;
      });
}

std::uint32_t EgressOrder::take_late(LaneBurst& out, std::uint32_t most) noexcept {
  std::uint32_t total = 0;
  for (std::uint8_t worker = 0; worker < num_workers_ && total < most; ++worker) {
    if (late_[worker] == 0) continue;
    const auto count = take_done(worker, out, total, std::min(most, total + late_[worker]));
    late_[worker] -= count;
    num_late_ -= count;
    taken(worker, count);
    total += count;
  }
  return total;
}

std::uint32_t EgressOrder::skip() noexcept {
  if (first_run_ == end_run_) return 0;
  auto& run = runs_[first_run_ & kMask];
  if (run.worker == self_) return 0;  // never blocks
  const auto count = std::exchange(run.count, 0);
  late_[run.worker] += count;
  num_late_ += count;
  passed_total_ += count;
  ++first_run_;
  return count;
}

}  // namespace phalanx::dataplane
