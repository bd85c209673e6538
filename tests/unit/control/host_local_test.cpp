// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <gtest/gtest.h>

#include <string>

#include "host_fixture.hpp"

namespace phalanx::control {
namespace {

using dataplane::PuntReason;

TEST(HostEcho, AnswersWithTheBytesOfScapyWhateverTheSize) {
  std::size_t compared = 0;
  for (const auto& [name, frame] : host_vectors().all()) {
    const auto answer = host_vectors().all().find("l3_" + name + "_answer");
    if (!name.starts_with("echo") || answer == host_vectors().all().end()) continue;
    HostWorld world;  // seed 0: the first identification is 0
    world.punt(PuntReason::Local, name);
    EXPECT_EQ(world.io.take_packet(), test::to_hex(answer->second)) << name;
    EXPECT_EQ(world.count(HostCounter::EchoAnswered), 1U) << name;
    EXPECT_TRUE(world.io.frames.empty()) << name;
    ++compared;
  }
  EXPECT_EQ(compared, 11U);
}

TEST(HostEcho, AnswersALinkLocalNeighborOnItsLink) {
  HostWorld world;
  world.punt(PuntReason::Local, "echo6_link_local");
  EXPECT_EQ(world.io.take_frame(), vector_hex("echo6_link_local_answer"));
  EXPECT_TRUE(world.io.packets.empty());
}

TEST(HostEcho, AnswersForItsAddressesOfOtherPorts) {
  HostWorld world;
  world.punt(PuntReason::Local, host_vectors()["echo4_56"], kPrivate);
  EXPECT_EQ(world.count(HostCounter::EchoAnswered), 1U);
  // But link-local ones belong to one port.
  world.punt(PuntReason::Local, host_vectors()["echo6_link_local"], kPrivate);
  EXPECT_EQ(world.count(HostCounter::NotOurAddress), 1U);
}

TEST(HostEcho, AnswersWithAFreshIdentificationEachTime) {
  HostWorld world;
  world.punt(PuntReason::Local, "echo4_0");
  world.punt(PuntReason::Local, "echo4_0");
  ASSERT_EQ(world.io.packets.size(), 2U);
  EXPECT_NE(world.io.packets[0].second.substr(8, 4), world.io.packets[1].second.substr(8, 4));
}

TEST(HostEcho, RefusesARequestLargerThanAnyPort) {
  HostWorld world;
  const auto packet = host_vectors()["echo6_1452"];  // 1500 bytes of IP packet
  auto config = host_config();
  for (auto& port : config.ports) port.mtu = 1499;
  HostWorld small(std::move(config));
  small.punt(PuntReason::Local, packet);
  EXPECT_EQ(small.count(HostCounter::EchoTooBig), 1U);
  EXPECT_TRUE(small.io.packets.empty());
}

struct Silent {
  std::string name;
  HostCounter counter;
};

const Silent kSilent[] = {
    {"echo4_bad_checksum", HostCounter::IcmpMalformed},
    {"echo6_bad_checksum", HostCounter::IcmpMalformed},
    {"echo4_short", HostCounter::IcmpMalformed},
    {"echo4_broadcast", HostCounter::EchoToGroup},
    {"echo4_subnet_broadcast", HostCounter::EchoToGroup},
    {"echo4_multicast", HostCounter::EchoToGroup},
    {"echo6_multicast", HostCounter::EchoToGroup},
    {"echo4_first_fragment", HostCounter::FragmentToUs},
    {"echo4_last_fragment", HostCounter::FragmentToUs},
    {"echo6_fragment", HostCounter::FragmentToUs},
    {"echo4_from_us", HostCounter::SourceIsOurs},
    {"echo4_from_broadcast", HostCounter::BadPacket},
    {"echo4_not_ours", HostCounter::NotOurAddress},
    {"icmp4_reply", HostCounter::IcmpNotSpoken},
    {"icmp4_timestamp", HostCounter::IcmpNotSpoken},
    {"icmp4_error", HostCounter::IcmpErrorToUs},
    {"icmp6_reply", HostCounter::IcmpNotSpoken},
    {"icmp6_error", HostCounter::IcmpErrorToUs},
    {"local_esp4", HostCounter::EspToUs},
    {"local_ah4", HostCounter::EspToUs},
    {"local_esp6", HostCounter::EspToUs},
    {"local_no_next6", HostCounter::ProtocolNotSpoken},
    {"local_udp4_broadcast", HostCounter::GroupPacketIgnored},
    {"local_udp6_all_nodes", HostCounter::GroupPacketIgnored},
    {"local_udp4_from_us", HostCounter::SourceIsOurs},
    {"quiet_from_loopback", HostCounter::BadPacket},
};

TEST(HostLocal, DropsAndCountsWithoutAWord) {
  for (const auto& row : kSilent) {
    HostWorld world;
    world.punt(PuntReason::Local, row.name);
    EXPECT_EQ(world.count(row.counter), 1U) << row.name;
    EXPECT_TRUE(world.io.frames.empty()) << row.name;
    EXPECT_TRUE(world.io.packets.empty()) << row.name;
  }
}

struct Refused {
  std::string name;
  HostCounter counter;
};

const Refused kRefused[] = {
    {"local_udp4", HostCounter::PortNotOpen},
    {"local_tcp4", HostCounter::PortNotOpen},
    {"local_ospf4", HostCounter::ProtocolNotSpoken},
    {"local_udp6", HostCounter::PortNotOpen},
    {"local_ospf6", HostCounter::ProtocolNotSpoken},
    {"local_ospf6_options", HostCounter::ProtocolNotSpoken},
};

TEST(HostLocal, RefusesWhatNobodySpeaksWithAnError) {
  for (const auto& row : kRefused) {
    HostWorld world;
    world.punt(PuntReason::Local, row.name);
    EXPECT_EQ(world.io.take_packet(), vector_hex("l3_" + row.name + "_error")) << row.name;
    EXPECT_EQ(world.count(row.counter), 1U) << row.name;
    EXPECT_EQ(world.count(HostCounter::IcmpErrorSent), 1U) << row.name;
  }
}

TEST(HostLocal, RefusesALinkLocalNeighborOnItsLink) {
  HostWorld world;
  world.punt(PuntReason::Local, "local_udp6_link_local");
  EXPECT_EQ(world.io.take_frame(), vector_hex("local_udp6_link_local_error"));
}

TEST(HostLocal, SpeaksFromTheAddressThatWasSpokenTo) {
  // The private address, reached by the public port.
  HostWorld world;
  auto frame = host_vectors()["local_udp6"];
  const auto inside = test::unhex("20010db8000200000000000000000001");
  std::copy(inside.begin(), inside.end(), frame.begin() + 14 + 24);
  world.punt(PuntReason::Local, frame);
  EXPECT_EQ(world.io.take_packet().substr(16, 32), "20010db8000200000000000000000001");
}

TEST(HostLocal, SurvivesPacketsCutAtEachByte) {
  for (const std::string name : {"echo4_56", "echo6_56", "local_udp4", "local_ospf6_options"}) {
    HostWorld world;
    const auto& whole = host_vectors()[name];
    for (std::size_t length = 0; length < whole.size(); ++length) {
      world.punt(PuntReason::Local, std::span(whole).first(length));
    }
    EXPECT_TRUE(world.io.packets.empty()) << name;
    EXPECT_EQ(world.count(HostCounter::BadPunt) + world.count(HostCounter::BadPacket), whole.size())
        << name;
  }
}

}  // namespace
}  // namespace phalanx::control
