// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/base/spsc_ring.hpp"

#include <gtest/gtest.h>

#include <array>
#include <thread>
#include <vector>

namespace phalanx::base {
namespace {

using Ring = SpscRing<std::uint64_t>;

std::vector<std::uint64_t> take(Ring& ring, std::uint64_t settled = Ring::kAllVersions) {
  std::array<std::uint64_t, 64> out{};
  const auto count = ring.pop(out.data(), 64, settled);
  return {out.begin(), out.begin() + count};
}

void put(Ring& ring, std::initializer_list<std::uint64_t> values) {
  ASSERT_EQ(ring.push(std::data(values), static_cast<std::uint32_t>(values.size())), values.size());
}

TEST(SpscRing, TakesWhatFitsAndGivesItBackInOrder) {
  Ring ring(4);
  const std::array<std::uint64_t, 6> values = {1, 2, 3, 4, 5, 6};
  EXPECT_EQ(ring.room(1), 4U);
  EXPECT_EQ(ring.push(values.data(), 6), 4U);
  EXPECT_EQ(ring.push(values.data(), 1), 0U);
  EXPECT_EQ(take(ring), (std::vector<std::uint64_t>{1, 2, 3, 4}));
  EXPECT_TRUE(take(ring).empty());
  EXPECT_EQ(ring.push(values.data() + 4, 2), 2U);
  EXPECT_EQ(take(ring), (std::vector<std::uint64_t>{5, 6}));
}

TEST(SpscRing, KeepsWhatIsBehindAFenceFromWhoHasNotSettledIt) {
  Ring ring(16);
  put(ring, {1, 2});
  ring.fence(7);
  put(ring, {3, 4});
  EXPECT_FALSE(ring.passed(7));
  EXPECT_EQ(ring.available(6), 2U);
  EXPECT_EQ(take(ring, 6), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_TRUE(ring.passed(7));
  EXPECT_FALSE(ring.passed(8));
  EXPECT_TRUE(take(ring, 6).empty());
  EXPECT_EQ(take(ring, 7), (std::vector<std::uint64_t>{3, 4}));
}

TEST(SpscRing, AFenceOnAnEmptyRingIsPassedAtOnce) {
  Ring ring(4);
  EXPECT_FALSE(ring.passed(1));
  ring.fence(1);
  EXPECT_TRUE(ring.passed(1));
}

// One thread raises the version now and then and puts it into what it pushes; the other one must
// not see a version that it has not settled.
TEST(SpscRing, FencesHoldBetweenThreads) {
  constexpr std::uint64_t kVersions = 2000;
  constexpr std::uint64_t kPerVersion = 37;
  Ring ring(64);
  std::atomic<std::uint64_t> settled{0};
  std::thread producer([&] {
    for (std::uint64_t version = 1; version <= kVersions; ++version) {
      while (settled.load(std::memory_order_acquire) < version - 1) std::this_thread::yield();
      ring.fence(version);
      for (std::uint64_t i = 0; i < kPerVersion;) i += ring.push(&version, 1);
    }
  });
  std::uint64_t mine = 0;
  std::uint64_t seen = 0;
  bool early = false;
  while (seen < kVersions * kPerVersion) {
    std::array<std::uint64_t, 32> out{};
    const auto count = ring.pop(out.data(), 32, mine);
    for (std::uint32_t i = 0; i < count; ++i) early = early || out[i] > mine;
    seen += count;
    if (ring.passed(mine + 1)) {
      ++mine;
      settled.store(mine, std::memory_order_release);
    } else if (count == 0) {
      std::this_thread::yield();
    }
  }
  producer.join();
  EXPECT_FALSE(early);
  EXPECT_EQ(mine, kVersions);
}

}  // namespace
}  // namespace phalanx::base
