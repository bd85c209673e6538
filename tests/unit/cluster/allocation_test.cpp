// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/cluster/allocation.hpp"

#include <gtest/gtest.h>

#include <array>
#include <map>

namespace phalanx::cluster {
namespace {

constexpr StreamId stream_of(unsigned node) {
  return {base::NodeId(static_cast<std::uint8_t>(node)), base::BootCount(1), 0};
}
std::vector<base::NodeId> nodes(std::initializer_list<unsigned> ids) {
  std::vector<base::NodeId> list;
  for (const auto id : ids) list.push_back(base::NodeId(static_cast<std::uint8_t>(id)));
  return list;
}
struct Fixture {
  OwnerTable owners = no_owners();
  std::array<std::uint32_t, base::kNumBuckets> load{};
  std::vector<BucketMove> plan(std::vector<Candidate> candidates, PlanOptions options = {}) {
    const auto moves = plan_moves(owners, candidates, load, options);
    for (const auto& move : moves) owners[move.bucket.value()].stream = move.to;
    return moves;
  }
  std::map<StreamId, int> counts() const {
    std::map<StreamId, int> counts;
    for (const auto& owner : owners) ++counts[owner.stream];
    return counts;
  }
};

TEST(VoterSet, AQuorumIsMoreThanHalf) {
  const VoterSet three{1, nodes({1, 2, 3}), {}};
  EXPECT_TRUE(three.is_quorum(nodes({1, 3})));
  EXPECT_FALSE(three.is_quorum(nodes({1})));
  EXPECT_FALSE(three.is_quorum(nodes({1, 4, 5}))) << "strangers do not count";
  const VoterSet two{1, nodes({1, 2}), {}};
  EXPECT_FALSE(two.is_quorum(nodes({1}))) << "half is not a majority";
}

TEST(VoterSet, AnOpenChangeNeedsBothMajorities) {
  const VoterSet changing{2, nodes({1, 2, 3}), nodes({2, 3, 4, 5, 6})};
  EXPECT_FALSE(changing.is_quorum(nodes({1, 2, 3})));
  EXPECT_FALSE(changing.is_quorum(nodes({4, 5, 6})));
  EXPECT_TRUE(changing.is_quorum(nodes({2, 3, 4})));
  EXPECT_EQ(changing.all().size(), 6u);
}

TEST(PlanMoves, FirstTableFollowsTheWeights) {
  Fixture f;
  const auto moves = f.plan({{stream_of(1), 1}, {stream_of(2), 1}, {stream_of(3), 2}});
  EXPECT_EQ(moves.size(), base::kNumBuckets);
  EXPECT_EQ(f.counts()[stream_of(1)], 64);
  EXPECT_EQ(f.counts()[stream_of(2)], 64);
  EXPECT_EQ(f.counts()[stream_of(3)], 128);
}

TEST(PlanMoves, ADeathMovesTheDeadNodesBucketsAndNoOthers) {
  Fixture f;
  f.plan({{stream_of(1), 1}, {stream_of(2), 1}, {stream_of(3), 1}});
  const auto before = f.owners;
  const auto moves = f.plan({{stream_of(1), 1}, {stream_of(3), 1}});
  for (const auto& move : moves) {
    EXPECT_EQ(before[move.bucket.value()].stream, stream_of(2));
  }
  EXPECT_EQ(f.counts()[stream_of(1)], 128);
  EXPECT_EQ(f.counts()[stream_of(3)], 128);
}

TEST(PlanMoves, AJoinerGetsItsShareByTheFewestMoves) {
  Fixture f;
  f.plan({{stream_of(1), 1}, {stream_of(2), 1}, {stream_of(3), 1}});
  const auto moves =
      f.plan({{stream_of(1), 1}, {stream_of(2), 1}, {stream_of(3), 1}, {stream_of(4), 1}},
             {.rebalance = true, .hysteresis_percent = 10});
  EXPECT_EQ(moves.size(), 64u);
  for (const auto& move : moves) EXPECT_EQ(move.to, stream_of(4));
}

TEST(PlanMoves, SmallDifferencesAreLeftAlone) {
  Fixture f;
  f.load.fill(99);
  f.plan({{stream_of(1), 1}, {stream_of(2), 1}});
  f.owners[0].stream = stream_of(1);
  f.owners[1].stream = stream_of(1);
  EXPECT_TRUE(
      f.plan({{stream_of(1), 1}, {stream_of(2), 1}}, {.rebalance = true, .hysteresis_percent = 10})
          .empty());
}

TEST(PlanMoves, MeasuredLoadDecidesNotTheNumberOfBuckets) {
  Fixture f;
  f.load[7] = 100000;
  f.plan({{stream_of(1), 1}, {stream_of(2), 1}});
  EXPECT_EQ(f.counts()[f.owners[7].stream], 1) << "one elephant on one node, all else on the other";
}

TEST(PlanMoves, NobodyWithWeightMeansNoMoves) {
  Fixture f;
  EXPECT_TRUE(f.plan({{stream_of(1), 0}}).empty());
  EXPECT_TRUE(f.plan({}).empty());
}

TEST(PlanMoves, ADrainingNodeKeepsNothing) {
  Fixture f;
  f.plan({{stream_of(1), 1}, {stream_of(2), 1}});
  f.plan({{stream_of(1), 0}, {stream_of(2), 1}});
  EXPECT_EQ(f.counts()[stream_of(2)], 256);
}

TEST(Allocation, SettlingKeepsTheOwners) {
  Allocation allocation;
  const auto version = [](unsigned epoch) {
    return Version{base::Generation(1), base::Term(1), base::Epoch(epoch)};
  };
  allocation.steps = {{version(1), {}, {{base::BucketIndex(0), stream_of(1)}}},
                      {version(2), {}, {{base::BucketIndex(0), stream_of(2)}}},
                      {version(3), {}, {{base::BucketIndex(1), stream_of(3)}}}};
  const auto before = allocation.owners();
  allocation.settle(version(2));
  EXPECT_EQ(allocation.steps.size(), 1u);
  EXPECT_EQ(allocation.settled_version, version(2));
  EXPECT_EQ(allocation.owners(), before);
  EXPECT_EQ(before[0].grant, grant_of(version(2)));
}

}  // namespace
}  // namespace phalanx::cluster
