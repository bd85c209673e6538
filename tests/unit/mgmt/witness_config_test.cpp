// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/mgmt/witness_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "support/temporary_directory.hpp"

namespace phalanx::mgmt {
namespace {

using testing::HasSubstr;

constexpr const char* kSecret =
    "secret = \"a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf\";\n"
    "birth_key = \"c0c1c2c3c4c5c6c7c8c9cacbcccdcecf\";\n";
constexpr const char* kCluster =
    "cluster = { members = ( { name = \"a\"; id = 1; address = \"10.9.0.1\"; },\n"
    "  { name = \"w\"; id = 9; address = \"10.9.0.9\"; witness = true; } );\n"
    "  secret_file = \"secret.conf\"; };\n";

base::Result<WitnessConfig, std::vector<ConfigProblem>> load(const std::string& text) {
  const test::TemporaryDirectory folder;
  folder.write("secret.conf", kSecret);
  return load_witness_config(folder.write("witness.conf", text.c_str()));
}

TEST(WitnessConfig, IsRead) {
  const auto config = load(std::string("version = 1; node = { id = 9; };\n") + kCluster);
  ASSERT_TRUE(config) << to_string(config.error().front());
  EXPECT_EQ(config->node.id, base::NodeId(9));
  EXPECT_EQ(config->node.state_dir, "/var/lib/phalanx-witness");
  EXPECT_EQ(config->cluster.members.size(), 2U);
  EXPECT_EQ(config->cluster.secret.size(), 32U);
  EXPECT_EQ(config->cluster.birth_key[0], std::byte{0xc0});
}

TEST(WitnessConfig, TheShippedExampleIsGood) {
  const test::TemporaryDirectory folder;
  std::ifstream file(std::string(PHALANX_SOURCE_DIR) + "/config/witness.conf");
  std::ostringstream text;
  text << file.rdbuf();
  folder.write("cluster.secret", kSecret);
  const auto config = load_witness_config(folder.write("witness.conf", text.str().c_str()));
  ASSERT_TRUE(config) << to_string(config.error().front());
  EXPECT_TRUE(config->cluster.find(config->node.id)->witness);
}

TEST(WitnessConfig, SaysWhatIsWrong) {
  const struct {
    std::string text;
    std::string message;
  } kCases[] = {
      {"version = 2;", "version"},
      {"version = 1; node = { id = 9 ", "is missing: opened in line 1"},
      {"version = 1; node = { id = 9; };", "cluster"},
      {std::string("version = 1;\n") + kCluster, "node"},
      {std::string("version = 1; node = { id = 1; };\n") + kCluster,
       "member \"a\", this one, is no witness"},
      {std::string("version = 1; node = { id = 5; };\n") + kCluster,
       "node 5, this one, is not among them"},
      {std::string("version = 1; node = { id = 9; }; ports = ();\n") + kCluster, "ports"},
      {std::string("version = 1; node = { id = 900; };\n") + kCluster, "1..255"},
  };
  for (const auto& each : kCases) {
    const auto config = load(each.text);
    ASSERT_FALSE(config) << each.text;
    EXPECT_THAT(to_string(config.error().front()), HasSubstr(each.message)) << each.text;
  }
}

TEST(WitnessConfig, RefusesASecretThatOthersMayRead) {
  const test::TemporaryDirectory folder;
  const auto secret = folder.write("secret.conf", kSecret);
  ASSERT_EQ(::chmod(secret.c_str(), 0644), 0);
  const auto config = load_witness_config(folder.write(
      "witness.conf", (std::string("version = 1; node = { id = 9; };\n") + kCluster).c_str()));
  ASSERT_FALSE(config);
  EXPECT_THAT(to_string(config.error().front()), HasSubstr("secret_file"));
}

TEST(WitnessConfig, SaysThatThereIsNoFile) {
  const auto config = load_witness_config("/nowhere/witness.conf");
  ASSERT_FALSE(config);
  EXPECT_THAT(to_string(config.error().front()), HasSubstr("/nowhere/witness.conf"));
}

}  // namespace
}  // namespace phalanx::mgmt
