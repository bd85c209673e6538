// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/host_counters.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string_view>

namespace phalanx::control {
namespace {

TEST(HostCounters, HaveUniqueNamesAndHelp) {
  std::set<std::string_view> names;
  for (const auto& row : host_counter_table()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_FALSE(row.help.empty()) << row.name;
    EXPECT_EQ(row.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"),
              std::string_view::npos)
        << row.name;
  }
}

TEST(HostCounters, SumOverAGroup) {
  HostCounters counters;
  counters.add(HostCounter::ArpMalformed);
  counters.add(HostCounter::ArpMalformed);
  counters.add(HostCounter::BadPunt);
  counters.add(HostCounter::EchoAnswered);
  EXPECT_EQ(counters.get(HostCounter::ArpMalformed), 2U);
  EXPECT_EQ(counters.sum(HostCounterGroup::Drop), 3U);
  EXPECT_EQ(counters.sum(HostCounterGroup::Done), 1U);
  EXPECT_EQ(counters.sum(HostCounterGroup::Event), 0U);
}

}  // namespace
}  // namespace phalanx::control
