// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
//
// The cluster section as it should be; what can be wrong with it is in wrong_configs/.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "config_fixture.hpp"
#include "support/temporary_directory.hpp"

namespace phalanx::mgmt {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kConfig = R"(
version = 1;
node = { id = 2; name = "b"; };
control = { cpu = 0; };
workers = ( { cpu = 1; } );
ports = (
  { name = "wan"; device = "0000:01:00.0"; role = "public"; mac = "02:00:00:00:00:01";
    addresses = [ "192.0.2.1/24" ]; },
  { name = "lan"; device = "0000:01:00.1"; role = "private"; mac = "02:00:00:00:00:02";
    addresses = [ "10.1.0.1/24" ]; },
  { name = "sync"; device = "0000:01:00.2"; role = "cluster"; addresses = [ "10.9.0.2/24" ]; }
);
sas = ();
policies = ();
cluster = {
  members = (
    { name = "a"; id = 1; address = "10.9.0.1"; },
    { name = "b"; id = 2; address = "10.9.0.2"; },
    { name = "w"; id = 9; address = "10.9.0.9"; witness = true; }
  );
  secret_file = "secret.conf";
  heartbeat_interval_ms = 100;
  weight = 50;
};
)";
constexpr const char* kSecret =
    "secret = \"a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf\";\n"
    "birth_key = \"c0c1c2c3c4c5c6c7c8c9cacbcccdcecf\";\n";

TEST(ClusterConfig, IsRead) {
  const test::TemporaryDirectory folder;
  folder.write("secret.conf", kSecret);
  const auto config = load_config(folder.write("phalanx.conf", kConfig), test::four_cpus());
  ASSERT_TRUE(config.ok()) << to_string(config.error().front());
  const auto& cluster = config->cluster;
  EXPECT_TRUE(cluster.enabled());
  ASSERT_EQ(cluster.members.size(), 3U);
  EXPECT_EQ(cluster.find(base::NodeId(2))->name, "b");
  EXPECT_EQ(net::to_string(cluster.find(base::NodeId(1))->address), "10.9.0.1");
  EXPECT_TRUE(cluster.find(base::NodeId(9))->witness);
  EXPECT_EQ(cluster.find(base::NodeId(3)), nullptr);
  EXPECT_EQ(cluster.port, 2U);
  EXPECT_EQ(cluster.heartbeat_interval, std::chrono::milliseconds(100));
  EXPECT_EQ(cluster.weight, 50U);
  EXPECT_EQ(cluster.secret.size(), 32U);
  EXPECT_EQ(cluster.birth_key[15], std::byte{0xcf});
  const auto text = render_redacted(*config);
  EXPECT_THAT(text, HasSubstr("\"heartbeat_interval_ms\": 100"));
  EXPECT_THAT(text, Not(HasSubstr("a0a1")));
  EXPECT_THAT(text, Not(HasSubstr("c0c1")));
}

TEST(ClusterConfig, ThatShipsIsAccepted) {
  const test::TemporaryDirectory folder;
  folder.write("cluster.secret", kSecret);
  const auto shipped = std::string(PHALANX_SOURCE_DIR) + "/config/cluster.conf";
  const auto path = folder.write("cluster.conf", test::read_file(shipped));
  const auto config = load_config(path, test::four_cpus());
  ASSERT_TRUE(config.ok()) << to_string(config.error().front());
  EXPECT_EQ(config->cluster.members.size(), 3U);
}

TEST(ClusterConfig, RefusesSecretsThatOthersCanRead) {
  const test::TemporaryDirectory folder;
  const auto secret = folder.write("secret.conf", kSecret);
  ASSERT_EQ(::chmod(secret.c_str(), 0644), 0);
  const auto config = load_config(folder.write("phalanx.conf", kConfig), test::four_cpus());
  ASSERT_FALSE(config.ok());
  ASSERT_EQ(config.error().size(), 1U);
  EXPECT_THAT(to_string(config.error().front()), HasSubstr("holds keys and has mode 0644"));
}

TEST(ClusterConfig, IsAbsentWithoutItsSection) {
  EXPECT_FALSE(test::loaded(R"(
    version = 1; node = { id = 1; name = "a"; }; control = { cpu = 0; }; workers = ( { cpu = 1; } );
    ports = (
      { name = "wan"; device = "0000:01:00.0"; role = "public"; addresses = [ "192.0.2.1/24" ]; },
      { name = "lan"; device = "0000:01:00.1"; role = "private"; addresses = [ "10.1.0.1/24" ]; }
    );
    sas = (); policies = ();)")
                   .cluster.enabled());
}

}  // namespace
}  // namespace phalanx::mgmt
