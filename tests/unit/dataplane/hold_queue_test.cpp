// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dataplane/hold_queue.hpp"

#include <gtest/gtest.h>

namespace phalanx::dataplane {
namespace {

HoldQueue::Entry entry_of(std::uint32_t sa, std::uint64_t sequence) {
  HoldQueue::Entry entry;
  entry.sa = sa;
  entry.packet.sequence = sequence;
  return entry;
}

TEST(HoldQueue, GivesBackInOrderOfArrival) {
  HoldQueue queue(8, 8, 2);
  for (std::uint64_t round = 0; round < 5; ++round) {
    for (std::uint64_t i = 0; i < 6; ++i) EXPECT_TRUE(queue.push(entry_of(i % 2, round * 10 + i)));
    for (std::uint64_t i = 0; i < 6; ++i) EXPECT_EQ(queue.pop().packet.sequence, round * 10 + i);
    EXPECT_TRUE(queue.empty());
  }
}

TEST(HoldQueue, RefusesWhenFull) {
  HoldQueue queue(3, 3, 4);
  for (std::uint32_t sa = 0; sa < 3; ++sa) EXPECT_TRUE(queue.push(entry_of(sa, sa)));
  EXPECT_FALSE(queue.push(entry_of(3, 3)));
  EXPECT_EQ(queue.size(), 3U);
}

TEST(HoldQueue, OneSaCannotTakeItAll) {
  HoldQueue queue(8, 2, 2);
  EXPECT_TRUE(queue.push(entry_of(0, 1)));
  EXPECT_TRUE(queue.push(entry_of(0, 2)));
  EXPECT_FALSE(queue.push(entry_of(0, 3)));
  EXPECT_TRUE(queue.push(entry_of(1, 4)));
  EXPECT_EQ(queue.pop().packet.sequence, 1U);
  EXPECT_TRUE(queue.push(entry_of(0, 5)));
}

}  // namespace
}  // namespace phalanx::dataplane
