// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/cluster/lease_book.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace phalanx::cluster {
namespace {

using base::TimePoint;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kNoEsn = 0xffffffff;
constexpr std::uint64_t kEsn = std::numeric_limits<std::uint64_t>::max();
constexpr LeaseKey kInbound{base::Uid(7), LeaseDirection::Inbound};
constexpr LeaseKey kOutbound{base::Uid(8), LeaseDirection::Outbound};

// One lease, a worker that obeys at once, and a storage that answers when told to.
class LeaseBookTest : public testing::Test {
 protected:
  LeaseIndex open(const LeaseKey& key, std::uint64_t stored, std::uint64_t highest) {
    lease_ = book_.add(key, stored, highest, now_, actions_);
    use_.number = stored;
    return lease_;
  }
  // Opened and its first lease stored.
  void start(const LeaseKey& key, std::uint64_t stored = 0, std::uint64_t highest = kEsn) {
    open(key, stored, highest);
    while (!actions_.store.empty()) stored_ok();
  }
  std::uint64_t limit() const { return book_.published(lease_).limit; }
  std::uint64_t raise_at() const { return book_.published(lease_).raise_at; }
  std::uint64_t ahead() const { return limit() - use_.number; }
  std::uint64_t record() const { return actions_.store.back().record.number; }

  void send(std::uint64_t packets) {
    use_.number += packets;
    use_.packets += packets;
  }
  void observe() {
    actions_.clear();
    book_.observe(lease_, now_, use_, actions_);
  }
  void ask() {
    actions_.clear();
    book_.on_raise_request(lease_, now_, use_, actions_);
  }
  void quiescent(std::uint32_t round) {
    actions_.clear();
    book_.on_quiescent(lease_, round, now_, use_, actions_);
  }
  void stored_ok() {
    actions_.clear();
    book_.on_stored(lease_, now_, use_, actions_);
  }
  // Looks, and carries out whatever follows, until nothing does.
  void settle() {
    observe();
    for (int i = 0; i < 10 && (!actions_.store.empty() || !actions_.quiesce.empty()); ++i) {
      if (!actions_.quiesce.empty()) {
        quiescent(actions_.quiesce.back().round);
      } else {
        ++records_;
        stored_ok();
      }
    }
  }
  // Traffic at an even pace, looked at every 20 ms and whenever the raise mark is met.
  void run(base::Duration time, std::uint64_t packets_per_second) {
    const auto end = now_ + time;
    std::uint64_t sent = 0;
    const auto began = now_;
    while (now_ < end) {
      now_ += milliseconds(20);
      const auto elapsed = std::chrono::duration_cast<milliseconds>(now_ - began).count();
      const auto due = packets_per_second * static_cast<std::uint64_t>(elapsed) / 1000;
      while (sent < due) {
        const auto step = std::min(due - sent, std::max<std::uint64_t>(ahead(), 1));
        send(step);
        sent += step;
        if (use_.number >= raise_at()) settle();
      }
      settle();
    }
  }

  // Silence, until the lease is found too large.
  void begin_lowering() {
    actions_.clear();
    for (int i = 0; i < 20 && actions_.quiesce.empty(); ++i) {
      now_ += milliseconds(100);
      observe();
    }
    ASSERT_EQ(actions_.quiesce.size(), 1U);
  }

