// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/cluster/disk_leases.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace phalanx::cluster {
namespace {

using namespace std::chrono_literals;

constexpr StreamId kA{base::NodeId(1), base::BootCount(1), 0};
constexpr StreamId kB{base::NodeId(2), base::BootCount(1), 0};
constexpr base::BucketIndex kBucket(7);
constexpr base::Uid kStatic(42);
constexpr base::Uid kDynamic(std::uint64_t{1} << 56 | 42);
constexpr base::TimePoint kNow{1000s};
constexpr auto kGather = 20ms;

Version version(std::uint32_t epoch) {
  return {base::Generation(1), base::Term(1), base::Epoch(epoch)};
}
Record put(base::Uid uid, std::uint64_t inbound, std::uint64_t outbound) {
  Record record;
  record.bucket = kBucket;
  record.grant = grant_of(version(1));
  record.uid = uid;
  record.leases = {LeaseValue{inbound, 0}, LeaseValue{outbound, 10}};
  return record;
}
Record lease(std::uint64_t inbound) {
  auto record = put(kStatic, inbound, 0);
  record.kind = RecordKind::Lease;
  return record;
}
std::uint64_t number_of(const std::vector<DiskLease>& leases, Direction direction) {
  const auto found = std::find_if(leases.begin(), leases.end(), [&](const DiskLease& each) {
    return each.uid == kStatic && each.direction == direction;
  });
  return found == leases.end() ? 0 : found->number;
}

// A voter whose bucket 7 is A's, with one static entry in the table.
struct Voter {
  Voter() {
    memory.generation = base::Generation(1);
    memory.newest.version = version(1);
    memory.newest.steps = {{version(1), {}, {{kBucket, kA}}}};
    memory.committed = version(1);
    memory.advance();
    write(put(kStatic, 1, 1024));
    agree();
    settle();
  }
  StreamLog& log() { return memory.streams[kA]; }
  void write(const Record& record) {
    log().append(record);
    leases.note(log(), now);
  }
  void agree() {
    log().raise_commit(log().held());
    memory.advance();
    leases.note_moved(memory, now);
  }
  // Whatever is asked for goes to the disk.
  void settle() {
    now += kGather;
    for (auto batch = leases.take_batch(now, kGather); batch.id != 0;
         batch = leases.take_batch(now += kGather, kGather)) {
      leases.stored(batch.id);
    }
    leases.note(log(), now);
  }

