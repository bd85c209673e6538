// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/bucket_balancer.hpp"

#include <gtest/gtest.h>

namespace phalanx::control {
namespace {

using dataplane::BucketMove;

// Two workers that own every other bucket; only those of worker 0 carry anything.
LoadSample sample_of(double first, double second) {
  LoadSample sample;
  sample.workers = {{first, true}, {second, true}};
  for (std::size_t i = 0; i < sample.owner.size(); ++i) {
    sample.owner[i] = static_cast<std::uint8_t>(i % 2);
  }
  return sample;
}

std::vector<BucketMove> after_patience(BucketBalancer& balancer, const LoadSample& sample) {
  for (unsigned i = 1; i < BucketBalancer::kPatience; ++i) {
    EXPECT_TRUE(balancer.step(sample).empty());
  }
  return balancer.step(sample);
}

TEST(BucketBalancer, MovesHalfOfALastingGap) {
  BucketBalancer balancer;
  auto sample = sample_of(0.8, 0.2);
  for (std::size_t i = 0; i < 16; i += 2) sample.cost[i] = 100;  // eight buckets of 0.1 each
  const auto moves = after_patience(balancer, sample);
  ASSERT_EQ(moves.size(), 3U);
  for (const auto& move : moves) {
    EXPECT_EQ(move.to, base::WorkerIndex(1));
    EXPECT_EQ(sample.owner[move.bucket.value()], 0);
  }
  EXPECT_TRUE(balancer.step(sample).empty()) << "watches anew after a move";
}

TEST(BucketBalancer, LeavesAloneWhatIsEvenShortOrIdle) {
  struct Case {
    const char* description;
    double first;
    double second;
  };
  for (const auto& row : {Case{"even", 0.6, 0.5}, Case{"idle", 0.25, 0.0}}) {
    SCOPED_TRACE(row.description);
    BucketBalancer balancer;
    auto sample = sample_of(row.first, row.second);
    sample.cost.fill(10);
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(balancer.step(sample).empty());
  }
  BucketBalancer balancer;
  auto uneven = sample_of(0.9, 0.1);
  auto even = sample_of(0.5, 0.5);
  uneven.cost.fill(10);
  even.cost.fill(10);
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(balancer.step(uneven).empty());
    EXPECT_TRUE(balancer.step(uneven).empty());
    EXPECT_TRUE(balancer.step(even).empty()) << "a gap that does not last moves nothing";
  }
}

TEST(BucketBalancer, ABucketThatFillsAWorkerStays) {
  BucketBalancer balancer;
  auto sample = sample_of(1.0, 0.0);
  sample.cost[4] = 1000;
  EXPECT_TRUE(after_patience(balancer, sample).empty());
  // With a little beside it, that goes.
  sample.cost[6] = 10;
  const auto moves = after_patience(balancer, sample);
  ASSERT_EQ(moves.size(), 1U);
  EXPECT_EQ(moves[0].bucket, base::BucketIndex(6));
}

TEST(BucketBalancer, WorkersThatOwnNoBucketsTakeNoPart) {
  BucketBalancer balancer;
  auto sample = sample_of(0.9, 0.8);
  sample.workers.push_back({0.0, false});
  sample.workers.push_back({1.0, false});
  sample.cost.fill(10);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(balancer.step(sample).empty());
}

TEST(BucketBalancer, ConvergesWithoutMovingToAndFro) {
  BucketBalancer balancer;
  std::array<std::uint64_t, base::kNumBuckets> cost{};
  std::array<std::uint8_t, base::kNumBuckets> owner{};
  for (std::size_t i = 0; i < 64; ++i) cost[i] = 1 + i % 7;
  std::size_t moved = 0;
  std::size_t last_move = 0;
  for (std::size_t interval = 0; interval < 200; ++interval) {
    LoadSample sample;
    sample.owner = owner;
    sample.cost = cost;
    std::array<std::uint64_t, 3> load{};
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < cost.size(); ++i) {
      load[owner[i]] += cost[i];
      total += cost[i];
    }
    for (const auto each : load) {
      sample.workers.push_back(
          {1.5 * static_cast<double>(each) / static_cast<double>(total), true});
    }
    for (const auto& move : balancer.step(sample)) {
      owner[move.bucket.value()] = move.to.value();
      ++moved;
      last_move = interval;
    }
  }
  EXPECT_GT(moved, 20U);
  EXPECT_LT(moved, 100U);
  EXPECT_LT(last_move, 60U);
}

}  // namespace
}  // namespace phalanx::control
