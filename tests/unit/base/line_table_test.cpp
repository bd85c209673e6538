// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/base/line_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <set>
#include <thread>
#include <unordered_map>
#include <vector>

namespace phalanx::base {
namespace {

using Model = std::unordered_multimap<std::uint32_t, std::uint32_t>;

constexpr auto kNoPrefetch = [](std::uint32_t) {};

// How tags are made: what an operator, a key exchange or a hash may come up with.
enum class Tags : std::uint8_t { Random, Consecutive, LowBitsEqual, Strides, FewDifferent };
constexpr std::array kAllTags = {Tags::Random, Tags::Consecutive, Tags::LowBitsEqual, Tags::Strides,
                                 Tags::FewDifferent};

std::uint32_t make_tag(Tags kind, std::uint32_t number, std::mt19937& random) {
  switch (kind) {
    case Tags::Random: return static_cast<std::uint32_t>(random());
    case Tags::Consecutive: return 256 + number;
    case Tags::LowBitsEqual: return number << 16;
    case Tags::Strides: return 0xffffffff - number * 4096;
    case Tags::FewDifferent: return number % 64;
  }
  return 0;
}

// Whether the table says of `tag` what the model says: each of its references, and no other.
void expect_equal(const LineTable& table, const Model& model, std::uint32_t tag) {
  std::set<std::uint32_t> wanted;
  const auto [first, last] = model.equal_range(tag);
  for (auto it = first; it != last; ++it) wanted.insert(it->second);
  std::set<std::uint32_t> found;
  const auto all = table.lookup(tag, [&](std::uint32_t reference) {
    EXPECT_TRUE(found.insert(reference).second) << "reference " << reference << " twice";
    return false;
  });
  ASSERT_EQ(all, LineTable::kNone);
  ASSERT_EQ(found, wanted) << "tag " << tag;
  const auto any = table.lookup(tag);
  ASSERT_EQ(any == LineTable::kNone, wanted.empty());
  if (any != LineTable::kNone) {
    ASSERT_TRUE(wanted.contains(any));
  }
}

TEST(LineTable, AgreesWithStandardMapUnderRandomOperations) {
  for (const auto kind : kAllTags) {
    for (const unsigned seed : {1U, 2U}) {
      std::mt19937 random(seed);
      LineTable table;
      Model model;
      std::vector<std::pair<std::uint32_t, std::uint32_t>> present;
      std::uint32_t next_reference = 0;
      for (int step = 0; step < 12'000; ++step) {
        // Phases of growth and of shrinking, so that lines fill up and empty again.
        const bool growing = step / 3'000 % 2 == 0;
        if (present.empty() || random() % 10 < (growing ? 7 : 3)) {
          const auto tag = make_tag(kind, static_cast<std::uint32_t>(random() % 8'192), random);
          if (model.count(tag) < 60 && table.insert(tag, next_reference)) {
            model.emplace(tag, next_reference);
            present.emplace_back(tag, next_reference);
          }
          ++next_reference;
        } else {
          std::swap(present[random() % present.size()], present.back());
          const auto [tag, reference] = present.back();
          present.pop_back();
          ASSERT_TRUE(table.erase(tag, reference));
          ASSERT_FALSE(table.erase(tag, reference));
          const auto [first, last] = model.equal_range(tag);
          model.erase(std::find_if(
              first, last, [wanted = reference](const auto& it) { return it.second == wanted; }));
        }
        ASSERT_EQ(table.size(), model.size());
        if (step % 16 == 0) {
          expect_equal(table, model, make_tag(kind, random() % 8'192, random));
          if (!present.empty())
            expect_equal(table, model, present[random() % present.size()].first);
        }
      }
      for (const auto& [tag, reference] : model) expect_equal(table, model, tag);
    }
  }
}

TEST(LineTable, BulkLookupEqualsSingleLookups) {
  std::mt19937 random(5);
  LineTable table;
  std::vector<std::uint32_t> tags;
  for (std::uint32_t i = 0; i < 5'000; ++i) {
    tags.push_back(static_cast<std::uint32_t>(random()));
    ASSERT_TRUE(table.insert(tags.back(), i));
  }
  for (std::size_t n = 0; n <= LineTable::kBurst; ++n) {
    std::vector<std::uint32_t> wanted(n);
    for (auto& tag : wanted) {
      tag = random() % 2 == 0 ? tags[random() % tags.size()] : static_cast<std::uint32_t>(random());
    }
    std::vector<std::uint32_t> found(n);
    std::vector<std::uint32_t> prefetched;
    table.lookup_bulk(wanted.data(), n, found.data(),
                      [&](std::uint32_t reference) { prefetched.push_back(reference); });
    for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(found[i], table.lookup(wanted[i]));
    std::erase(found, LineTable::kNone);
    EXPECT_EQ(prefetched, found);
  }
}

TEST(LineTable, BulkLookupTellsKeysWithOneTagApart) {
  LineTable table;
  // Reference r stands for a key that is r; 50 keys to a tag.
  for (std::uint32_t key = 0; key < 1'000; ++key) ASSERT_TRUE(table.insert(key % 20, key));
  for (std::uint32_t first = 0; first < 1'200; first += LineTable::kBurst) {
    std::array<std::uint32_t, LineTable::kBurst> tags;
    std::array<std::uint32_t, LineTable::kBurst> found;
    for (std::uint32_t i = 0; i < tags.size(); ++i) tags[i] = (first + i) % 20;
    table.lookup_bulk(
        tags.data(), tags.size(), found.data(), kNoPrefetch,
        [&](std::size_t i, std::uint32_t reference) { return reference == first + i; });
    for (std::uint32_t i = 0; i < tags.size(); ++i) {
      EXPECT_EQ(found[i], first + i < 1'000 ? first + i : LineTable::kNone);
    }
  }
}

TEST(LineTable, ErasingLeavesNothingBehind) {
  // As many entries at any time, but ever others: neither memory nor lookups may grow.
  LineTable table(1'000);
  const auto memory = table.memory_bytes();
  std::mt19937 random(6);
  std::vector<std::uint32_t> tags(1'000);
  for (std::uint32_t i = 0; i < tags.size(); ++i) {
    tags[i] = static_cast<std::uint32_t>(random());
    ASSERT_TRUE(table.insert(tags[i], i));
  }
  for (int round = 0; round < 500'000; ++round) {
    const auto i = static_cast<std::uint32_t>(random() % tags.size());
    ASSERT_TRUE(table.erase(tags[i], i));
    tags[i] = static_cast<std::uint32_t>(random());
    ASSERT_TRUE(table.insert(tags[i], i));
  }
  EXPECT_EQ(table.memory_bytes(), memory);
  EXPECT_TRUE(table.take_retired().empty());
  for (std::uint32_t i = 0; i < tags.size(); ++i) EXPECT_EQ(table.lookup(tags[i]), i);
}

TEST(LineTable, RefusesAFloodOfOneTagAndKeepsTheRest) {
  LineTable table;
  for (std::uint32_t i = 0; i < 1'000; ++i) ASSERT_TRUE(table.insert(i + 1, i));
  std::uint32_t taken = 0;
  while (taken < 100'000 && table.insert(0xabcdef, 1'000 + taken)) ++taken;
  EXPECT_GT(taken, 100U);
  EXPECT_LE(taken, (LineTable::kMaxProbe + 1) * 7);
  const auto memory = table.memory_bytes();
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(table.insert(0xabcdef, 200'000));
  EXPECT_EQ(table.memory_bytes(), memory);
  for (std::uint32_t i = 0; i < 1'000; ++i) EXPECT_EQ(table.lookup(i + 1), i);
  for (std::uint32_t i = 0; i < taken; ++i) EXPECT_TRUE(table.erase(0xabcdef, 1'000 + i));
  EXPECT_EQ(table.lookup(0xabcdef), LineTable::kNone);
  EXPECT_EQ(table.size(), 1'000U);
}

TEST(LineTable, HandsOutWhatItOutgrew) {
  LineTable table;
  std::size_t retired = 0;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    ASSERT_TRUE(table.insert(i, i));
    retired += table.take_retired().size();
  }
  EXPECT_GE(retired, 10U);  // 8 lines at first, 32 768 at the end
  EXPECT_LE(retired, 13U);
  for (std::uint32_t i = 0; i < 100'000; ++i) ASSERT_EQ(table.lookup(i), i);
}

// One thread writes, two read; what was there before a lookup began and is there after it ended
// must be found. Entries are (tag, reference) = (i, i), so a wrong reference shows as well.
TEST(LineTable, ReadersFindWhatStaysWhileTheWriterChangesTheRest) {
  constexpr std::uint32_t kSteady = 500;
  constexpr std::uint32_t kComing = 60'000;
  LineTable table;
  for (std::uint32_t i = 0; i < kSteady; ++i) ASSERT_TRUE(table.insert(i, i));
  std::atomic<bool> stop{false};
  std::atomic<std::uint32_t> wrong{0};
  const auto read = [&](unsigned seed) {
    std::mt19937 random(seed);
    std::array<std::uint32_t, LineTable::kBurst> tags;
    std::array<std::uint32_t, LineTable::kBurst> found;
    while (!stop.load(std::memory_order_relaxed)) {
      for (auto& tag : tags) tag = static_cast<std::uint32_t>(random() % (2 * kSteady));
      table.lookup_bulk(tags.data(), tags.size(), found.data(), kNoPrefetch);
      for (std::size_t i = 0; i < tags.size(); ++i) {
        const bool missing = found[i] == LineTable::kNone;
        if (missing ? tags[i] < kSteady : found[i] != tags[i]) {
          wrong.fetch_add(1, std::memory_order_relaxed);
        }
      }
    }
  };
  std::thread first(read, 1U);
  std::thread second(read, 2U);
  std::mt19937 random(3);
  std::vector<bool> there(kComing, false);
  std::vector<std::shared_ptr<const void>> retired;  // kept: the readers never say they are done
  for (std::uint32_t step = 0; step < 150'000; ++step) {
    // The window of entries that come and go wanders up, so that the table grows several times.
    const auto i = kSteady + static_cast<std::uint32_t>(random() % (1 + step / 3));
    if (i >= kComing) continue;
    const bool done = there[i] ? table.erase(i, i) : table.insert(i, i);
    ASSERT_TRUE(done);
    there[i] = !there[i];
    for (auto& array : table.take_retired()) retired.push_back(std::move(array));
  }
  stop.store(true);
  first.join();
  second.join();
  EXPECT_EQ(wrong.load(), 0U);
  EXPECT_GE(retired.size(), 5U);
}

}  // namespace
}  // namespace phalanx::base
