// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/cluster_leases.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

namespace phalanx::control {
namespace {

using cluster::LeaseIndex;
using cluster::LeaseUse;

constexpr std::int64_t kInboundHeartbeats = 4;
constexpr std::int64_t kOutboundHeartbeats = 100;
constexpr std::int64_t kScansPerHorizon = 4;
constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

LeaseIndex lease_of(std::size_t index) noexcept {
  return LeaseIndex(static_cast<std::uint32_t>(index));
}

}  // namespace

cluster::LeaseBookConfig cluster_lease_sizes(base::Duration heartbeat_interval) {
  cluster::LeaseBookConfig sizes;
  sizes.inbound.horizon = heartbeat_interval * kInboundHeartbeats;
  sizes.outbound.horizon = heartbeat_interval * kOutboundHeartbeats;
  return sizes;
}

std::uint8_t lease_size_log2(std::uint64_t used, std::uint64_t number) noexcept {
  const auto ahead = number - std::min(number, used);
  const auto log2 = ahead <= 1 ? 0 : std::bit_width(ahead - 1);
  return std::min(static_cast<std::uint8_t>(log2), cluster::kMaxLeaseSizeLog2);
}

ClusterLeases::ClusterLeases(std::span<const LeaseSpec> specs, base::Duration heartbeat_interval,
                             Hooks hooks, base::TimePoint now)
    : hooks_(std::move(hooks)),
      scan_interval_(heartbeat_interval * kInboundHeartbeats / kScansPerHorizon),
      book_(cluster_lease_sizes(heartbeat_interval)),
      leases_(specs.size()),
      next_scan_(now) {
  constexpr std::uint64_t kHighestEsn = std::numeric_limits<std::uint64_t>::max();
  constexpr std::uint64_t kHighestWithoutEsn = std::numeric_limits<std::uint32_t>::max();
  for (const auto& spec : specs) {
    const auto lease =
        book_.add(spec.key, 0, spec.esn ? kHighestEsn : kHighestWithoutEsn, now, actions_);
    book_.suspend(lease);
  }
  actions_.clear();  // the first lease comes from the cluster
}

LeaseUse ClusterLeases::use_of(std::size_t index) const noexcept {
  const auto& source = leases_[index].source;
  return source.sa == nullptr ? LeaseUse{} : source.use(source.sa);
}

void ClusterLeases::attach(std::size_t index, const LeaseSource& source) {
  leases_[index].source = source;
  source.gate->publish(0, kNever);
}

void ClusterLeases::open(std::size_t index, std::uint64_t used, base::TimePoint now) {
  auto& lease = leases_[index];
  if (lease.source.sa == nullptr) return;
  lease.open = true;
  lease.wanted.reset();
  book_.resume(lease_of(index), used, std::max(used, hooks_.usable(index)), now, actions_);
  carry_out(now);
}

void ClusterLeases::shut(std::size_t index) {
  auto& lease = leases_[index];
  if (!std::exchange(lease.open, false)) return;
  lease.wanted.reset();
  book_.suspend(lease_of(index));
  lease.source.gate->publish(0, kNever);
}

void ClusterLeases::on_gate(std::size_t index, base::TimePoint now) {
  settle(index, now);
  carry_out(now);
}

// A raise is agreed when the quorum lets us use it; a lowering counts as soon as it is written.
void ClusterLeases::settle(std::size_t index, base::TimePoint now) {
  auto& lease = leases_[index];
  if (!lease.open || !lease.wanted || hooks_.usable(index) < *lease.wanted) return;
  lease.wanted.reset();
  book_.on_stored(lease_of(index), now, use_of(index), actions_);
}

void ClusterLeases::on_raise_request(std::size_t index, base::TimePoint now) {
  if (index >= leases_.size() || !leases_[index].open) return;
  book_.on_raise_request(lease_of(index), now, use_of(index), actions_);
  carry_out(now);
}

void ClusterLeases::step(base::TimePoint now) {
  while (!waiting_.empty() && hooks_.quiescence.passed(waiting_.front().token)) {
    for (const auto& [lease, round] : waiting_.front().leases) {
      if (!leases_[lease.value()].open) continue;
      book_.on_quiescent(lease, round, now, use_of(lease.value()), actions_);
    }
    waiting_.pop_front();
  }
  if (now >= next_scan_) {
    next_scan_ = now + scan_interval_;
    scan(now);
  }
  carry_out(now);
}

void ClusterLeases::scan(base::TimePoint now) {
  for (std::size_t i = 0; i < leases_.size(); ++i) {
    if (leases_[i].open) book_.observe(lease_of(i), now, use_of(i), actions_);
  }
}

// Limits first: a lowering waits for quiescence since its limit was published. Storing may lead to
// further actions at once (a lowering is agreed when written), so until there are none.
void ClusterLeases::carry_out(base::TimePoint now) {
  while (!actions_.publish.empty() || !actions_.store.empty() || !actions_.quiesce.empty()) {
    const auto actions = std::exchange(actions_, {});
    for (const auto& publish : actions.publish) {
      leases_[publish.lease.value()].source.gate->publish(publish.limit, publish.raise_at);
      ++published_;
    }
    if (!actions.quiesce.empty()) waiting_.push_back({hooks_.quiescence.start(), actions.quiesce});
    for (const auto& store : actions.store) {
      const auto index = store.lease.value();
      auto& lease = leases_[index];
      if (!lease.open) continue;
      const auto number = store.record.number;
      const cluster::LeaseValue value{number, lease_size_log2(use_of(index).number, number)};
      if (!hooks_.promise(index, value)) {
        book_.on_failed(store.lease);
        continue;
      }
      lease.wanted = number;
      settle(index, now);
    }
  }
}

}  // namespace phalanx::control
