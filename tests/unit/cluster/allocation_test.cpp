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

TEST(VoterSet, OnlyTheOldMajorityMayWithdrawAndOnlyBeforeTheDecision) {
  VoterSet changing{2, nodes({1, 2, 3}), nodes({1, 2, 3, 4, 5})};
  EXPECT_TRUE(changing.may_withdraw(nodes({1, 2})));
  EXPECT_FALSE(changing.may_withdraw(nodes({1, 4, 5})));
  EXPECT_EQ(changing.withdrawn().all(), nodes({1, 2, 3}));
  changing.decided = true;
  EXPECT_FALSE(changing.may_withdraw(nodes({1, 2, 3})));
  const VoterSet still{2, nodes({1, 2, 3})};
  EXPECT_FALSE(still.may_withdraw(nodes({1, 2, 3})));
}

TEST(VoterSet, BlockingNodesLeaveNoMajorityToTheOthers) {
  const VoterSet three{1, nodes({1, 2, 3})};
  EXPECT_TRUE(three.is_blocking(nodes({1, 2})));
  EXPECT_FALSE(three.is_blocking(nodes({1})));
  // The survivor of a pair knows whatever the two agreed on.
  const VoterSet pair{1, nodes({1, 2})};
  EXPECT_TRUE(pair.is_blocking(nodes({1})));
  EXPECT_FALSE(pair.is_blocking(nodes({3})));
  // In a change the old and the new majorities have to be blocked.
  const VoterSet changing{2, nodes({1, 2, 3}), nodes({1, 2, 3, 4, 5})};
  EXPECT_FALSE(changing.is_blocking(nodes({1, 4, 5})));
  EXPECT_FALSE(changing.is_blocking(nodes({1, 2})));
  EXPECT_TRUE(changing.is_blocking(nodes({1, 2, 4})));
}

TEST(WantedVoters, StayOddWhereTheyCan) {
  const struct {
    const char* what;
    std::initializer_list<unsigned> current, leaving, ready, wanted;
  } rows[] = {
      {"nobody asks", {1, 2, 3}, {}, {}, {1, 2, 3}},
      {"four are no better than three", {1, 2, 3}, {}, {4}, {1, 2, 3}},
      {"two come together", {1, 2, 3}, {}, {4, 5}, {1, 2, 3, 4, 5}},
      {"one comes for one", {1, 2, 3}, {3}, {4}, {1, 2, 4}},
      {"a pair is left", {1, 2, 3}, {1}, {}, {2, 3}},
      {"one of four gives up its vote", {1, 2, 3, 4, 5}, {1}, {}, {2, 3, 4}},
      {"a pair becomes three", {1, 2}, {}, {3}, {1, 2, 3}},
      {"one becomes a pair", {1}, {}, {2}, {1, 2}},
      {"the last one has to stay", {1}, {1}, {}, {1}},
      {"four that were configured stay", {1, 2, 3, 4}, {}, {}, {1, 2, 3, 4}},
      {"four and one are five", {1, 2, 3, 4}, {}, {5}, {1, 2, 3, 4, 5}},
      {"who leaves is not ready", {1, 2, 3}, {4}, {4, 5}, {1, 2, 3}},
  };
  for (const auto& row : rows) {
    const VoterSet voters{1, nodes(row.current)};
    EXPECT_EQ(wanted_voters(voters, nodes(row.leaving), nodes(row.ready)), nodes(row.wanted))
        << row.what;
  }
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
