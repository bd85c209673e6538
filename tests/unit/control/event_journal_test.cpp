// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/event_journal.hpp"

#include <gtest/gtest.h>

namespace phalanx::control {
namespace {

TEST(EventJournal, KeepsTheNewestInTheirOrder) {
  EventJournal journal("test");
  journal.warn("the first");
  ASSERT_EQ(journal.entries().size(), 1U);
  EXPECT_EQ(journal.entries().front().level, base::LogLevel::Warn);
  EXPECT_EQ(journal.entries().front().text, "the first");
  for (std::size_t i = 0; i < EventJournal::kMostEvents; ++i) journal.info(std::to_string(i));
  ASSERT_EQ(journal.entries().size(), EventJournal::kMostEvents);
  EXPECT_EQ(journal.entries().front().text, "0");
  for (std::size_t i = 1; i < journal.entries().size(); ++i) {
    EXPECT_EQ(journal.entries()[i].number, journal.entries()[i - 1].number + 1);
  }
}

}  // namespace
}  // namespace phalanx::control
