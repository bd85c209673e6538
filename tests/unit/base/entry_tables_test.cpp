// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/base/entry_tables.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <set>
#include <thread>

namespace phalanx::base {
namespace {

using Step = EntryTables::Step;
using Owner = EntryTables::Owner;

constexpr std::size_t kWorkers = 3;
constexpr std::uint8_t kUsedBuckets = 5;  // few, so that they fill

Owner worker(std::size_t index) {
  return WorkerIndex(static_cast<std::uint8_t>(index));
}

bool has(const LineTable& table, std::uint32_t tag, std::uint32_t entry) {
  return table.lookup(tag, [&](std::uint32_t other) { return other == entry; }) == entry;
}

// What the tables have to hold, kept the slow way.
struct Model {
  struct Entry {
    std::uint32_t tag;
    BucketIndex bucket;
  };
  std::map<std::uint32_t, Entry> entries;
  std::array<Owner, kUsedBuckets> owners;
};

void expect_equal(const EntryTables& tables, const Model& model) {
  ASSERT_EQ(tables.size(), model.entries.size());
  std::array<std::size_t, kWorkers> owned{};
  std::array<std::set<std::uint32_t>, kUsedBuckets> listed;
  for (const auto& [number, entry] : model.entries) {
    ASSERT_TRUE(tables.contains(number));
    ASSERT_EQ(tables.bucket_of(number), entry.bucket);
    ASSERT_TRUE(has(tables.common(), entry.tag, number));
    const auto& owner = model.owners[entry.bucket.value()];
    for (std::size_t i = 0; i < kWorkers; ++i) {
      const bool own = owner == worker(i);
      owned[i] += own ? 1 : 0;
      // While a bucket moves its entries may be elsewhere as well, but never missing.
      if (own || tables.step(entry.bucket) == Step::Done) {
        ASSERT_EQ(has(tables.node(*worker(i)), entry.tag, number), own);
      }
    }
    listed[entry.bucket.value()].insert(number);
  }
  bool quiet = true;
  for (std::uint8_t i = 0; i < kUsedBuckets; ++i) {
    const BucketIndex bucket(i);
    std::set<std::uint32_t> found;
    tables.for_each(bucket, [&](std::uint32_t entry) { found.insert(entry); });
    ASSERT_EQ(found, listed[i]);
    ASSERT_EQ(tables.size(bucket), found.size());
    ASSERT_EQ(tables.owner(bucket), model.owners[i]);
    quiet = quiet && tables.step(bucket) == Step::Done;
  }
  for (std::size_t i = 0; i < kWorkers && quiet; ++i) {
    ASSERT_EQ(tables.node(*worker(i)).size(), owned[i]) << "entries nobody should have";
  }
}

void change_an_entry(EntryTables& tables, Model& model, std::mt19937& random) {
  const auto number = static_cast<std::uint32_t>(random() % 400);
  if (model.entries.erase(number) != 0) {
    tables.erase(number);
    ASSERT_FALSE(tables.contains(number));
    return;
  }
  const Model::Entry entry{static_cast<std::uint32_t>(random() % 100),
                           BucketIndex(static_cast<std::uint8_t>(random() % kUsedBuckets))};
  ASSERT_TRUE(tables.insert(entry.tag, number, entry.bucket));
  model.entries.emplace(number, entry);
}

void go_on_with_a_move(EntryTables& tables, Model& model, std::mt19937& random) {
  const BucketIndex bucket(static_cast<std::uint8_t>(random() % kUsedBuckets));
  switch (tables.step(bucket)) {
    case Step::Done: {
      const auto to = random() % (kWorkers + 1);
      tables.start_move(bucket, to == kWorkers ? Owner{} : worker(to));
      return;
    }
    case Step::Copying:
      if (random() % 16 == 0) {
        tables.cancel_move(bucket);
        return;
      }
      [[fallthrough]];
    case Step::Removing: ASSERT_NE(tables.advance(bucket, random() % 8), Step::Failed); return;
    case Step::Copied:
      if (random() % 4 == 0) {
        tables.cancel_move(bucket);
        return;
      }
      tables.hand_over(bucket);
      model.owners[bucket.value()] = tables.owner(bucket);
      return;
    case Step::Failed: FAIL() << "not a step to be in";
  }
}

TEST(EntryTables, HoldExactlyWhatEachWorkerOwnsWhateverHappensInBetween) {
  for (const unsigned seed : {1U, 2U, 3U}) {
    std::mt19937 random(seed);
    EntryTables tables(kWorkers, 10);
    ASSERT_TRUE(tables.is_ready());
    Model model;
    for (int step = 0; step < 6'000; ++step) {
      if (random() % 3 == 0) {
        go_on_with_a_move(tables, model, random);
      } else {
        change_an_entry(tables, model, random);
      }
      if (step % 50 == 0) expect_equal(tables, model);
    }
    for (std::uint8_t i = 0; i < kUsedBuckets; ++i) {
      const BucketIndex bucket(i);
      if (tables.advance(bucket, SIZE_MAX) == Step::Copied) {
        tables.hand_over(bucket);
        model.owners[i] = tables.owner(bucket);
      }
      ASSERT_EQ(tables.advance(bucket, SIZE_MAX), Step::Done);
    }
    expect_equal(tables, model);
  }
}

TEST(EntryTables, MoveTakesABucketFromOneWorkerToAnotherAndBack) {
  EntryTables tables(2, 0);
  for (std::uint32_t i = 0; i < 1'000; ++i) {
    ASSERT_TRUE(tables.insert(i, i, BucketIndex(static_cast<std::uint8_t>(i % 4))));
  }
  for (std::uint8_t i = 0; i < 4; ++i) ASSERT_TRUE(tables.move(BucketIndex(i), worker(0)));
  EXPECT_EQ(tables.node(*worker(0)).size(), 1'000U);
  ASSERT_TRUE(tables.move(BucketIndex(3), worker(1)));
  EXPECT_EQ(tables.node(*worker(0)).size(), 750U);
  EXPECT_EQ(tables.node(*worker(1)).size(), 250U);
  for (std::uint32_t i = 0; i < 1'000; ++i) {
    EXPECT_EQ(tables.node(*worker(i % 4 == 3 ? 1 : 0)).lookup(i), i);
    EXPECT_EQ(tables.node(*worker(i % 4 == 3 ? 0 : 1)).lookup(i), LineTable::kNone);
  }
  ASSERT_TRUE(tables.move(BucketIndex(3), Owner{}));
  EXPECT_EQ(tables.node(*worker(1)).size(), 0U);
  EXPECT_EQ(tables.common().lookup(3), 3U);
}

TEST(EntryTables, AMoveTouchesNoMoreEntriesThanAskedFor) {
  EntryTables tables(2, 0);
  ASSERT_TRUE(tables.move(BucketIndex(7), worker(0)));
  for (std::uint32_t i = 0; i < 100; ++i) ASSERT_TRUE(tables.insert(i, i, BucketIndex(7)));
  tables.start_move(BucketIndex(7), worker(1));
  for (std::size_t copied = 10; copied < 100; copied += 10) {
    EXPECT_EQ(tables.advance(BucketIndex(7), 10), Step::Copying);
    EXPECT_EQ(tables.node(*worker(1)).size(), copied);
    EXPECT_EQ(tables.node(*worker(0)).size(), 100U);
  }
  EXPECT_EQ(tables.advance(BucketIndex(7), 10), Step::Copied);
  tables.hand_over(BucketIndex(7));
  EXPECT_EQ(tables.advance(BucketIndex(7), 99), Step::Removing);
  EXPECT_EQ(tables.node(*worker(0)).size(), 1U);
  EXPECT_EQ(tables.advance(BucketIndex(7), 1), Step::Done);
}

// A bucket wanders between two workers while each asks its own table for entries of the bucket it
// believes to own: whoever is told that it owns the bucket must find all of its entries.
TEST(EntryTables, TheOwnerFindsEveryEntryWhileBucketsMove) {
  constexpr std::uint32_t kEntries = 200;
  constexpr BucketIndex kBucket(9);
  EntryTables tables(2, 0);
  ASSERT_TRUE(tables.move(kBucket, worker(0)));
  for (std::uint32_t i = 0; i < kEntries; ++i) ASSERT_TRUE(tables.insert(i, i, kBucket));
  std::atomic<std::uint8_t> owner{0};
  std::atomic<bool> stop{false};
  std::atomic<std::uint32_t> missed{0};
  struct alignas(kCacheLine) Reports {
    std::atomic<std::uint64_t> count{0};
  };
  std::array<Reports, 2> reports;  // quiescent states, as dpdk::Quiescence counts them
  const auto run = [&](std::uint8_t self) {
    while (!stop.load(std::memory_order_relaxed)) {
      if (owner.load(std::memory_order_acquire) == self) {
        for (std::uint32_t i = 0; i < kEntries; ++i) {
          if (tables.node(WorkerIndex(self)).lookup(i) != i) missed.fetch_add(1);
        }
      }
      reports[self].count.fetch_add(1, std::memory_order_release);
    }
  };
  std::thread first(run, std::uint8_t{0});
  std::thread second(run, std::uint8_t{1});
  for (std::uint32_t move = 0; move < 300; ++move) {
    const auto from = owner.load();
    const auto to = static_cast<std::uint8_t>(1 - from);
    tables.start_move(kBucket, worker(to));
    while (tables.advance(kBucket, 7) == Step::Copying) {
    }
    owner.store(to, std::memory_order_release);
    const auto seen = reports[from].count.load();
    while (reports[from].count.load(std::memory_order_acquire) < seen + 2)
      std::this_thread::yield();
    tables.hand_over(kBucket);
    while (tables.advance(kBucket, 7) == Step::Removing) {
    }
  }
  stop.store(true);
  first.join();
  second.join();
  EXPECT_EQ(missed.load(), 0U);
  EXPECT_EQ(tables.size(), kEntries);
}

}  // namespace
}  // namespace phalanx::base
