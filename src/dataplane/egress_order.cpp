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
      own_(kMaxOutstanding) {}

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

void EgressOrder::send(std::uint8_t worker, std::span<const ipsec::EspPacket> packets) noexcept {
  // The lane has as many slots as room() allows packets.
  [[maybe_unused]] const auto pushed =
      lanes_[worker]->work.push(packets.data(), static_cast<std::uint32_t>(packets.size()));
  assert(pushed == packets.size());
}

void EgressOrder::finish_own(std::span<const ipsec::EspPacket> packets) noexcept {
  for (const auto& packet : packets) own_[own_end_++ & kMask] = packet;
}

bool EgressOrder::alone(std::uint32_t count) noexcept {
  if (outstanding_ != count || given_[self_] != count) return false;
  assert(own_first_ == own_end_);
  taken(self_, count);
  passed_total_ += count;
  first_run_ = end_run_;
  return true;
}

std::uint32_t EgressOrder::take(std::span<ipsec::EspPacket> out) noexcept {
  std::uint32_t total = num_late_ != 0 ? take_late(out) : 0;
  while (total < out.size() && first_run_ != end_run_) {
    auto& run = runs_[first_run_ & kMask];
    // A worker that is late holds nobody up again before it has caught up.
    if (late_[run.worker] != 0) [[unlikely]] {
      skip();
      continue;
    }
    const auto wanted = std::min<std::size_t>(run.count, out.size() - total);
    const auto room = out.subspan(total, wanted);
    const auto count = run.worker == self_ ? take_own(room)
                                           : lanes_[run.worker]->done.pop(
                                                 room.data(), static_cast<std::uint32_t>(wanted));
    if (count == 0) break;
    taken(run.worker, count);
    passed_total_ += count;
    total += count;
    run.count -= count;
    if (run.count == 0) ++first_run_;
  }
  return total;
}

std::uint32_t EgressOrder::take_own(std::span<ipsec::EspPacket> out) noexcept {
  const auto count =
      std::min<std::uint32_t>(own_end_ - own_first_, static_cast<std::uint32_t>(out.size()));
  for (std::uint32_t i = 0; i < count; ++i) out[i] = own_[own_first_++ & kMask];
  return count;
}

std::uint32_t EgressOrder::take_late(std::span<ipsec::EspPacket> out) noexcept {
  std::uint32_t total = 0;
  for (std::uint8_t worker = 0; worker < num_workers_; ++worker) {
    if (late_[worker] == 0) continue;
    const auto wanted = std::min<std::size_t>(late_[worker], out.size() - total);
    if (wanted == 0) break;
    const auto count =
        lanes_[worker]->done.pop(out.data() + total, static_cast<std::uint32_t>(wanted));
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
