// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/load_watch.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "phalanx/base/log.hpp"

namespace phalanx::control {
namespace {

constexpr auto kInterval = std::chrono::seconds(1);
// An interval that took longer says little: this process was stopped, or kept off its CPUs.
constexpr auto kLongestInterval = 2 * kInterval;
constexpr const char* kComponent = "load";
// What a packet costs beside its bytes, in bytes: measured, GCM takes 0.08 ns a byte and the rest
// of the way 60 ns a packet. Shares are computed from it, never times.
constexpr std::uint64_t kPacketCost = 750;

std::uint64_t cost_of(std::uint64_t packets, std::uint64_t bytes) noexcept {
  return packets * kPacketCost + bytes;
}

}  // namespace

LoadWatch::LoadWatch(dataplane::Dataplane& dataplane, std::vector<std::string> sa_names,
                     base::TimePoint now)
    : dataplane_(dataplane),
      sa_names_(std::move(sa_names)),
      last_(now),
      last_tsc_(dataplane::Dataplane::cycles()),
      busy_(dataplane.config().workers.size()) {
  for (const auto& worker : dataplane.config().workers) {
    sample_.workers.push_back({0, worker.encrypts()});
  }
}

void LoadWatch::step(base::TimePoint now) {
  if (now - last_ < kInterval) return;
  const auto took = now - std::exchange(last_, now);
  measure_workers(dataplane::Dataplane::cycles());
  measure_buckets();
  if (took > kLongestInterval) return;
  find_elephants();
  if (!dataplane_.config().rebalance.enabled || sample_.workers.size() == 1) return;
  const auto moves = balancer_.step(sample_);
  if (moves.empty() || !dataplane_.move_buckets(moves)) return;
  moved_ += moves.size();
  base::log_info(kComponent, "moves buckets to a worker with less to do buckets=" +
                                 std::to_string(moves.size()) +
                                 " to=" + std::to_string(moves.front().to.value()));
}

void LoadWatch::measure_workers(std::uint64_t tsc) {
  const auto span = static_cast<double>(std::max<std::uint64_t>(tsc - last_tsc_, 1));
  last_tsc_ = tsc;
  for (std::size_t i = 0; i < busy_.size(); ++i) {
    const auto cycles = dataplane_.worker(i).counters().busy_cycles.get();
    sample_.workers[i].busy = std::min(1.0, static_cast<double>(cycles - busy_[i]) / span);
    busy_[i] = cycles;
  }
}

void LoadWatch::measure_buckets() {
  const auto& sas = *dataplane_.tables().sas;
  sas_.resize(sas.size());
  cost_.resize(sas.size());
  sample_.cost.fill(0);
  const auto cost_since = [&](const auto& sa) {
    auto& seen = sas_[sa.index()];
    const Seen now{sa.packets(), sa.bytes()};
    const auto cost = cost_of(now.packets - seen.packets, now.bytes - seen.bytes);
    seen = now;
    cost_[sa.index()] = cost;
    return cost;
  };
  std::uint64_t striped_cost = 0;
  for (const auto& sa : sas.inbound()) {
    const auto cost = cost_since(sa);
    (sa.packet_mode() ? striped_cost : sample_.cost[sa.bucket().value()]) += cost;
  }
  for (const auto& sa : sas.outbound()) {
    const auto cost = cost_since(sa);
    // In packet mode its packets go where there is room: no bucket carries them.
    if (!sa.packet_mode()) sample_.cost[sa.bucket().value()] += cost;
  }

  std::array<std::uint64_t, base::kNumBuckets> packets{};
  std::uint64_t total = 0;
  for (std::size_t bucket = 0; bucket < packets.size(); ++bucket) {
    std::uint64_t now = 0;
    for (std::size_t worker = 0; worker < busy_.size(); ++worker) {
      now += dataplane_.worker(worker).counters().striped_bucket_packets[bucket].get();
    }
    packets[bucket] = now - striped_[bucket];
    striped_[bucket] = now;
    total += packets[bucket];
    sample_.owner[bucket] =
        dataplane_.owner(base::BucketIndex(static_cast<std::uint8_t>(bucket))).value();
  }
  for (std::size_t bucket = 0; bucket < packets.size() && total != 0; ++bucket) {
    sample_.cost[bucket] += striped_cost / total * packets[bucket];
  }
}

// The time of a worker that goes to one SA, by the SA's share of the costs of its buckets.
void LoadWatch::find_elephants() {
  std::vector<std::uint64_t> total(busy_.size());
  for (std::size_t i = 0; i < sample_.cost.size(); ++i) {
    total[sample_.owner[i]] += sample_.cost[i];
  }
  std::vector<Elephant> large;
  const auto& sas = *dataplane_.tables().sas;
  const auto look = [&](const auto& sa) {
    const auto owner = dataplane_.owner(sa.bucket()).value();
    if (sa.packet_mode() || total[owner] == 0) return;
    const auto share = sample_.workers[owner].busy * static_cast<double>(cost_[sa.index()]) /
                       static_cast<double>(total[owner]);
    const auto percent = static_cast<unsigned>(share * 100);
    if (percent >= dataplane_.config().rebalance.elephant_percent) {
      large.push_back({sa.index(), percent});
    }
  };
  for (const auto& sa : sas.inbound()) look(sa);
  for (const auto& sa : sas.outbound()) look(sa);
  std::sort(large.begin(), large.end(), [](auto& a, auto& b) { return a.sa < b.sa; });
  for (const auto& found : elephants_.step(large)) {
    base::log_warn(kComponent,
                   "one SA fills a worker, packet mode would spread it sa=" + sa_names_[found.sa] +
                       " percent=" + std::to_string(found.percent));
  }
}

}  // namespace phalanx::control
