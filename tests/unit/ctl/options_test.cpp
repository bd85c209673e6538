// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "options.hpp"

#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

namespace phalanx::ctl {
namespace {

std::variant<Options, int> parse(std::vector<std::string> words) {
  words.insert(words.begin(), "phalanxctl");
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  return parse_options(static_cast<int>(words.size()), argv.data());
}

TEST(ParseOptions, EndsWithStatus2OnWrongUsage) {
  const std::vector<std::string> cases[] = {
      {},
      {"nosuch"},
      {"show"},
      {"show", "sa", "one", "two"},
      {"show", "sa", "--socket", "/s", "--prefix", "p"},
      {"watch", "sa", "--count", "-1"},
      {"watch", "sa", "--count", "1.5"},
      {"watch", "sa", "--count", "18446744073709551616"},
      {"watch", "sa", "--interval", "0"},
      {"watch", "sa", "--interval", "nan"},
      {"cluster"},
      {"cluster", "weight", "n2"},
      {"cluster", "weight", "n2", "1001"},
      {"cluster", "join", "4"},
      {"cluster", "expel"},
      {"capture"},
      {"capture", "start", "--port", "wan"},
      {"capture", "start", "--file", "x"},
      {"capture", "start", "--port", "wan", "--sa", "out", "--file", "x"},
      {"capture", "start", "--port", "wan", "--file", "x", "--snaplen", "63"},
      {"capture", "start", "--port", "wan", "--file", "x", "--max-packets", "-3"},
  };
  for (const auto& words : cases) {
    const auto parsed = parse(words);
    std::string line;
    for (const auto& word : words) line += " " + word;
    ASSERT_TRUE(std::holds_alternative<int>(parsed)) << line;
    EXPECT_EQ(std::get<int>(parsed), kExitUsage) << line;
  }
}

TEST(ParseOptions, ReadsACapture) {
  const auto parsed = parse({"-j", "capture", "start", "--drop", "ttl_expired", "--file", "/x/y",
                             "--snaplen", "64", "--max-packets", "18446744073709551615"});
  ASSERT_TRUE(std::holds_alternative<Options>(parsed));
  const auto& options = std::get<Options>(parsed);
  EXPECT_EQ(options.action, Action::CaptureStart);
  EXPECT_TRUE(options.json);
  EXPECT_EQ(options.capture.drop, "ttl_expired");
  EXPECT_EQ(options.capture.file, "/x/y");
  EXPECT_EQ(options.capture.snaplen, 64U);
  EXPECT_EQ(options.capture.max_packets, 18446744073709551615ULL);
}

TEST(ParseOptions, ReadsAWatch) {
  const auto parsed = parse({"watch", "sa", "out", "-a", "--interval", "0.5", "--count", "3"});
  ASSERT_TRUE(std::holds_alternative<Options>(parsed));
  const auto& options = std::get<Options>(parsed);
  EXPECT_EQ(options.action, Action::Watch);
  EXPECT_EQ(options.list, "sa");
  EXPECT_EQ(options.name, "out");
  EXPECT_TRUE(options.all);
  EXPECT_EQ(options.interval_s, 0.5);
  EXPECT_EQ(options.count, 3U);
}

}  // namespace
}  // namespace phalanx::ctl
