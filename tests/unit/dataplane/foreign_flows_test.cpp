// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dataplane/foreign_flows.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace phalanx::dataplane {
namespace {

base::BucketIndex bucket_at(std::size_t i) {
  return base::BucketIndex(static_cast<std::uint8_t>(i * 7));
}

TEST(ForeignFlows, KnowsNothingOfFlowsItWasNotTold) {
  ForeignFlows flows(1024);
  std::mt19937_64 random(1);
  for (int i = 0; i < 10'000; ++i) EXPECT_GE(flows.find(random()), ForeignFlows::kUnknown);
  EXPECT_GE(flows.find(0), ForeignFlows::kUnknown);
}

TEST(ForeignFlows, TellsTheBucketOfEachFlowAndNeverAnothers) {
  ForeignFlows flows(1024);
  std::mt19937_64 random(2);
  std::vector<std::uint64_t> hashes;
  for (std::size_t i = 0; i < 20'000; ++i) {
    hashes.push_back(random());
    flows.insert(hashes[i], bucket_at(i));
    EXPECT_EQ(flows.find(hashes[i]), bucket_at(i).value());
  }
  unsigned found = 0;
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    const auto bucket = flows.find(hashes[i]);
    if (bucket >= ForeignFlows::kUnknown) continue;
    ++found;
    EXPECT_EQ(bucket, bucket_at(i).value());
  }
  EXPECT_GT(found, 900U) << "of 1024";
}

// Hashes that lie in one set and differ in one bit only.
TEST(ForeignFlows, TellsHashesApartByAnyBitButTheHighest) {
  constexpr std::uint64_t kHash = 0x123456789abcdef0;
  for (unsigned bit = 0; bit < 63; ++bit) {
    ForeignFlows flows(1024);
    flows.insert(kHash, base::BucketIndex(9));
    EXPECT_EQ(flows.find(kHash), 9U);
    EXPECT_GE(flows.find(kHash ^ std::uint64_t{1} << bit), ForeignFlows::kUnknown) << bit;
  }
}

}  // namespace
}  // namespace phalanx::dataplane
