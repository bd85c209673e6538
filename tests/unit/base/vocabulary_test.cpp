// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <utility>

#include "phalanx/base/clock.hpp"
#include "phalanx/base/ids.hpp"
#include "phalanx/base/log.hpp"
#include "phalanx/base/result.hpp"

namespace phalanx::base {
namespace {

enum class Fault : std::uint8_t { Small, Large };

TEST(Result, HoldsAValueOrAnError) {
  const Result<int, Fault> good = 7;
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(*good, 7);
  EXPECT_EQ(good.value(), 7);
  const Result<int, Fault> bad = Fault::Large;
  EXPECT_FALSE(bad.ok());
  EXPECT_FALSE(static_cast<bool>(bad));
  EXPECT_EQ(bad.error(), Fault::Large);
}

TEST(Result, HandsOverAValueThatCannotBeCopied) {
  Result<std::unique_ptr<int>, Fault> made = std::make_unique<int>(5);
  const std::unique_ptr<int> taken = *std::move(made);
  ASSERT_TRUE(taken);
  EXPECT_EQ(*taken, 5);
}

TEST(Result, CarriesSuccessWithoutValue) {
  const Result<Ok, Fault> done = Ok{};
  EXPECT_TRUE(done.ok());
}

TEST(Result, ReachesMembersOfItsValue) {
  Result<std::string, Fault> text = std::string("abc");
  EXPECT_EQ(text->size(), 3U);
  text->push_back('d');
  EXPECT_EQ(std::as_const(text)->back(), 'd');
}

TEST(StrongId, ComparesAndHashesByValue) {
  EXPECT_LT(Spi(1), Spi(2));
  EXPECT_EQ(Spi(), Spi(0));
  std::unordered_set<Spi> seen{Spi(5), Spi(5), Spi(6)};
  EXPECT_EQ(seen.size(), 2U);
}

TEST(StrongId, DoesNotMixMeanings) {
  static_assert(!std::is_convertible_v<std::uint8_t, NodeId>);
  static_assert(!std::is_convertible_v<NodeId, std::uint8_t>);
  static_assert(!std::is_constructible_v<NodeId, BucketIndex>);
  static_assert(!std::is_constructible_v<Term, Epoch>);
  static_assert(sizeof(Uid) == 8 && sizeof(NodeId) == 1);
  EXPECT_EQ(BootCount(65535).value(), 65535);
}

TEST(SteadyClock, NeverGoesBack) {
  const SteadyClock clock;
  auto last = clock.now();
  for (int i = 0; i < 1000; ++i) {
    const auto now = clock.now();
    EXPECT_GE(now, last);
    last = now;
  }
}

TEST(LogLevel, ParsesItsFourNamesOnly) {
  struct Row {
    const char* text;
    LogLevel level;
  };
  for (const auto& row : {Row{"debug", LogLevel::Debug}, Row{"info", LogLevel::Info},
                          Row{"warn", LogLevel::Warn}, Row{"error", LogLevel::Error}}) {
    LogLevel level{};
    EXPECT_TRUE(parse_log_level(row.text, level)) << row.text;
    EXPECT_EQ(level, row.level);
  }
  for (const auto* text : {"", "Info", "trace", "warning", "info "}) {
    auto level = LogLevel::Warn;
    EXPECT_FALSE(parse_log_level(text, level)) << text;
    EXPECT_EQ(level, LogLevel::Warn) << "left alone";
  }
}

class LogTest : public ::testing::Test {
 protected:
  void TearDown() override { set_log_level(LogLevel::Info); }
};

TEST_F(LogTest, WritesOneLinePerEventAtOrAboveItsLevel) {
  set_log_level(LogLevel::Warn);
  ::testing::internal::CaptureStderr();
  log_debug("net", "unseen");
  log_info("net", "unseen");
  log_warn("net", "Seen once. key=value");
  log_error("control", "braces {} are text");
  const auto text = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find("unseen"), std::string::npos) << text;
  EXPECT_NE(text.find("warning net: Seen once. key=value\n"), std::string::npos) << text;
  EXPECT_NE(text.find("error control: braces {} are text\n"), std::string::npos) << text;
}

TEST_F(LogTest, TellsWhatItWouldWrite) {
  set_log_level(LogLevel::Error);
  EXPECT_FALSE(log_enabled(LogLevel::Warn));
  EXPECT_TRUE(log_enabled(LogLevel::Error));
  set_log_level(LogLevel::Debug);
  EXPECT_TRUE(log_enabled(LogLevel::Debug));
}

}  // namespace
}  // namespace phalanx::base
