// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
//
// Each file of wrong_configs/ starts with the messages it must give, all of them and in this order:
//   # expect: LINE KEY: PROBLEM (ALLOWED)
// A message about the file that key_file names starts with the name of that file; DIR stands for
// the directory of both.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "phalanx/mgmt/config_loader.hpp"
#include "support/temporary_directory.hpp"

namespace phalanx::mgmt {
namespace {

std::filesystem::path directory() {
  return std::filesystem::path(PHALANX_TESTS_DIR) / "unit/mgmt/wrong_configs";
}

std::vector<std::string> wrong_configs() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory())) {
    if (entry.path().extension() == ".conf") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> expected_messages(const std::string& text) {
  constexpr std::string_view kMark = "# expect: ";
  std::vector<std::string> messages;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line) && line.starts_with(kMark);) {
    messages.push_back(line.substr(kMark.size()));
  }
  return messages;
}

// "/tmp/xyz/NAME.conf:7 node.id: ..." as the files write it: "7 node.id: ...".
std::string as_written(std::string message, const std::string& path, const std::string& parent) {
  if (message.starts_with(path)) message.erase(0, path.size() + 1);
  for (auto at = message.find(parent); at != std::string::npos; at = message.find(parent)) {
    message.replace(at, parent.size(), "DIR");
  }
  if (message.starts_with("DIR/")) message.erase(0, 4);
  return message;
}

class WrongConfig : public testing::TestWithParam<std::string> {};

TEST_P(WrongConfig, GivesItsMessages) {
  const test::TemporaryDirectory temporary;
  const auto text = test::read_file(directory() / (GetParam() + ".conf"));
  const auto path = temporary.write(GetParam() + ".conf", text);
  const auto keys = directory() / (GetParam() + ".keys");
  if (std::filesystem::exists(keys)) {
    temporary.write(GetParam() + ".keys", test::read_file(keys));
  }
  LoadOptions options;
  options.cpus = {0, 1, 2, 3};

  const auto result = load_config(path, options);

  ASSERT_FALSE(result.ok());
  std::vector<std::string> messages;
  for (const auto& problem : result.error()) {
    messages.push_back(as_written(to_string(problem), path, temporary.path()));
  }
  const auto expected = expected_messages(text);
  ASSERT_FALSE(expected.empty());
  EXPECT_EQ(messages, expected);
}

INSTANTIATE_TEST_SUITE_P(All, WrongConfig, testing::ValuesIn(wrong_configs()),
                         [](const auto& each) { return each.param; });

TEST(WrongConfigs, AreAtLeastForty) {
  EXPECT_GE(wrong_configs().size(), 40U);
}

}  // namespace
}  // namespace phalanx::mgmt
