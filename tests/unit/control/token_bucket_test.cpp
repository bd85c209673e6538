// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/token_bucket.hpp"

#include <gtest/gtest.h>

namespace phalanx::control {
namespace {

using namespace std::chrono_literals;
constexpr base::TimePoint kStart{base::Duration(1h)};

int take_all(TokenBucket& bucket, base::TimePoint now) {
  int taken = 0;
  while (bucket.take(now)) ++taken;
  return taken;
}

TEST(TokenBucket, StartsFullAndHoldsNoMoreThanItsBurst) {
  TokenBucket bucket(100, 7);
  EXPECT_EQ(take_all(bucket, kStart), 7);
  EXPECT_EQ(take_all(bucket, kStart + 1h), 7);
}

TEST(TokenBucket, StartsFullAtTheBeginningOfTime) {
  TokenBucket bucket(100, 7);
  EXPECT_EQ(take_all(bucket, base::TimePoint{}), 7);
}

TEST(TokenBucket, GivesItsRateOverALongTime) {
  for (const std::uint32_t rate : {1U, 3U, 1000U, 1'000'000U}) {
    TokenBucket bucket(rate, 2);
    // Asked twice as often as it gives.
    const auto step = base::Duration(1s) / rate / 2;
    std::uint64_t taken = 0;
    for (std::uint64_t i = 1; i <= 20'000; ++i) taken += bucket.take(kStart + step * i) ? 1 : 0;
    EXPECT_NEAR(static_cast<double>(taken), 10'000.0, 2.0) << rate;
  }
}

TEST(TokenBucket, KeepsTheFractionOfAToken) {
  TokenBucket bucket(1, 1);
  EXPECT_TRUE(bucket.take(kStart));
  EXPECT_FALSE(bucket.take(kStart + 999'999'999ns));
  EXPECT_TRUE(bucket.take(kStart + 1s));
}

TEST(TokenBucket, GivesNothingForTimeThatGoesBack) {
  TokenBucket bucket(1, 1);
  EXPECT_TRUE(bucket.take(kStart));
  EXPECT_FALSE(bucket.take(kStart - 10s));
  EXPECT_FALSE(bucket.take(kStart));
  EXPECT_TRUE(bucket.take(kStart + 1s));
}

}  // namespace
}  // namespace phalanx::control
