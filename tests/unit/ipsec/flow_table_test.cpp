// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/ipsec/flow_table.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace phalanx::ipsec {
namespace {

using base::LineTable;

FlowKey random_key(std::mt19937& random) {
  FlowKey key;
  // Few values, so that keys differ in one field only.
  key.source[0] = static_cast<std::uint8_t>(random() % 4);
  key.destination[15] = static_cast<std::uint8_t>(random() % 4);
  key.source_port = static_cast<std::uint16_t>(random() % 8);
  key.destination_port = static_cast<std::uint16_t>(random() % 8);
  key.protocol = random() % 2 == 0 ? 6 : 17;
  key.family = random() % 2 == 0 ? 4 : 6;
  return key;
}

struct ByBytes {
  bool operator()(const FlowKey& a, const FlowKey& b) const {
    return std::memcmp(&a, &b, sizeof(a)) < 0;
  }
};

TEST(FlowTable, AgreesWithStandardMapUnderRandomOperations) {
  constexpr std::uint32_t kCapacity = 2'000;
  std::mt19937 random(1);
  FlowKeys keys(kCapacity, 0x1234'5678'9abc'def0);
  ASSERT_FALSE(keys.empty());
  LineTable table;
  std::map<FlowKey, std::uint32_t, ByBytes> model;
  std::vector<std::uint32_t> free;
  for (std::uint32_t i = 0; i < kCapacity; ++i) free.push_back(i);
  for (int step = 0; step < 30'000; ++step) {
    const auto key = random_key(random);
    const auto found = model.find(key);
    ASSERT_EQ(keys.lookup(table, key), found == model.end() ? LineTable::kNone : found->second);
    if (found != model.end()) {
      ASSERT_TRUE(table.erase(keys.tag_of(key), found->second));
      free.push_back(found->second);
      model.erase(found);
    } else if (!free.empty()) {
      keys.set(free.back(), key);
      ASSERT_TRUE(table.insert(keys.tag_of(key), free.back()));
      model.emplace(key, free.back());
      free.pop_back();
    }
    if (step % 100 != 0) continue;
    std::array<FlowKey, LineTable::kBurst> wanted;
    std::array<std::uint32_t, LineTable::kBurst> entries;
    for (auto& one : wanted) one = random_key(random);
    const auto n = random() % (wanted.size() + 1);
    keys.lookup_bulk(table, wanted.data(), n, entries.data(), [](std::uint32_t) {});
    for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(entries[i], keys.lookup(table, wanted[i]));
  }
}

TEST(FlowTable, TagsDependOnTheSeed) {
  const FlowKeys one(1, 1);
  const FlowKeys other(1, 2);
  std::mt19937 random(2);
  unsigned equal = 0;
  for (int i = 0; i < 1'000; ++i) {
    const auto key = random_key(random);
    equal += one.tag_of(key) == other.tag_of(key) ? 1U : 0U;
  }
  EXPECT_LE(equal, 1U);
}

}  // namespace
}  // namespace phalanx::ipsec
