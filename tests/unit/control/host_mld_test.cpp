// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <gtest/gtest.h>

#include <string>

#include "host_fixture.hpp"

namespace phalanx::control {
namespace {

using dataplane::PuntReason;

TEST(HostMld, AnswersAQueryWithinTheTimeItAllows) {
  base::Duration earliest = 1h, latest = 0s;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    HostWorld world(host_config(), seed);
    world.punt(PuntReason::Local, "mld_query");
    EXPECT_TRUE(world.io.frames.empty());
    const auto due = world.host.next_deadline() - world.now;
    earliest = std::min(earliest, due);
    latest = std::max(latest, due);
    world.pass(10s);
    EXPECT_EQ(world.io.take_frame(), vector_hex("mld_present"));
    EXPECT_EQ(world.count(HostCounter::MldQueryAnswered), 1U);
    EXPECT_EQ(world.count(HostCounter::MldReportSent), 1U);
  }
  EXPECT_LT(earliest, 1s);
  EXPECT_GT(latest, 9s);
  EXPECT_LE(latest, 10s);
}

TEST(HostMld, AnswersManyQueriesAtOnceWithOneReport) {
  HostWorld world;
  for (int i = 0; i < 1000; ++i) world.punt(PuntReason::Local, "mld_query");
  world.pass(10s);
  EXPECT_EQ(world.io.frames.size(), 1U);
}

TEST(HostMld, SpeaksTheVersionOfTheQuerier) {
  HostWorld world;
  world.punt(PuntReason::Local, "mld_query_v1");
  world.pass(1s);
  ASSERT_EQ(world.io.frames.size(), 2U);
  EXPECT_EQ(world.io.frames[0].second, vector_hex("mld_v1_report_0"));
  EXPECT_EQ(world.io.frames[1].second, vector_hex("mld_v1_report_1"));
}

TEST(HostMld, AnswersForItsOwnGroupsOnly) {
  HostWorld world;
  world.punt(PuntReason::Local, "mld_query_other_group");
  EXPECT_EQ(world.count(HostCounter::MldNotForUs), 1U);
  EXPECT_EQ(world.host.next_deadline(), base::TimePoint::max());
  world.punt(PuntReason::Local, "mld_query_group");
  world.pass(1s);
  EXPECT_EQ(world.io.take_frame(), vector_hex("mld_present"));
}

TEST(HostMld, IgnoresQueriesThatBreakARule) {
  std::uint64_t broken = 0;
  HostWorld world;
  for (const auto& [name, frame] : host_vectors().all()) {
    if (!name.starts_with("bad_mld")) continue;
    world.punt(PuntReason::Local, name);
    EXPECT_EQ(world.count(HostCounter::MldMalformed), ++broken) << name;
  }
  EXPECT_EQ(broken, 4U);
  world.pass(60s);
  EXPECT_TRUE(world.io.frames.empty());
}

}  // namespace
}  // namespace phalanx::control
