// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/elephant_watch.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace phalanx::control {
namespace {

using Large = std::vector<Elephant>;

std::string text(const std::vector<Elephant>& elephants) {
  std::string out;
  for (const auto& each : elephants) {
    out += std::to_string(each.sa) + ":" + std::to_string(each.percent) + " ";
  }
  return out;
}

TEST(ElephantWatch, ReportsAnSaOnceWhenItStaysLarge) {
  struct Interval {
    Large large;
    const char* becomes;
    const char* are;
  };
  const std::vector<Interval> intervals = {
      {{{3, 90}}, "", ""},
      {{{3, 91}, {7, 60}}, "", ""},
      {{{3, 92}, {7, 61}}, "3:92 ", "3:92 "},
      {{{3, 93}, {7, 62}}, "7:62 ", "3:93 7:62 "},
      {{{1, 55}, {3, 94}}, "", "3:94 "},
      {{{1, 56}, {3, 95}, {7, 63}}, "", "3:95 "},
      {{{1, 57}}, "1:57 ", "1:57 "},
      {{}, "", ""},
  };
  ElephantWatch watch;
  for (std::size_t i = 0; i < intervals.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(text(watch.step(intervals[i].large)), intervals[i].becomes);
    EXPECT_EQ(text(watch.elephants()), intervals[i].are);
  }
}

TEST(ElephantWatch, AMomentMakesNoElephant) {
  ElephantWatch watch;
  const Large busy = {{0, 100}, {1, 100}};
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(watch.step(busy).empty());
    EXPECT_TRUE(watch.step(busy).empty());
    EXPECT_TRUE(watch.step({}).empty());
    EXPECT_TRUE(watch.elephants().empty());
  }
}

TEST(ElephantWatch, ReportsAgainWhatHadBecomeSmall) {
  ElephantWatch watch;
  const Large busy = {{5, 80}};
  unsigned reports = 0;
  for (int turn = 0; turn < 2; ++turn) {
    for (unsigned i = 0; i < 2 * ElephantWatch::kPatience; ++i) {
      reports += static_cast<unsigned>(watch.step(busy).size());
    }
    EXPECT_TRUE(watch.step({}).empty());
  }
  EXPECT_EQ(reports, 2U);
}

}  // namespace
}  // namespace phalanx::control
