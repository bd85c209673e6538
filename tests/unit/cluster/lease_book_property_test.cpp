// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "phalanx/cluster/lease_book.hpp"

namespace phalanx::cluster {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Random histories of SAs whose workers see a new limit late, on a storage that is late, fails, and
// after a failure holds one or the other. After every step, whatever a crash would leave in the
// storage must cover every number used.
class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {
    for (std::uint64_t i = 0; i < kSas; ++i) {
      Sa sa;
      sa.key = {base::Uid(i), i % 2 == 0 ? LeaseDirection::Inbound : LeaseDirection::Outbound};
      sa.highest = i < 2 ? 3000 + pick(5000) : std::numeric_limits<std::uint64_t>::max();
      sas_.push_back(sa);
    }
    restart();
  }

  void step() {
    actions_.clear();
    auto& sa = sas_[pick(kSas)];
    switch (pick(12)) {
      case 0:
      case 1:
      case 2: use_numbers(sa); break;
      case 3: sa.view = sa.gate; break;
      case 4: quiescent(); break;
      case 5:
      case 6:
        now_ += milliseconds(pick(10) == 0 ? 2000 : pick(300));
        book_.observe(sa.lease, now_, use_of(sa), actions_);
        break;
      case 7:
      case 8:
      case 9:
      case 10: finish_record(); break;
      case 11:
        if (pick(40) == 0) pick(2) == 0 ? restart() : stop();
        break;
      default: break;
    }
    carry_out();
  }

  void check() const {
    for (const auto& sa : sas_) {
      for (const auto possible : sa.possible) {
        ASSERT_LE(sa.used, possible) << "uid " << sa.key.uid.value();
      }
    }
  }

  LeaseBookStats stats;
  int restarts = 0;
  int stops = 0;

 private:
  static constexpr std::size_t kSas = 4;
  struct Sa {
    LeaseKey key;
    std::uint64_t highest = 0;
    LeaseIndex lease;
    std::uint64_t used = 0;  // highest ever sent or delivered
    std::uint64_t top = 0;   // of the running worker, held ones included
    std::uint64_t packets = 0;
    std::uint64_t gate = 0;
    std::uint64_t raise_at = 0;
    std::uint64_t view = 0;                  // what the worker believes the gate to be
    std::vector<std::uint64_t> possible{0};  // what the storage may hold; the first is certain
  };

  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  LeaseUse use_of(const Sa& sa) const { return {sa.top, sa.packets}; }

  void use_numbers(Sa& sa) {
    const auto count = pick(3) == 0 ? pick(3000) : 1 + pick(3);
    const bool inbound = sa.key.direction == LeaseDirection::Inbound;
    for (std::uint64_t i = 0; i < count && sa.top < sa.highest; ++i) {
      const auto jump = inbound && pick(50) == 0 ? pick(2000) : 0;
      const auto number = std::min(sa.highest, sa.top + 1 + jump);
      if (number <= sa.view) {
        sa.top = sa.used = number;
        ++sa.packets;
        continue;
      }
      // Beyond the limit. Inbound packets are held with their window bit set.
      if (inbound) sa.top = number;
      book_.on_raise_request(sa.lease, now_, use_of(sa), actions_);
      return;
    }
    if (sa.top >= sa.raise_at && pick(2) == 0) {
      book_.on_raise_request(sa.lease, now_, use_of(sa), actions_);
    }
  }

  void quiescent() {
    for (auto& sa : sas_) sa.view = sa.gate;
    const auto waiting = std::exchange(waiting_, {});
    for (const auto& entry : waiting) {
      const auto& sa = sas_[entry.lease.value()];
      book_.on_quiescent(entry.lease, entry.round, now_, use_of(sa), actions_);
    }
  }

  void finish_record() {
    if (storage_.empty()) return;
    const auto store = storage_.front();
    storage_.pop_front();
    auto& sa = sas_[store.lease.value()];
    if (pick(10) == 0) {
      book_.on_failed(store.lease);
      return;
    }
    sa.possible = {store.record.number};
    book_.on_stored(store.lease, now_, use_of(sa), actions_);
  }

  void carry_out() {
    for (const auto& publish : actions_.publish) {
      auto& sa = sas_[publish.lease.value()];
      sa.gate = publish.limit;
      sa.raise_at = publish.raise_at;
      if (pick(2) == 0) sa.view = sa.gate;
    }
    waiting_.insert(waiting_.end(), actions_.quiesce.begin(), actions_.quiesce.end());
    for (const auto& store : actions_.store) {
      sas_[store.lease.value()].possible.push_back(store.record.number);
      storage_.push_back(store);
    }
    actions_.clear();
  }

  void restart() {
    ++restarts;
    collect_stats();
    book_ = LeaseBook();
    storage_.clear();
    waiting_.clear();
    for (auto& sa : sas_) {
      const auto left = sa.possible[pick(sa.possible.size())];
      sa.possible = {left};
      sa.top = sa.gate = sa.view = sa.raise_at = left;
      sa.packets = 0;
      sa.lease = book_.add(sa.key, left, sa.highest, now_, actions_);
    }
    carry_out();
  }

  // Orderly: the workers have stopped, what is on its way is finished, the leases are made exact.
  void stop() {
    ++stops;
    for (const auto& sa : sas_) book_.close(sa.lease, use_of(sa), actions_);
    carry_out();
    while (!storage_.empty()) {
      const auto store = storage_.front();
      storage_.pop_front();
      auto& sa = sas_[store.lease.value()];
      sa.possible = {store.record.number};
      book_.on_stored(store.lease, now_, use_of(sa), actions_);
      carry_out();
    }
    for (const auto& sa : sas_) ASSERT_EQ(sa.possible.front(), sa.top);
    restart();
  }

  void collect_stats() {
    stats.raises += book_.stats().raises;
    stats.lowers += book_.stats().lowers;
    stats.restores += book_.stats().restores;
    stats.failures += book_.stats().failures;
  }

  std::mt19937_64 random_;
  LeaseBook book_;
  LeaseActions actions_;
  base::TimePoint now_{seconds(50)};
  std::vector<Sa> sas_;
  std::deque<LeaseActions::Store> storage_;
  std::vector<LeaseActions::Quiesce> waiting_;
};

TEST(LeaseBookProperty, NoNumberIsUsedThatACrashWouldForget) {
  LeaseBookStats total;
  int restarts = 0;
  int stops = 0;
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    World world(seed);
    for (int i = 0; i < 400; ++i) {
      world.step();
      world.check();
      if (testing::Test::HasFatalFailure()) return;
    }
    total.raises += world.stats.raises;
    total.lowers += world.stats.lowers;
    total.restores += world.stats.restores;
    total.failures += world.stats.failures;
    restarts += world.restarts;
    stops += world.stops;
  }
  // The histories did contain what they are about.
  EXPECT_GT(total.raises, 10000U);
  EXPECT_GT(total.lowers, 1000U);
  EXPECT_GT(total.restores, 100U);
  EXPECT_GT(total.failures, 1000U);
  EXPECT_GT(restarts, 1000);
  EXPECT_GT(stops, 300);
}

}  // namespace
}  // namespace phalanx::cluster
