// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/ipsec/stripe_context.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "phalanx/ipsec/packet_mode.hpp"
#include "phalanx/net/bucket_hash.hpp"

namespace phalanx::ipsec {
namespace {

constexpr std::uint64_t kLast = ~std::uint64_t{0} - 1;

TEST(StripeContext, NoNumberBelowTheFloorIsAccepted) {
  for (const auto shift : std::initializer_list<std::uint8_t>{1, 3, 5, 6}) {
    for (const std::uint64_t floor :
         {std::uint64_t{1}, std::uint64_t{33}, std::uint64_t{64}, std::uint64_t{1000001}, kLast}) {
      StripeContext context;
      context.start(floor, shift);
      EXPECT_EQ(context.top(), floor - 1);
      const auto lowest = floor < 300 ? 0 : floor - 300;
      for (auto number = lowest; number < floor; ++number) {
        EXPECT_NE(context.check(number, shift), ReplayVerdict::Fresh) << number;
        EXPECT_NE(context.accept(number, shift), ReplayVerdict::Fresh) << number;
      }
      EXPECT_EQ(context.accept(floor, shift), ReplayVerdict::Fresh);
      EXPECT_EQ(context.accept(floor, shift), ReplayVerdict::Duplicate);
      EXPECT_EQ(context.top(), floor);
    }
  }
}

TEST(StripeContext, TheNewestStripesAreRememberedAndOlderOnesRefused) {
  constexpr std::uint8_t kShift = 3;
  StripeContext context;
  context.start(1, kShift);
  // The floor's own stripe takes a place until it is the oldest.
  for (std::uint64_t stripe = 10; stripe < 10 + StripeContext::kStripes; ++stripe) {
    EXPECT_EQ(context.accept(stripe << kShift, kShift), ReplayVerdict::Fresh);
  }
  EXPECT_EQ(context.check(1, kShift), ReplayVerdict::TooOld);
  EXPECT_EQ(context.check(9 << kShift, kShift), ReplayVerdict::TooOld);
  for (std::uint64_t stripe = 10; stripe < 10 + StripeContext::kStripes; ++stripe) {
    EXPECT_EQ(context.check(stripe << kShift, kShift), ReplayVerdict::Duplicate);
    EXPECT_EQ(context.check((stripe << kShift) + 1, kShift), ReplayVerdict::Fresh);
  }
  EXPECT_EQ(context.accept(kLast, kShift), ReplayVerdict::Fresh);
  EXPECT_EQ(context.check((10 << kShift) + 1, kShift), ReplayVerdict::TooOld);
  EXPECT_EQ(context.check((11 << kShift) + 1, kShift), ReplayVerdict::Fresh);
}

// Any numbers in any order: no number twice, and what no newer stripes pushed out is accepted.
TEST(StripeContext, NoNumberTwiceWhateverComes) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    std::mt19937_64 random(seed);
    const auto shift = static_cast<std::uint8_t>(kMinStripeShift + seed % 6);
    StripeContext context;
    context.start(1, shift);
    std::set<std::uint64_t> accepted;
    std::set<std::uint64_t> stripes;
    std::uint64_t front = 1;
    for (int step = 0; step < 20000; ++step) {
      if (random() % 200 == 0) front += random() % (std::uint64_t{40} << shift);
      const auto number = 1 + front + random() % (std::uint64_t{8} << shift);
      const auto stripe = number >> shift;
      const auto newer =
          static_cast<std::size_t>(std::distance(stripes.upper_bound(stripe), stripes.end()));
      const auto before = context.check(number, shift);
      const auto verdict = context.accept(number, shift);
      ASSERT_EQ(before, verdict) << "seed " << seed;
      if (verdict == ReplayVerdict::Fresh) {
        ASSERT_TRUE(accepted.insert(number).second) << "seed " << seed << " number " << number;
        stripes.insert(stripe);
        ASSERT_EQ(context.top(), *accepted.rbegin());
      } else if (newer < StripeContext::kStripes - 1) {
        ASSERT_TRUE(accepted.contains(number)) << "seed " << seed << " number " << number;
      }
    }
  }
}

// The rule of the configuration: a window of 128 stripes loses no packet that is late by less.
TEST(StripeContext, AWindowOfTheMostStripesAllowedFindsRoom) {
  const net::BucketHash hash(net::BucketHash::Key{1, 2, 3, 4, 5, 6, 7, 8});
  constexpr std::uint8_t kShift = 5;
  constexpr std::uint64_t kWindow = std::uint64_t{kMaxWindowStripes} << kShift;
  auto striped = std::make_unique<StripedInbound>();
  for (auto& context : striped->contexts) context.start(1, kShift);
  const auto context_of = [&](std::uint64_t number) -> StripeContext& {
    const auto stripe = static_cast<std::uint32_t>(number >> kShift);
    return striped->contexts[hash.esp_packet(base::Spi(0x1234), stripe).value()];
  };
  std::uint64_t refused = 0;
  constexpr std::uint64_t kNumbers = 400'000;
  // Every number but each 97th at once, and that one as late as the window allows.
  for (std::uint64_t number = 1; number < kNumbers; ++number) {
    if (number % 97 != 0) {
      refused += context_of(number).accept(number, kShift) == ReplayVerdict::Fresh ? 0 : 1;
    }
    if (number <= kWindow || (number - kWindow + 1) % 97 != 0) continue;
    const auto late = number - kWindow + 1;
    refused += context_of(late).accept(late, kShift) == ReplayVerdict::Fresh ? 0 : 1;
  }
  EXPECT_EQ(refused, 0U);
}

}  // namespace
}  // namespace phalanx::ipsec