  base::TimePoint now = kNow;
  Memory memory;
  DiskLeases leases;
};

TEST(DiskLeases, CoverARecordOnlyWhenTheyAreOnTheDisk) {
  Voter voter;
  EXPECT_EQ(voter.log().covered(), 1u);
  const auto before = number_of(voter.leases.list(), Direction::Inbound);
  voter.write(lease(before + 1));
  EXPECT_EQ(voter.log().covered(), 1u);
  const auto batch = voter.leases.take_batch(voter.now, kGather);
  ASSERT_EQ(batch.leases.size(), 1u);
  EXPECT_GT(batch.leases[0].number, before + 1);
  EXPECT_EQ(batch.leases[0].bucket, kBucket);
  voter.leases.note(voter.log(), voter.now);
  EXPECT_EQ(voter.log().covered(), 1u) << "on its way";
  voter.leases.stored(batch.id);
  voter.leases.note(voter.log(), voter.now);
  EXPECT_EQ(voter.log().covered(), 2u);
}

TEST(DiskLeases, AreRaisedAheadOfNeed) {
  Voter voter;
  const auto there = number_of(voter.leases.list(), Direction::Inbound);
  voter.write(lease(there - 1));
  EXPECT_EQ(voter.log().covered(), 2u) << "nobody waits";
  voter.now += kGather;
  const auto batch = voter.leases.take_batch(voter.now, kGather);
  ASSERT_EQ(batch.leases.size(), 1u);
  EXPECT_GT(batch.leases[0].number, there);
}

TEST(DiskLeases, WhatNobodyWaitsForIsGathered) {
  Voter voter;
  const auto there = number_of(voter.leases.list(), Direction::Inbound);
  voter.write(lease(there - 1));
  voter.now += kGather;
  voter.leases.stored(voter.leases.take_batch(voter.now, kGather).id);
  voter.write(lease(number_of(voter.leases.list(), Direction::Inbound) - 1));
  EXPECT_EQ(voter.leases.take_batch(voter.now, kGather).id, 0u);
  EXPECT_NE(voter.leases.take_batch(voter.now + kGather, kGather).id, 0u);
}

TEST(DiskLeases, OneBatchIsOnItsWayAtATime) {
  Voter voter;
  voter.write(lease(1000));
  const auto first = voter.leases.take_batch(voter.now, kGather);
  ASSERT_NE(first.id, 0u);
  voter.write(lease(100'000));
  EXPECT_EQ(voter.leases.take_batch(voter.now, kGather).id, 0u);
  voter.leases.stored(first.id);
  EXPECT_NE(voter.leases.take_batch(voter.now, kGather).id, 0u);
}

TEST(DiskLeases, DynamicEntriesNeedNone) {
  Voter voter;
  voter.write(put(kDynamic, 1'000'000, 1'000'000));
  EXPECT_EQ(voter.log().covered(), 2u);
  EXPECT_EQ(voter.leases.take_batch(voter.now + kGather, kGather).id, 0u);
}

// An allocation implies a lease one size above the last one: its voter must have that on its disk.
TEST(DiskLeases, CoverAnAllocationWithWhatItImplies) {
  Voter voter;
  const auto there = number_of(voter.leases.list(), Direction::Outbound);
  auto record = put(kStatic, 0, there);
  record.kind = RecordKind::Lease;
  record.direction = Direction::Outbound;
  record.leases[1] = {there, 10};
  voter.write(record);
  voter.agree();
  ASSERT_EQ(voter.log().covered(), 2u);
  auto& newest = voter.memory.newest;
  newest.version = version(2);
  newest.steps.push_back({version(2), {{kA, 2}}, {{kBucket, kB}}});
  EXPECT_FALSE(voter.leases.covers(voter.memory, newest, voter.now));
  voter.settle();
  EXPECT_TRUE(voter.leases.covers(voter.memory, newest, voter.now));
  EXPECT_GE(number_of(voter.leases.list(), Direction::Outbound), there + 1024);
}

// New voters must know all that the old ones agreed to.
TEST(DiskLeases, AChangeOfVotersWaitsForAllThatIsOwed) {
  Voter voter;
  voter.write(lease(100'000));
  auto next = voter.memory.newest;
  EXPECT_TRUE(voter.leases.covers(voter.memory, next, voter.now));
  next.voters.next = {base::NodeId(4)};
  EXPECT_FALSE(voter.leases.covers(voter.memory, next, voter.now));
  voter.settle();
  EXPECT_TRUE(voter.leases.covers(voter.memory, next, voter.now));
}

TEST(DiskLeases, AreLoweredWhenMuchLessIsPromised) {
  Voter voter;
  voter.write(lease(100'000));
  voter.settle();
  voter.write(lease(50));
  voter.now += 2s;
  voter.leases.lower(voter.memory, voter.now);
  voter.settle();
  EXPECT_GE(number_of(voter.leases.list(), Direction::Inbound), 100'000u)
      << "both records are not agreed yet: either may count";
  voter.agree();
  voter.now += 2s;
  voter.leases.lower(voter.memory, voter.now);
  voter.settle();
  const auto lowered = number_of(voter.leases.list(), Direction::Inbound);
  EXPECT_GE(lowered, 50u);
  EXPECT_LE(lowered, 100u);
}

// A lowering that has not been written yet gives way to what comes meanwhile.
TEST(DiskLeases, ALoweringHeedsWhatIsPromisedBeforeItIsWritten) {
  Voter voter;
  voter.write(lease(100'000));
  voter.settle();
  voter.write(lease(50));
  voter.agree();
  voter.now += 2s;
  voter.leases.lower(voter.memory, voter.now);
  voter.write(lease(5'000));
  EXPECT_EQ(voter.log().covered(), voter.log().held());
  voter.settle();
  EXPECT_GE(number_of(voter.leases.list(), Direction::Inbound), 5'000u);
}

TEST(DiskLeases, AVoterThatIsLevelledHasAllOnItsDisk) {
  Voter voter;
  voter.write(lease(700));
  DiskLeases other;
  const auto batch = other.take_all(voter.memory, voter.now);
  ASSERT_NE(batch.id, 0u);
  EXPECT_GE(number_of(batch.leases, Direction::Inbound), 700u);
  EXPECT_GE(number_of(batch.leases, Direction::Outbound), 1024u);
  EXPECT_EQ(other.take_all(voter.memory, voter.now).id, 0u) << "it is there";
}

TEST(DiskLeases, AGenerationBeginsAtTheHighest) {
  const std::vector<DiskLease> leases{{kStatic, kBucket, Direction::Inbound, 500},
                                      {kStatic, kBucket, Direction::Outbound, 9000},
                                      {kStatic, kBucket, Direction::Inbound, 700}};
  auto table = table_of(leases);
  table.apply(AllocationStep{version(1), {}, {{kBucket, kA}}});
  const auto& directions = table.bucket(kBucket).entries.at(kStatic).directions;
  EXPECT_EQ(directions[0].floor, 701u);
  EXPECT_EQ(directions[1].floor, 9001u);
  EXPECT_GT(directions[1].lease.number, 9001u);
}

}  // namespace
}  // namespace phalanx::cluster
