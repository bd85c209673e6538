// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <algorithm>
#include <chrono>
#include <utility>

#include "phalanx/control/cluster_service.hpp"

// ClusterService: buckets that open, close, come and go.
namespace phalanx::control {
namespace {

using namespace std::chrono_literals;
using cluster::Direction;

// Longer than workers hold packets that wait for a lease (100 ms).
constexpr auto kSettle = 150ms;
// A packet may be in a queue between two workers: both pass a burst twice.
constexpr unsigned kRounds = 2;
// First leases of an SA: what the lease book has as minimum.
constexpr cluster::LeaseValue kFirstInbound{1, 0};
constexpr cluster::LeaseValue kFirstOutbound{1024, 10};

}  // namespace

void ClusterService::begin_opening(base::BucketIndex index, base::TimePoint now) {
  auto& bucket = at(index);
  if (!driver_->node().serves(index) || bucket.phase == Phase::Ours) return;
  const bool traces = bucket.left && now - *bucket.left < kSettle;
  if (!bucket.left) return finish_opening(index, now);
  bucket.phase = Phase::Settling;
  bucket.since = traces ? *bucket.left : now - kSettle;
  bucket.rounds = 0;
  moving_.insert(index);
}

void ClusterService::finish_opening(base::BucketIndex index, base::TimePoint now) {
  auto& bucket = at(index);
  bucket.phase = Phase::Ours;
  bucket.closed_for = {};
  bucket.since = now;
  ++stats_.opened;
  ++ours_;
  ++changes_.opened;
  changes_.moved_here += moves_.expects(index) ? 1 : 0;
  const auto& entries = driver_->node().memory().table.bucket(index).entries;
  std::vector<std::uint64_t> passed;
  for (const auto sa : bucket.sas) {
    const auto entry = entries.find(specs_[sa].key.uid);
    if (entry == entries.end()) {
      install(sa);
      continue;
    }
    open_sa(sa, entry->second, now);
    const auto& out = entry->second.directions[static_cast<std::size_t>(Direction::Outbound)];
    const auto noted = parse_passed(out.window);
    passed.insert(passed.end(), noted.begin(), noted.end());
  }
  moves_.arrived(index, std::move(passed));
  dataplane_.tables().distribution.assign(index, self_);
  moves_.release(index, now);
}

// The core waits for the workers before it tells the next node.
void ClusterService::move_ready(base::BucketIndex index) {
  static_cast<void>(
      driver_->command([&](cluster::Node& node, base::TimePoint now, cluster::Outputs& out) {
        node.move_ready(index, now, out);
        return cluster::Node::Status(base::Ok{});
      }));
}

void ClusterService::install(std::uint32_t sa) {
  // No voter has agreed to a number of it, in this generation or one before: it begins.
  cluster::Install install;
  install.uid = specs_[sa].key.uid;
  install.bucket = bucket_of(sa);
  const auto way = static_cast<std::size_t>(direction_of(sa));
  install.leases[way] =
      direction_of(sa) == cluster::Direction::Inbound ? kFirstInbound : kFirstOutbound;
  const auto done =
      driver_->command([&](cluster::Node& node, base::TimePoint now, cluster::Outputs& out) {
        return node.install(install, now, out);
      });
  if (done.ok()) {
    ++stats_.installed;
  } else if (done.error() == cluster::CommandError::StreamFull) {
    to_install_.insert(sa);
  }
}

// At the floor that follows from all earlier owners' leases, or exactly where the last one stopped.
void ClusterService::open_sa(std::uint32_t sa, const cluster::Entry& entry, base::TimePoint now) {
  const auto& state = entry.directions[static_cast<std::size_t>(direction_of(sa))];
  auto& sas = *dataplane_.tables().sas;
  const auto floor = std::max<std::uint64_t>(state.floor, 1);
  const auto window = direction_of(sa) == Direction::Inbound ? parse_window(state.window)
                                                             : std::optional<WindowRecord>();
  if (window) {
    sas.resume(sa, window->top, window->seen);
    leases_->open(sa, window->top, now);
    return;
  }
  sas.restart(sa, floor);
  leases_->open(sa, floor - 1, now);
}

// The next owner holds what it receives from now on. What it has received before is ours to send,
// so workers finish with all that has come first.
void ClusterService::begin_closing(base::BucketIndex index, base::NodeId to, base::TimePoint now) {
  if (at(index).phase != Phase::Ours) return;
  const auto known = to_close_.find(index);
  if (known == to_close_.end()) {
    to_close_.emplace(index, WantedClosing{to, moves_.start_drain(now)});
  } else {
    known->second.to = to;
  }
}

void ClusterService::step_closings(base::TimePoint now) {
  for (auto each = to_close_.begin(); each != to_close_.end();) {
    const auto& [index, wanted] = *each;
    if (!moves_.is_drained(wanted.drain, now)) {
      ++each;
      continue;
    }
    auto& bucket = at(index);
    dataplane_.tables().distribution.assign(index, wanted.to);
    bucket.phase = Phase::Closing;
    bucket.closed_for = wanted.to;
    bucket.since = now;
    bucket.rounds = kRounds;
    bucket.waited = false;
    bucket.given_up = false;
    bucket.token = dataplane_.quiescence().start();
    bucket.left.reset();
    --ours_;
    ++changes_.moved_away;
    moving_.insert(index);
    each = to_close_.erase(each);
  }
}

// What waits for a lease leaves first; then workers are quiescent once more. Before it is given up
// the gates are shut, so that none gets a number behind the ones that the closing records will
// tell.
bool ClusterService::may_finish_closing(base::BucketIndex index, base::TimePoint now) {
  auto& bucket = at(index);
  if (bucket.given_up) return true;
  const auto held = [&](std::uint32_t sa) {
    return any_worker([sa](const auto& worker) { return worker.holds(sa); });
  };
  if (std::any_of(bucket.sas.begin(), bucket.sas.end(), held)) {
    bucket.waited = true;
    if (now - bucket.since < config_.heartbeat_interval) return false;
    for (const auto sa : bucket.sas) leases_->shut(sa);
    bucket.given_up = true;
  } else if (!bucket.waited) {
    return true;
  }
  bucket.waited = false;
  bucket.rounds = kRounds;
  bucket.token = dataplane_.quiescence().start();
  return false;
}

void ClusterService::finish_closing(base::BucketIndex index, base::TimePoint now) {
  auto& bucket = at(index);
  const auto& sas = *dataplane_.tables().sas;
  const auto& entries = driver_->node().memory().table.bucket(index).entries;
  std::vector<cluster::Closing> closings;
  auto passed = moves_.left(index);
  for (const auto sa : bucket.sas) {
    leases_->shut(sa);
    const auto uid = specs_[sa].key.uid;
    const auto entry = entries.find(uid);
    if (entry == entries.end()) continue;
    cluster::Closing closing;
    closing.uid = uid;
    closing.direction = direction_of(sa);
    closing.top.size_log2 =
        entry->second.directions[static_cast<std::size_t>(closing.direction)].lease.size_log2;
    if (const auto* in = sas.inbound(sa)) {
      closing.top.number = in->top_sequence();
      closing.window = write_window({in->top_sequence(), in->window().seen()});
    } else {
      closing.top.number = sas.outbound(sa)->next_sequence() - 1;
      closing.window = write_passed(std::exchange(passed, {}));
    }
    closings.push_back(std::move(closing));
  }
  const auto done =
      driver_->command([&](cluster::Node& node, base::TimePoint at, cluster::Outputs& out) {
        return node.close_bucket(index, closings, at, out);
      });
  if (done.ok()) ++stats_.closed;
  // Traces for who opens the bucket again: what was given up, and what comes out of a multi-buffer
  // manager only now, wait for a gate that is shut.
  const bool in_crypto =
      any_worker([](const auto& worker) { return worker.counters().in_crypto.get() != 0; });
  if (bucket.given_up || in_crypto) bucket.left = now;
  bucket.phase = Phase::Away;
  bucket.since = now;
}

void ClusterService::shut(base::BucketIndex index, base::TimePoint now) {
  auto& bucket = at(index);
  moving_.erase(index);
  to_close_.erase(index);
  moves_.forget(index);
  const bool ours = bucket.phase == Phase::Ours;
  if (ours || bucket.phase == Phase::Closing) {
    for (const auto sa : bucket.sas) leases_->shut(sa);
    bucket.left = now;
  }
  if (ours) {
    dataplane_.tables().distribution.assign(index, dataplane::DistributionTable::kNobody);
    ++stats_.shut;
    ++changes_.taken_away;
    --ours_;
  }
  bucket.phase = Phase::Away;
  bucket.closed_for = {};
  bucket.since = now;
}

void ClusterService::shut_all(base::TimePoint now) {
  for (std::size_t i = 0; i < base::kNumBuckets; ++i) {
    shut(base::BucketIndex(static_cast<std::uint8_t>(i)), now);
  }
}

bool ClusterService::settled(Bucket& bucket) {
  auto& quiescence = dataplane_.quiescence();
  if (!quiescence.passed(bucket.token)) return false;
  if (--bucket.rounds == 0) return true;
  bucket.token = quiescence.start();
  return false;
}

void ClusterService::step_buckets(base::TimePoint now) {
  step_closings(now);
  for (auto at_index = moving_.begin(); at_index != moving_.end();) {
    const auto index = *at_index++;  // finishing takes it out
    auto& bucket = at(index);
    if (bucket.phase == Phase::Settling && bucket.rounds == 0) {
      if (now - bucket.since < kSettle) continue;
      bucket.rounds = kRounds;
      bucket.token = dataplane_.quiescence().start();
    }
    if (bucket.rounds != 0 && !settled(bucket)) continue;
    if (bucket.phase == Phase::Closing && !may_finish_closing(index, now)) continue;
    moving_.erase(index);
    if (bucket.phase == Phase::Settling) {
      finish_opening(index, now);
    } else {
      finish_closing(index, now);
    }
  }
  if (to_install_.empty()) return;
  for (const auto sa : std::exchange(to_install_, {})) {
    if (at(bucket_of(sa)).phase == Phase::Ours) install(sa);
  }
}

}  // namespace phalanx::control
