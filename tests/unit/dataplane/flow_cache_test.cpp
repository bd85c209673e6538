// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dataplane/flow_cache.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace phalanx::dataplane {
namespace {

ipsec::FlowKey random_key(std::mt19937_64& random, std::uint8_t family) {
  ipsec::FlowKey key;
  const auto bytes = family == 4 ? 4U : 16U;
  for (unsigned i = 0; i < bytes; ++i) {
    key.source[i] = static_cast<std::uint8_t>(random());
    key.destination[i] = static_cast<std::uint8_t>(random());
  }
  key.source_port = static_cast<std::uint16_t>(random());
  key.destination_port = static_cast<std::uint16_t>(random());
  key.protocol = 17;
  key.family = family;
  key.has_ports = 1;
  return key;
}

FlowVerdict verdict_with(std::uint8_t bucket) {
  FlowVerdict verdict;
  verdict.action = FlowAction::Bypass;
  verdict.bucket = base::BucketIndex(bucket);
  return verdict;
}

TEST(FlowCache, MissesWhatWasNeverInserted) {
  const FlowCache cache(256, 1);
  std::mt19937_64 random(1);
  for (int i = 0; i < 1000; ++i) {
    const auto key = random_key(random, i % 2 == 0 ? 4 : 6);
    EXPECT_EQ(cache.lookup(key, cache.hash(key)), nullptr);
  }
}

TEST(FlowCache, FindsTheNewestFlowsAndNeverAnothersVerdict) {
  FlowCache cache(1024, 7);
  std::mt19937_64 random(2);
  std::vector<ipsec::FlowKey> keys;
  for (unsigned i = 0; i < 20000; ++i) {
    keys.push_back(random_key(random, i % 3 == 0 ? 6 : 4));
    cache.insert(keys.back(), cache.hash(keys.back()), verdict_with(static_cast<std::uint8_t>(i)));
    const auto* found = cache.lookup(keys.back(), cache.hash(keys.back()));
    ASSERT_NE(found, nullptr) << i;
    EXPECT_EQ(found->bucket.value(), static_cast<std::uint8_t>(i));
  }
  unsigned cached = 0;
  for (unsigned i = 0; i < keys.size(); ++i) {
    const auto* found = cache.lookup(keys[i], cache.hash(keys[i]));
    if (found == nullptr) continue;
    ++cached;
    EXPECT_EQ(found->bucket.value(), static_cast<std::uint8_t>(i)) << i;
  }
  EXPECT_GT(cached, 800U);
  EXPECT_LE(cached, 1024U);
}

TEST(FlowCache, KeepsSidesApart) {
  FlowCache cache(256, 3);
  std::mt19937_64 random(3);
  auto key = random_key(random, 4);
  key.side = static_cast<std::uint8_t>(PacketSide::Private);
  cache.insert(key, cache.hash(key), verdict_with(1));
  key.side = static_cast<std::uint8_t>(PacketSide::Public);
  EXPECT_EQ(cache.lookup(key, cache.hash(key)), nullptr);
}

TEST(FlowCache, FourFlowsOfOneSetLiveSideBySideAndAFifthTakesOnePlace) {
  FlowCache cache(256, 5);
  std::mt19937_64 random(5);
  std::vector<ipsec::FlowKey> keys = {random_key(random, 4)};
  while (keys.size() < 5) {
    const auto key = random_key(random, 4);
    if ((cache.hash(key) & 255) == (cache.hash(keys[0]) & 255)) keys.push_back(key);
  }
  const auto insert = [&](std::uint8_t i) {
    cache.insert(keys[i], cache.hash(keys[i]), verdict_with(i));
  };
  const auto found = [&] {
    unsigned count = 0;
    for (std::uint8_t i = 0; i < keys.size(); ++i) {
      const auto* verdict = cache.lookup(keys[i], cache.hash(keys[i]));
      if (verdict == nullptr) continue;
      EXPECT_EQ(verdict->bucket.value(), i);
      ++count;
    }
    return count;
  };
  for (std::uint8_t i = 0; i < 4; ++i) insert(i);
  EXPECT_EQ(found(), 4U);
  insert(4);
  EXPECT_EQ(found(), 4U);
  EXPECT_NE(cache.lookup(keys[4], cache.hash(keys[4])), nullptr);
}

}  // namespace
}  // namespace phalanx::dataplane
