// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dataplane/bucket_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "phalanx/dataplane/bucket_handover.hpp"

namespace phalanx::dataplane {
namespace {

std::vector<long> counts(const BucketTable& table, std::size_t workers) {
  std::vector<long> result;
  for (std::size_t i = 0; i < workers; ++i) {
    result.push_back(std::count(table.owner.begin(), table.owner.end(), i));
  }
  return result;
}

TEST(BucketTable, DealsBucketsOutByShare) {
  struct Case {
    std::vector<std::uint8_t> shares;
    std::vector<long> wanted;
  };
  const Case cases[] = {
      {{100}, {256}},       {{100, 100}, {128, 128}}, {{100, 100, 100}, {86, 85, 85}},
      {{0, 100}, {0, 256}}, {{25, 75}, {64, 192}},    {{100, 0, 100, 0}, {128, 0, 128, 0}},
  };
  for (const auto& row : cases) {
    const auto table = make_bucket_table(row.shares);
    EXPECT_EQ(counts(table, row.shares.size()), row.wanted);
    EXPECT_EQ(table.version, 1U);
    for (const auto gains : table.gains_from) EXPECT_EQ(gains, 0);
  }
}

TEST(BucketTable, NeighboringBucketsHaveDifferentOwners) {
  const auto table = make_bucket_table(std::vector<std::uint8_t>{100, 100});
  for (std::size_t i = 1; i < table.owner.size(); ++i) {
    EXPECT_NE(table.owner[i], table.owner[i - 1]);
  }
}

TEST(BucketTable, AMoveTellsWhoGivesToWhom) {
  const auto first = make_bucket_table(std::vector<std::uint8_t>{100, 100, 100});
  const auto bucket = [](unsigned index) {
    return base::BucketIndex(static_cast<std::uint8_t>(index));
  };
  ASSERT_EQ(first.owner[0], 0);
  ASSERT_EQ(first.owner[1], 1);
  ASSERT_EQ(first.owner[2], 2);
  const std::vector<BucketMove> moves = {{bucket(0), base::WorkerIndex(2)},
                                         {bucket(1), base::WorkerIndex(2)},
                                         {bucket(2), base::WorkerIndex(2)}};
  const auto next = after_moves(first, moves);
  EXPECT_EQ(next.version, 2U);
  EXPECT_EQ(next.owner[0], 2);
  EXPECT_EQ(next.owner[1], 2);
  EXPECT_EQ(next.gains_from[2], 0b011);  // not from itself
  EXPECT_EQ(next.gains_from[0], 0);
  EXPECT_EQ(after_moves(next, {}).gains_from[2], 0);
}

TEST(BucketHandover, TheNewOwnerSettlesAfterTheOldOneHasDrained) {
  HandoverBoard board;
  const auto first = make_bucket_table(std::vector<std::uint8_t>{100, 100});
  board.publish(first);
  BucketHandover loser(board, base::WorkerIndex(0));
  BucketHandover gainer(board, base::WorkerIndex(1));
  for (auto* worker : {&loser, &gainer}) {
    EXPECT_TRUE(worker->outdated());
    worker->adopt();
    worker->drain();
    EXPECT_TRUE(worker->settle());
    EXPECT_TRUE(worker->at_rest());
  }
  EXPECT_TRUE(board.settled(1, 2));

  const auto second =
      after_moves(first, std::vector<BucketMove>{{base::BucketIndex(0), base::WorkerIndex(1)}});
  board.publish(second);
  gainer.adopt();
  EXPECT_TRUE(gainer.mine(base::BucketIndex(0)));
  EXPECT_FALSE(gainer.settle());
  EXPECT_EQ(gainer.settled_version(), 1U);
  loser.adopt();
  EXPECT_TRUE(loser.settle());  // it gets nothing
  EXPECT_FALSE(loser.at_rest());
  EXPECT_FALSE(gainer.settle());
  loser.drain();
  EXPECT_FALSE(board.settled(2, 2));
  EXPECT_TRUE(gainer.settle());
  EXPECT_TRUE(board.settled(2, 2));
}

}  // namespace
}  // namespace phalanx::dataplane
