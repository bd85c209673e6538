// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/host_addresses.hpp"

#include <gtest/gtest.h>

#include <string>

#include "host_fixture.hpp"

namespace phalanx::control {
namespace {

HostAddresses addresses() {
  return HostAddresses(host_config().ports);
}

TEST(HostAddresses, KnowsItsOwn) {
  const auto ours = addresses();
  EXPECT_TRUE(ours.is_ours(kPublic, ip("192.0.2.1")));
  EXPECT_TRUE(ours.is_ours(kPublic, ip("10.1.0.1"))) << "of the other port";
  EXPECT_FALSE(ours.is_on_port(kPublic, ip("10.1.0.1")));
  EXPECT_TRUE(ours.is_ours(kPublic, ip("fe80::5eff:fe00:5301")));
  EXPECT_FALSE(ours.is_ours(kPublic, ip("fe80::5eff:fe00:5302"))) << "another link's";
  EXPECT_FALSE(ours.is_ours(kPublic, ip("192.0.2.2")));
}

TEST(HostAddresses, KnowsWhoCanBeOnALink) {
  const auto ours = addresses();
  const std::pair<std::string, bool> rows[] = {
      {"192.0.2.9", true},      {"192.0.2.255", false},
      {"192.0.2.0", false},     {"198.51.100.1", false},
      {"10.1.0.5", false},      {"2001:db8:1::ffff", true},
      {"2001:db8:2::1", false}, {"fe80::1234", true},
      {"ff02::1", false},       {"::", false},
      {"224.0.0.5", false},
  };
  for (const auto& [address, on_link] : rows) {
    EXPECT_EQ(ours.is_on_link(kPublic, ip(address)), on_link) << address;
  }
}

TEST(HostAddresses, KnowsBroadcastsOfEverySubnet) {
  const auto ours = addresses();
  for (const auto* address : {"255.255.255.255", "192.0.2.255", "192.0.2.0", "10.1.0.255"}) {
    EXPECT_TRUE(ours.is_broadcast(ip(address))) << address;
  }
  for (const auto* address : {"192.0.2.254", "10.1.1.255", "ff02::1", "2001:db8:1::"}) {
    EXPECT_FALSE(ours.is_broadcast(ip(address))) << address;
  }
}

TEST(HostAddresses, PointToPointSubnetsHaveNoBroadcast) {
  // RFC 3021
  for (const auto* text : {"192.0.2.0/31", "192.0.2.0/32"}) {
    const HostAddresses ours(
        {{"p2p", mac("02:00:5e:00:53:01"), 1500, {*net::parse_interface_address(text)}}});
    EXPECT_FALSE(ours.is_broadcast(ip("192.0.2.1"))) << text;
    EXPECT_FALSE(ours.is_broadcast(ip("192.0.2.0"))) << text;
  }
}

TEST(HostAddresses, SpeaksFromTheAddressThatFitsThePeer) {
  auto config = host_config();
  config.ports[0].addresses.push_back(*net::parse_interface_address("198.51.100.1/28"));
  const HostAddresses ours(config.ports);
  const std::pair<std::string, std::string> rows[] = {
      {"192.0.2.77", "192.0.2.1"},         {"198.51.100.5", "198.51.100.1"},
      {"203.0.113.5", "192.0.2.1"},        {"2001:db8:1::5", "2001:db8:1::1"},
      {"2001:db8:99::5", "2001:db8:1::1"}, {"fe80::5", "fe80::5eff:fe00:5301"},
  };
  for (const auto& [peer, source] : rows) {
    EXPECT_EQ(ours.source_for(kPublic, ip(peer)), ip(source)) << peer;
  }
}

}  // namespace
}  // namespace phalanx::control
