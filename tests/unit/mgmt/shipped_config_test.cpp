// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
//
// The configs that ship, and the one that is shown.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "phalanx/mgmt/config_loader.hpp"
#include "sample_config.hpp"

namespace phalanx::mgmt {
namespace {

using testing::HasSubstr;
using testing::Not;

class ExampleConfig : public testing::TestWithParam<const char*> {};

TEST_P(ExampleConfig, IsAccepted) {
  const auto path = std::filesystem::path(PHALANX_SOURCE_DIR) / "config" / GetParam();
  std::vector<ConfigProblem> warnings;
  LoadOptions options;
  options.cpus = {0, 1, 2, 3};
  options.warnings = &warnings;
  const auto result = load_config(path.string(), options);
  ASSERT_TRUE(result.ok()) << to_string(result.error().front());
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_THAT(to_string(warnings.front()), HasSubstr("published_keys"));
}

INSTANTIATE_TEST_SUITE_P(All, ExampleConfig, testing::Values("phalanx.conf", "lab-null.conf"),
                         [](const auto& each) {
                           std::string name = each.param;
                           std::replace_if(
                               name.begin(), name.end(),
                               [](char c) { return c == '.' || c == '-'; }, '_');
                           return name;
                         });

TEST(RenderRedacted, ShowsEverythingButKeys) {
  const auto config = parse_config_text(test::sample_config(), "test.conf", {});
  ASSERT_TRUE(config.ok()) << to_string(config.error().front());
  const auto text = render_redacted(*config);
  EXPECT_THAT(text, HasSubstr("\"spi\": \"0x00001001\""));
  EXPECT_THAT(text, HasSubstr("\"key\": \"redacted\""));
  EXPECT_THAT(text, HasSubstr("\"via\": \"192.0.2.254\""));
  EXPECT_THAT(text, HasSubstr("\"out_sa\": \"out\""));
  for (const char* key : {"00010203", "0c0d0e0f", "20212223", "10111213"}) {
    EXPECT_THAT(text, Not(HasSubstr(key)));
  }
}

}  // namespace
}  // namespace phalanx::mgmt
