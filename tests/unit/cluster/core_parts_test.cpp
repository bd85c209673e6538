// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <gtest/gtest.h>

#include "phalanx/cluster/contacts.hpp"
#include "phalanx/cluster/lease_keeper.hpp"
#include "phalanx/cluster/memory.hpp"
#include "phalanx/cluster/stream_log.hpp"
#include "phalanx/cluster/table.hpp"

namespace phalanx::cluster {
namespace {

constexpr StreamId kA{base::NodeId(1), base::BootCount(1), 0};
constexpr StreamId kB{base::NodeId(2), base::BootCount(1), 0};
constexpr base::BucketIndex kBucket(7);
constexpr base::Uid kUid(42);

Version version(std::uint32_t epoch) {
  return {base::Generation(1), base::Term(1), base::Epoch(epoch)};
}
AllocationStep give(const StreamId& to, std::uint32_t epoch, std::vector<Base> bases = {}) {
  return {version(epoch), std::move(bases), {{kBucket, to}}};
}
Record put(std::uint32_t epoch, std::uint64_t lease) {
  Record record;
  record.kind = RecordKind::Put;
  record.bucket = kBucket;
  record.grant = grant_of(version(epoch));
  record.uid = kUid;
  record.leases = {LeaseValue{lease, 5}, LeaseValue{lease, 5}};
  return record;
}
Record lease(std::uint32_t epoch, std::uint64_t number, Bytes window = {}) {
  Record record = put(epoch, number);
  record.kind = RecordKind::Lease;
  record.direction = Direction::Inbound;
  record.body = std::move(window);
  return record;
}
Record simple(RecordKind kind, std::uint32_t epoch) {
  Record record = put(epoch, 0);
  record.kind = kind;
  return record;
}
const DirectionState& inbound(const Table& table) {
  return table.bucket(kBucket).entries.at(kUid).directions[0];
}

TEST(StreamLog, TakesOnlyWhatContinuesIt) {
  StreamLog log;
  const std::vector<Record> three(3, put(1, 1));
  EXPECT_EQ(log.extend(2, three), 0u) << "a gap";
  EXPECT_EQ(log.extend(1, three), 3u);
  EXPECT_EQ(log.extend(1, three), 0u) << "a duplicate";
  EXPECT_EQ(log.extend(3, three), 2u) << "an overlap: the rest of it";
  EXPECT_EQ(log.held(), 5u);
}

TEST(StreamLog, ForgetsOnlyWhatIsAppliedAndCovered) {
  StreamLog log;
  const std::vector<Record> four(4, put(1, 1));
  log.extend(1, four);
  log.set_applied(2);
  log.forget(4);
  EXPECT_EQ(log.start(), 0u);
  log.set_covered(3);
  log.forget(4);
  EXPECT_EQ(log.start(), 2u);
  EXPECT_EQ(log.held(), 4u);
  EXPECT_EQ(log.at(2), nullptr);
  ASSERT_NE(log.at(3), nullptr);
  EXPECT_EQ(log.bytes(), 2 * wire_size(four[0]));
}

TEST(StreamLog, ReadsAtLeastOneRecordAndNoMoreThanAsked) {
  StreamLog log;
  log.extend(1, std::vector<Record>(4, put(1, 1)));
  EXPECT_EQ(log.read(1, 1).size(), 1u);
  EXPECT_EQ(log.read(2, 2 * kRecordHeaderBytes).size(), 2u);
  EXPECT_TRUE(log.read(5, 1000).empty());
}

TEST(Table, FloorIsAboveTheLastLeaseAndTheNextLeaseIsImplied) {
  Table table;
  table.apply(give(kA, 1));
  ASSERT_EQ(table.apply(kA, 1, put(1, 100)), Table::Applied::Done);
  ASSERT_EQ(table.apply(kA, 2, lease(1, 160)), Table::Applied::Done);
  table.apply(give(kB, 2));
  EXPECT_EQ(inbound(table).floor, 161u);
  EXPECT_EQ(inbound(table).lease.number, 160u + 32);
}

// Rule 1: an owner that died before its first record had the implied lease.
TEST(Table, TwoDeathsInARowAddUp) {
  Table table;
  table.apply(give(kA, 1));
  ASSERT_EQ(table.apply(kA, 1, put(1, 100)), Table::Applied::Done);
  table.apply(give(kB, 2));
  table.apply(give(kA, 3));
  EXPECT_EQ(inbound(table).floor, 100u + 32 + 1);
}

TEST(Table, AClosingRecordHandsOverTheExactWindow) {
  Table table;
  table.apply(give(kA, 1));
  const Bytes window{std::byte{1}};
  ASSERT_EQ(table.apply(kA, 1, put(1, 100)), Table::Applied::Done);
  ASSERT_EQ(table.apply(kA, 2, lease(1, 80, window)), Table::Applied::Done);
  ASSERT_EQ(table.apply(kA, 3, simple(RecordKind::Close, 1)), Table::Applied::Done);
  table.apply(give(kB, 2));
  EXPECT_EQ(inbound(table).floor, 1u);
  EXPECT_EQ(inbound(table).window, window);
  EXPECT_EQ(inbound(table).lease.number, 80u + 32);
}

TEST(Table, AWindowWithoutItsClosingRecordIsNotExact) {
  Table table;
  table.apply(give(kA, 1));
  ASSERT_EQ(table.apply(kA, 1, put(1, 100)), Table::Applied::Done);
  ASSERT_EQ(table.apply(kA, 2, lease(1, 80, {std::byte{1}})), Table::Applied::Done);
  table.apply(give(kB, 2));
  EXPECT_EQ(inbound(table).floor, 81u);
  EXPECT_TRUE(inbound(table).window.empty());
}

TEST(Table, OnlyTheOwnersRecordsUnderItsGrantCount) {
  Table table;
  table.apply(give(kA, 1));
  EXPECT_EQ(table.apply(kB, 1, put(1, 100)), Table::Applied::Skipped) << "not the owner";
  EXPECT_EQ(table.apply(kA, 1, put(2, 100)), Table::Applied::TooEarly) << "a grant to come";
  table.apply(give(kB, 2));
  EXPECT_EQ(table.apply(kA, 2, put(1, 100)), Table::Applied::Skipped) << "a grant that is over";
  EXPECT_TRUE(table.bucket(kBucket).entries.empty());
}

TEST(Table, ADeletedEntryNeverComesBack) {
  Table table;
  table.apply(give(kA, 1));
  ASSERT_EQ(table.apply(kA, 1, put(1, 100)), Table::Applied::Done);
  ASSERT_EQ(table.apply(kA, 2, simple(RecordKind::Delete, 1)), Table::Applied::Done);
  ASSERT_EQ(table.apply(kA, 3, put(1, 100)), Table::Applied::Done);
  EXPECT_TRUE(table.bucket(kBucket).entries.empty());
}

TEST(Tombstones, KeepsTheNewestAndNoMore) {
  Tombstones tombstones;
  for (std::size_t i = 0; i < Tombstones::kMax + 2; ++i) tombstones.insert(base::Uid(i));
  tombstones.insert(base::Uid(5));  // known: nothing leaves
  EXPECT_EQ(tombstones.size(), Tombstones::kMax);
  EXPECT_FALSE(tombstones.contains(base::Uid(1)));
  EXPECT_TRUE(tombstones.contains(base::Uid(2)));
  EXPECT_EQ(*tombstones.begin(), base::Uid(2));
}

TEST(Table, ImpliedLeaseStopsAtTheEndOfTheNumbers) {
  Table table;
  table.apply(give(kA, 1));
  ASSERT_EQ(table.apply(kA, 1, put(1, ~std::uint64_t{0} - 3)), Table::Applied::Done);
  table.apply(give(kB, 2));
  EXPECT_EQ(inbound(table).lease.number, ~std::uint64_t{0});
}

TEST(Table, ABucketSurvivesItsSnapshotAndNoCutOne) {
  Table table;
  table.apply(give(kA, 1));
  ASSERT_EQ(table.apply(kA, 1, put(1, 100)), Table::Applied::Done);
  ASSERT_EQ(table.apply(kA, 2, lease(1, 80, {std::byte{1}})), Table::Applied::Done);
  auto other = put(1, 5);
  other.uid = base::Uid(43);
  ASSERT_EQ(table.apply(kA, 3, other), Table::Applied::Done);
  auto gone = simple(RecordKind::Delete, 1);
  gone.uid = base::Uid(43);
  ASSERT_EQ(table.apply(kA, 4, gone), Table::Applied::Done);
  const auto bytes = write_bucket(table.bucket(kBucket));
  Bucket copy;
  ASSERT_TRUE(parse_bucket(bytes, copy));
  EXPECT_EQ(copy, table.bucket(kBucket));
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(parse_bucket(std::span(bytes).first(length), copy)) << length;
  }
}

TEST(LeaseKeeper, ARaiseCountsWhenAgreedAndALoweringAtOnce) {
  LeaseKeeper keeper;
  const LeaseKeeper::Key key{kUid, Direction::Outbound};
  keeper.open(key, 10);
  keeper.promise(key, 1, 50);
  EXPECT_EQ(keeper.usable(key), 10u);
  EXPECT_EQ(keeper.on_commit(1).size(), 1u);
  EXPECT_EQ(keeper.usable(key), 50u);
  keeper.promise(key, 2, 20);
  EXPECT_EQ(keeper.usable(key), 20u);
}

// Rule 11.
TEST(LeaseKeeper, ALateAcknowledgementAfterALoweringRaisesNothing) {
  LeaseKeeper keeper;
  const LeaseKeeper::Key key{kUid, Direction::Outbound};
  keeper.open(key, 10);
  keeper.promise(key, 1, 50);
  keeper.promise(key, 2, 20);
  (void)keeper.on_commit(1);
  EXPECT_EQ(keeper.usable(key), 20u);
  keeper.promise(key, 3, 90);
  (void)keeper.on_commit(2);
  EXPECT_EQ(keeper.usable(key), 20u);
  (void)keeper.on_commit(3);
  EXPECT_EQ(keeper.usable(key), 90u);
}

TEST(LeaseKeeper, NothingIsUsableAfterClosing) {
  LeaseKeeper keeper;
  keeper.open({kUid, Direction::Inbound}, 10);
  keeper.promise({kUid, Direction::Inbound}, 1, 50);
  keeper.close(kUid);
  EXPECT_TRUE(keeper.on_commit(1).empty());
  EXPECT_EQ(keeper.usable({kUid, Direction::Inbound}), 0u);
}

TEST(Memory, AppliesAStepOnlyWhenCommittedAndWithItsPrefixes) {
  Memory memory;
  Allocation allocation;
  allocation.version = version(1);
  allocation.steps = {give(kA, 1)};
  memory.store(allocation);
  EXPECT_FALSE(memory.advance()) << "stored, not committed";
  memory.committed = version(1);
  EXPECT_TRUE(memory.advance());

  allocation.version = version(2);
  allocation.steps.push_back(give(kB, 2, {{kA, 2}}));
  memory.store(allocation);
  memory.committed = version(2);
  ASSERT_EQ(memory.missing(allocation).size(), 1u);
  EXPECT_FALSE(memory.advance()) << "the old owner's records are not here";
  memory.streams[kA].extend(1, std::vector<Record>{put(1, 100), lease(1, 160), lease(1, 500)});
  EXPECT_TRUE(memory.missing(allocation).empty());
  EXPECT_TRUE(memory.advance());
  EXPECT_EQ(inbound(memory.table).floor, 161u) << "nothing behind the base counts";
}

TEST(Memory, AppliesRecordsOnlyAsFarAsTheyAreAgreed) {
  Memory memory;
  Allocation allocation;
  allocation.version = version(1);
  allocation.steps = {give(kA, 1)};
  memory.store(allocation);
  memory.committed = version(1);
  memory.advance();
  auto& log = memory.streams[kA];
  log.extend(1, std::vector<Record>{put(1, 100), lease(1, 160)});
  EXPECT_FALSE(memory.advance());
  log.raise_commit(1);
  EXPECT_TRUE(memory.advance());
  EXPECT_EQ(inbound(memory.table).lease.number, 100u);
}

// One that names what only a dead node held must not go into votes: nobody could build on it.
TEST(Memory, AnAllocationCountsOnceItsPrefixesAreHere) {
  Memory memory;
  Allocation allocation;
  allocation.version = version(1);
  allocation.steps = {give(kA, 1)};
  ASSERT_TRUE(memory.store(allocation));
  EXPECT_EQ(memory.newest.version, version(1));
  allocation.version = version(2);
  allocation.steps.push_back(give(kB, 2, {{kA, 1}}));
  ASSERT_TRUE(memory.store(allocation));
  EXPECT_EQ(memory.newest.version, version(1));
  EXPECT_EQ(memory.latest().version, version(2));
  EXPECT_FALSE(memory.store(allocation)) << "known already";
  memory.streams[kA].extend(1, std::vector<Record>{put(1, 100)});
  EXPECT_TRUE(memory.accept());
  EXPECT_EQ(memory.newest.version, version(2));
}

TEST(Memory, AHigherTermForgetsWhatWaits) {
  Memory memory;
  Allocation allocation;
  allocation.version = version(2);
  allocation.steps = {give(kB, 2, {{kA, 1}})};
  ASSERT_TRUE(memory.store(allocation));
  ASSERT_TRUE(memory.pending.has_value());
  EXPECT_TRUE(memory.raise_term(base::Term(2)));
  EXPECT_FALSE(memory.pending.has_value());
}

TEST(Memory, AHigherTermForgetsTheVote) {
  Memory memory;
  EXPECT_TRUE(memory.raise_term(base::Term(2)));
  memory.voted_for = VoterId{base::NodeId(1), base::BootCount(1)};
  EXPECT_FALSE(memory.raise_term(base::Term(2)));
  EXPECT_TRUE(memory.voted_for.has_value());
  EXPECT_TRUE(memory.raise_term(base::Term(3)));
  EXPECT_FALSE(memory.voted_for.has_value());
}

TEST(Contacts, SilenceOrStandstillIsDeath) {
  using std::chrono::milliseconds;
  Contacts contacts;
  const base::NodeId node(2);
  const base::TimePoint start{milliseconds(1000)};
  contacts.hear(node, base::BootCount(1), start);
  EXPECT_TRUE(contacts.alive(node, start + milliseconds(30), milliseconds(30)));
  EXPECT_FALSE(contacts.alive(node, start + milliseconds(31), milliseconds(30)));
  contacts.hear(node, base::BootCount(1), start + milliseconds(31));
  EXPECT_FALSE(contacts.alive(node, start + milliseconds(31), milliseconds(30)))
      << "heard, but its stream stands still";
  contacts.forgive_all(start + milliseconds(31));
  EXPECT_TRUE(contacts.alive(node, start + milliseconds(40), milliseconds(30)));
}

TEST(Contacts, QuorumContactIsTheNewestThatAQuorumAcknowledged) {
  using std::chrono::milliseconds;
  Contacts contacts;
  const VoterSet voters{1, {base::NodeId(1), base::NodeId(2), base::NodeId(3)}, {}};
  const base::TimePoint now{milliseconds(1000)};
  const auto acknowledge = [&](std::uint8_t node, int ms) -> Contact& {
    auto& contact = contacts.hear(base::NodeId(node), base::BootCount(1), now);
    contact.levelled = true;
    contact.acknowledged = base::TimePoint{milliseconds(ms)};
    return contact;
  };
  auto& second = acknowledge(2, 990);
  acknowledge(3, 970);
  EXPECT_EQ(contacts.quorum_contact(voters, base::NodeId(1), now),
            base::TimePoint{milliseconds(990)});
  second.froze_us = true;
  EXPECT_EQ(contacts.quorum_contact(voters, base::NodeId(1), now),
            base::TimePoint{milliseconds(970)})
      << "who froze our stream is no contact";
}

}  // namespace
}  // namespace phalanx::cluster
