// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/bucket_balancer.hpp"

#include <algorithm>

namespace phalanx::control {
namespace {

// Buckets of `from` that together take no more than `wanted` of its time, the largest first. What a
// worker does beside its buckets (receiving, sending) is part of its load and stays with it, so the
// costs are taken as shares of all that is known.
std::vector<dataplane::BucketMove> pick(const LoadSample& sample, std::uint8_t from,
                                        std::uint8_t to, double wanted) {
  std::vector<std::uint16_t> buckets;
  std::uint64_t total = 0;
  for (std::uint16_t i = 0; i < base::kNumBuckets; ++i) {
    if (sample.owner[i] != from || sample.cost[i] == 0) continue;
    buckets.push_back(i);
    total += sample.cost[i];
  }
  std::stable_sort(buckets.begin(), buckets.end(),
                   [&](auto a, auto b) { return sample.cost[a] > sample.cost[b]; });
  std::vector<dataplane::BucketMove> moves;
  auto left = wanted;
  for (const auto bucket : buckets) {
    const auto share = sample.workers[from].busy * static_cast<double>(sample.cost[bucket]) /
                       static_cast<double>(total);
    if (share > left) continue;
    left -= share;
    moves.push_back({base::BucketIndex(static_cast<std::uint8_t>(bucket)), base::WorkerIndex(to)});
    if (moves.size() == BucketBalancer::kMostMoves) break;
  }
  return moves;
}

}  // namespace

std::vector<dataplane::BucketMove> BucketBalancer::step(const LoadSample& sample) {
  const auto& workers = sample.workers;
  int most = -1;
  int least = -1;
  for (int i = 0; i < static_cast<int>(workers.size()); ++i) {
    const auto& worker = workers[static_cast<std::size_t>(i)];
    if (!worker.encrypts) continue;
    if (most < 0 || worker.busy > workers[static_cast<std::size_t>(most)].busy) most = i;
    if (least < 0 || worker.busy < workers[static_cast<std::size_t>(least)].busy) least = i;
  }
  if (most < 0) return {};
  const auto from = static_cast<std::uint8_t>(most);
  const auto to = static_cast<std::uint8_t>(least);
  const auto gap = workers[from].busy - workers[to].busy;
  if (gap < kGap || workers[from].busy < kIdle) {
    uneven_ = 0;
    return {};
  }
  if (uneven_ != 0 && (from != from_ || to != to_)) uneven_ = 0;
  from_ = from;
  to_ = to;
  if (++uneven_ < kPatience) return {};
  uneven_ = 0;
  return pick(sample, from, to, gap / 2);
}

}  // namespace phalanx::control