  LeaseBook book_;
  LeaseActions actions_;
  LeaseIndex lease_;
  LeaseUse use_;
  TimePoint now_{seconds(1000)};
  int records_ = 0;
};

TEST_F(LeaseBookTest, PublishesNothingBeforeTheFirstRecordIsStored) {
  open(kOutbound, 5000, kEsn);
  EXPECT_EQ(limit(), 5000U);
  EXPECT_TRUE(actions_.publish.empty());
  ASSERT_EQ(actions_.store.size(), 1U);
  EXPECT_EQ(record(), 6024U);
  EXPECT_EQ(actions_.store.back().record.key, kOutbound);
  EXPECT_EQ(actions_.store.back().record.bucket, LeaseRecord::kWholeSa);
  EXPECT_TRUE(book_.storing(lease_));
  stored_ok();
  EXPECT_EQ(limit(), 6024U);
  ASSERT_EQ(actions_.publish.size(), 1U);
  EXPECT_FALSE(book_.storing(lease_));
}

TEST_F(LeaseBookTest, StartsInboundOneAhead) {
  start(kInbound, 41);
  EXPECT_EQ(limit(), 42U);
  EXPECT_EQ(raise_at(), 42U);
}

TEST_F(LeaseBookTest, RaisesAtHalfUseAndPublishesOnlyWhenStored) {
  start(kOutbound);
  send(511);
  observe();
  EXPECT_TRUE(actions_.store.empty());
  send(1);
  EXPECT_EQ(use_.number, raise_at());
  ask();
  ASSERT_EQ(actions_.store.size(), 1U);
  EXPECT_TRUE(actions_.publish.empty());
  EXPECT_EQ(limit(), 1024U);
  const auto promised = record();
  EXPECT_GE(promised, 512U + 1024U);
  send(100);
  ask();  // asked again while the disk works: no second record
  EXPECT_TRUE(actions_.store.empty());
  stored_ok();
  EXPECT_EQ(limit(), promised);
}

TEST_F(LeaseBookTest, AFailedRaiseIsNotPublishedAndTriedAgain) {
  start(kInbound, 10);
  send(1);
  ask();
  ASSERT_EQ(record(), 12U);
  book_.on_failed(lease_);
  EXPECT_EQ(limit(), 11U);
  observe();
  ASSERT_EQ(actions_.store.size(), 1U);
  EXPECT_EQ(record(), 12U);
  stored_ok();
  EXPECT_EQ(limit(), 12U);
  EXPECT_EQ(book_.stats().failures, 1U);
}

// The disk may still hold the high lease: a crash would cost what it promised.
TEST_F(LeaseBookTest, AFailedLoweringIsTriedAgain) {
  start(kInbound);
  run(seconds(2), 10000);
  begin_lowering();
  quiescent(actions_.quiesce.back().round);
  ASSERT_EQ(actions_.store.size(), 1U);
  book_.on_failed(lease_);
  const auto lowered = book_.stats().lowers;
  begin_lowering();
  quiescent(actions_.quiesce.back().round);
  ASSERT_EQ(actions_.store.size(), 1U);
  EXPECT_EQ(record(), limit());
  stored_ok();
  EXPECT_EQ(book_.stats().lowers, lowered + 1);
  run(seconds(2), 0);
  EXPECT_EQ(ahead(), 1U);
}

TEST_F(LeaseBookTest, PacketsBeyondTheLimitMakeTheRaiseUrgent) {
  start(kInbound, 10);
  send(1);
  ask();
  EXPECT_TRUE(actions_.store.back().urgent);
}

TEST_F(LeaseBookTest, ARaiseWithMuchLeftIsNotUrgent) {
  start(kOutbound);
  run(seconds(3), 100000);
  EXPECT_GT(ahead(), 20000U);
  while (use_.number < raise_at()) send(1);
  ask();
  ASSERT_FALSE(actions_.store.empty());
  EXPECT_FALSE(actions_.store.back().urgent);
}

// P2 and P3 hold only because of this order.
TEST_F(LeaseBookTest, LowersByPublishingWaitingLookingAndStoring) {
  start(kInbound);
  run(seconds(2), 10000);
  const auto high = limit();
  begin_lowering();
  ASSERT_EQ(actions_.publish.size(), 1U);
  EXPECT_LT(actions_.publish.back().limit, high);
  EXPECT_TRUE(actions_.store.empty());
  const auto round = actions_.quiesce.back().round;
  const auto lowered = limit();
  quiescent(round);
  ASSERT_EQ(actions_.store.size(), 1U);
  EXPECT_EQ(record(), lowered);
  EXPECT_FALSE(actions_.store.back().urgent);
}

TEST_F(LeaseBookTest, RestoresTheOldLimitWhenTheSaPassedTheLowerOne) {
  start(kInbound);
  run(seconds(2), 10000);
  const auto high = limit();
  begin_lowering();
  const auto round = actions_.quiesce.back().round;
  send(limit() - use_.number + 5);  // a worker had the old limit in hand
  quiescent(round);
  EXPECT_TRUE(actions_.store.empty());
  EXPECT_EQ(limit(), high);
  EXPECT_EQ(book_.stats().restores, 1U);
}

TEST_F(LeaseBookTest, ARequestEndsALoweringAtOnceAndItsQuiescenceComesTooLate) {
  start(kInbound);
  run(seconds(2), 10000);
  const auto high = limit();
  begin_lowering();
  const auto first = actions_.quiesce.back().round;
  send(limit() - use_.number);
  ask();
  EXPECT_EQ(limit(), high);
  EXPECT_TRUE(actions_.store.empty());
  // Quiet again: a second lowering begins. The answer to the first one must not store it.
  begin_lowering();
  const auto second = actions_.quiesce.back().round;
  ASSERT_NE(first, second);
  quiescent(first);
  EXPECT_TRUE(actions_.store.empty());
  quiescent(second);
  EXPECT_EQ(actions_.store.size(), 1U);
}

TEST_F(LeaseBookTest, ARequestWhileALowerRecordIsStoredIsServedAfterIt) {
  start(kInbound);
  run(seconds(2), 10000);
  begin_lowering();
  quiescent(actions_.quiesce.back().round);
  ASSERT_EQ(actions_.store.size(), 1U);
  const auto lowered = limit();
  send(limit() - use_.number + 3);  // the last three are held
  ask();
  EXPECT_TRUE(actions_.store.empty());
  EXPECT_EQ(limit(), lowered);
  stored_ok();
  ASSERT_EQ(actions_.store.size(), 1U);
  EXPECT_GT(record(), use_.number);
  EXPECT_EQ(limit(), lowered);
}

TEST_F(LeaseBookTest, AFailedLowerRecordCountsAsLowUntilSomethingIsStored) {
  start(kInbound);
  run(seconds(2), 10000);
  begin_lowering();
  quiescent(actions_.quiesce.back().round);
  const auto lowered = limit();
  book_.on_failed(lease_);
  send(lowered - use_.number);
  ask();
  // The disk may hold the lower one: what it held before must not be published again.
  EXPECT_EQ(limit(), lowered);
  ASSERT_EQ(actions_.store.size(), 1U);
  stored_ok();
  EXPECT_GT(limit(), lowered);
}

TEST_F(LeaseBookTest, OnePacketASecondIsPromisedOneAhead) {
  start(kInbound);
  for (int i = 0; i < 30; ++i) {
    run(seconds(1), 1);
    EXPECT_LE(ahead(), 1U) << i;
  }
  EXPECT_LE(records_, 31);
}

// "Back within 2 s of a restart", also when it carried 1 Mpps two seconds ago.
TEST_F(LeaseBookTest, ASlowSaIsPromisedOneAheadSoonAfterItWasFast) {
  start(kInbound);
  run(seconds(3), 1000000);
  EXPECT_GT(ahead(), 200000U);
  run(seconds(2), 1);
  EXPECT_LE(ahead(), 1U);
}

TEST_F(LeaseBookTest, AQuietSaGoesDownToOneAhead) {
  start(kInbound);
  run(seconds(3), 50);
  EXPECT_GT(ahead(), 10U);
  run(seconds(2), 0);
  EXPECT_EQ(ahead(), 1U);
}

TEST_F(LeaseBookTest, PromisesAboutASecondOfTraffic) {
  for (const auto& key : {kInbound, kOutbound}) {
    book_ = LeaseBook();
    use_ = {};
    start(key);
    run(seconds(3), 200000);
    settle();
    EXPECT_GE(ahead(), 90000U);  // half of it is used when the next raise is asked for
    EXPECT_LE(ahead(), 210000U);
  }
}

TEST_F(LeaseBookTest, PromisesNoMoreThanTheMaximum) {
  start(kInbound);
  run(seconds(3), 20000000);
  EXPECT_LE(ahead(), std::uint64_t{1} << 20);
  book_ = LeaseBook();
  use_ = {};
  start(kOutbound);
  run(seconds(3), 50000000);
  EXPECT_LE(ahead(), std::uint64_t{1} << 22);
  EXPECT_GE(ahead(), std::uint64_t{1} << 20);
}

// The peer restarted and skipped numbers: that is no traffic, and promises nothing.
TEST_F(LeaseBookTest, AJumpOfTheNumberIsNotTakenForARate) {
  start(kInbound);
  run(seconds(2), 1);
  use_.number += 4000000;
  use_.packets += 1;
  settle();
  EXPECT_LE(ahead(), 2U);
  EXPECT_GE(ahead(), 1U);
}

TEST_F(LeaseBookTest, NeverPromisesBeyondTheLastNumber) {
  struct Case {
    std::uint64_t stored;
    std::uint64_t highest;
  };
  const Case cases[] = {{kNoEsn - 100, kNoEsn}, {kEsn - 100, kEsn},   {kNoEsn, kNoEsn},
                        {kEsn, kEsn},           {kNoEsn - 1, kNoEsn}, {0, kNoEsn}};
  for (const auto& row : cases) {
    for (const auto& key : {kInbound, kOutbound}) {
      SCOPED_TRACE(row.stored);
      book_ = LeaseBook();
      use_ = {};
      start(key, row.stored, row.highest);
      while (limit() < row.highest && limit() - row.stored < 5000) {
        send(ahead());
        now_ += milliseconds(100);
        settle();
        ASSERT_LE(limit(), row.highest);
        ASSERT_GE(limit(), row.stored);
      }
      EXPECT_TRUE(limit() < row.highest || raise_at() == kEsn);
    }
  }
}

// An SA whose ESN was turned off after it had passed 2^32.
TEST_F(LeaseBookTest, ALeaseBeyondTheLastNumberStays) {
  start(kOutbound, kNoEsn + 77, kNoEsn);
  EXPECT_EQ(limit(), kNoEsn + 77);
  EXPECT_EQ(raise_at(), kEsn);
  EXPECT_EQ(book_.stats().raises, 0U);
}

TEST_F(LeaseBookTest, ClosingStoresExactlyWhatWasUsed) {
  for (const auto& key : {kInbound, kOutbound}) {
    book_ = LeaseBook();
    use_ = {};
    start(key, 100);
    run(seconds(2), 5000);
    settle();
    actions_.clear();
    book_.close(lease_, use_, actions_);
    ASSERT_EQ(actions_.store.size(), 1U);
    EXPECT_EQ(record(), use_.number);
    EXPECT_EQ(actions_.store.back().record.flags, LeaseRecord::kClosing);
    EXPECT_EQ(limit(), use_.number);
    stored_ok();
    EXPECT_EQ(limit(), use_.number);
    send(1);
    ask();
    EXPECT_TRUE(actions_.store.empty());
    EXPECT_TRUE(actions_.publish.empty());
  }
}

TEST_F(LeaseBookTest, ClosingAnUnusedSaGoesBackToWhereItStarted) {
  start(kInbound, 100);
  actions_.clear();
  book_.close(lease_, {}, actions_);  // not even attached: nothing is known of its use
  ASSERT_EQ(actions_.store.size(), 1U);
  EXPECT_EQ(record(), 100U);
}

TEST_F(LeaseBookTest, ClosingWritesNothingWhenTheLeaseIsExactAlready) {
  start(kInbound, kNoEsn, kNoEsn);
  actions_.clear();
  book_.close(lease_, use_, actions_);
  EXPECT_TRUE(actions_.store.empty());
}

}  // namespace
}  // namespace phalanx::cluster
