// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <gtest/gtest.h>

#include <string>

#include "host_fixture.hpp"

namespace phalanx::control {
namespace {

using dataplane::PuntReason;

struct Answered {
  std::string question, answer;
  std::string learnt;  // neighbor that is known afterwards; empty: nobody
};

const Answered kAnswered[] = {
    {"ns", "ns_answer", "2001:db8:1::9"},
    {"ns_two_options", "ns_answer", "2001:db8:1::9"},
    {"ns_link_local", "ns_link_local_answer", "fe80::9"},
    {"ns_unicast", "ns_answer", ""},
    {"ns_dad", "ns_dad_answer", ""},
};

TEST(HostNdp, AnswersForItsAddresses) {
  for (const auto& row : kAnswered) {
    HostWorld world;
    world.punt(PuntReason::Local, row.question);
    EXPECT_EQ(world.io.take_frame(), vector_hex(row.answer)) << row.question;
    EXPECT_EQ(world.count(HostCounter::SolicitationAnswered), 1U) << row.question;
    EXPECT_EQ(world.host.neighbors().size(), row.learnt.empty() ? 0U : 1U) << row.question;
    if (!row.learnt.empty()) {
      ASSERT_NE(world.neighbor(row.learnt), nullptr) << row.question;
      EXPECT_EQ(world.neighbor(row.learnt)->mac, mac("02:00:5e:00:53:99"));
      EXPECT_EQ(world.neighbor(row.learnt)->state, NeighborState::Stale);
    }
  }
}

TEST(HostNdp, AnswersNotForOthersNorOnOtherPorts) {
  HostWorld world;
  world.punt(PuntReason::Local, "ns_for_another");
  EXPECT_EQ(world.count(HostCounter::NdpNotForUs), 1U);
  world.punt(PuntReason::Local, host_vectors()["ns"], kPrivate);
  EXPECT_EQ(world.count(HostCounter::NdpNotForUs), 2U);
  EXPECT_TRUE(world.io.frames.empty());
  EXPECT_EQ(world.host.neighbors().size(), 0U);
}

// gateway                                              neighbor
//    | -- NS for 2001:db8:1::9 to ff02::1:ff00:9 --------> |
//    | <- NA, solicited, 2001:db8:1::9 is at 53:99 ------- |
//    | =========== the packet that waited ===============> |
TEST(HostNdp, ResolvesANextHop) {
  HostWorld world;
  HeldPacket held;
  world.miss(held, "2001:db8:1::9");
  EXPECT_EQ(world.io.take_frame(), vector_hex("ns_our_solicitation"));
  world.punt(PuntReason::Local, "na_solicited");
  EXPECT_EQ(held.sent, 1);
  EXPECT_EQ(world.count(HostCounter::AdvertisementUsed), 1U);
  EXPECT_EQ(world.neighbor("2001:db8:1::9")->state, NeighborState::Reachable);
}

TEST(HostNdp, AsksForALinkLocalNextHopFromItsOwnLinkLocalAddress) {
  HostWorld world;
  HeldPacket held;
  world.miss(held, "fe80::9");
  EXPECT_EQ(world.io.take_frame(), vector_hex("ns_our_solicitation_link_local"));
}

TEST(HostNdp, ProbesAKnownNeighborByUnicastAndIsContentWithABareAnswer) {
  HostWorld world;
  HeldPacket held;
  world.miss(held, "2001:db8:1::9");
  world.punt(PuntReason::Local, "na_solicited");
  world.io.frames.clear();
  for (int i = 0; i < 120 && world.io.frames.empty(); ++i) {
    world.io.used.insert(world.neighbor("2001:db8:1::9")->adjacency.value());
    world.pass(1s);
  }
  EXPECT_EQ(world.io.take_frame(), vector_hex("ns_our_probe"));
  world.punt(PuntReason::Local, "na_solicited_no_option");
  EXPECT_EQ(world.neighbor("2001:db8:1::9")->state, NeighborState::Reachable);
}

TEST(HostNdp, OverrideFlagDecidesWhetherANeighborMoves) {
  HostWorld world;
  HeldPacket held;
  world.miss(held, "2001:db8:1::9");
  world.punt(PuntReason::Local, "na_solicited");
  world.punt(PuntReason::Local, "na_other_mac_no_override");
  EXPECT_EQ(world.neighbor("2001:db8:1::9")->mac, mac("02:00:5e:00:53:99"));
  EXPECT_EQ(world.neighbor("2001:db8:1::9")->state, NeighborState::Stale);
  world.punt(PuntReason::Local, "na_other_mac_override");
  EXPECT_EQ(world.neighbor("2001:db8:1::9")->mac, mac("02:00:5e:00:53:77"));
}

TEST(HostNdp, AdvertisementOfAnUnknownNeighborChangesNothing) {
  HostWorld world;
  world.punt(PuntReason::Local, "na_solicited");
  EXPECT_EQ(world.count(HostCounter::NdpNotForUs), 1U);
  EXPECT_EQ(world.host.neighbors().size(), 0U);
}

TEST(HostNdp, DefendsItsAddressWithinLimits) {
  HostWorld world;
  world.punt(PuntReason::Local, "na_conflict");
  EXPECT_EQ(world.io.take_frame(), vector_hex("na_our_announcement"));
  world.punt(PuntReason::Local, "na_conflict");
  world.punt(PuntReason::Local, "ns_from_us");
  EXPECT_TRUE(world.io.frames.empty());
  EXPECT_EQ(world.count(HostCounter::AddressConflict), 3U);
}

TEST(HostNdp, IgnoresItsOwnFrames) {
  HostWorld world;
  world.punt(PuntReason::Local, "na_our_announcement");
  EXPECT_EQ(world.count(HostCounter::OwnFrame), 1U);
  EXPECT_TRUE(world.io.frames.empty());
}

TEST(HostNdp, DropsWhatBreaksARuleOfRfc4861) {
  std::size_t broken = 0;
  for (const auto& [name, frame] : host_vectors().all()) {
    if (!name.starts_with("bad_n")) continue;
    HostWorld world;
    world.punt(PuntReason::Local, name);
    // A wrong checksum is already found where all ICMP is checked.
    const auto counter =
        name == "bad_ns_checksum" ? HostCounter::IcmpMalformed : HostCounter::NdpMalformed;
    EXPECT_EQ(world.count(counter), 1U) << name;
    EXPECT_TRUE(world.io.frames.empty()) << name;
    EXPECT_EQ(world.host.neighbors().size(), 0U) << name;
    ++broken;
  }
  EXPECT_EQ(broken, 15U);
}

TEST(HostNdp, IgnoresRouterDiscoveryAndRedirects) {
  HostWorld world;
  for (const std::string name : {"rs", "ra", "redirect"}) world.punt(PuntReason::Local, name);
  EXPECT_EQ(world.count(HostCounter::RouterSolicitation), 1U);
  EXPECT_EQ(world.count(HostCounter::RouterAdvertisement), 1U);
  EXPECT_EQ(world.count(HostCounter::Redirect), 1U);
  EXPECT_TRUE(world.io.frames.empty());
}

TEST(HostNdp, BelievesNothingThatCameOutOfATunnel) {
  HostWorld world;
  PuntedPacket packet;
  packet.frame = std::span(host_vectors()["ns"]).subspan(14);
  packet.l3_offset = 0;
  world.host.on_punt(packet, world.now);
  EXPECT_EQ(world.count(HostCounter::NdpMalformed), 1U);
  EXPECT_TRUE(world.io.frames.empty());
}

TEST(HostNdp, SurvivesAFrameCutAtEachByte) {
  for (const std::string name : {"ns", "ns_dad", "na_solicited", "redirect"}) {
    HostWorld world;
    const auto& whole = host_vectors()[name];
    for (std::size_t length = 0; length < whole.size(); ++length) {
      world.punt(PuntReason::Local, std::span(whole).first(length));
    }
    EXPECT_EQ(world.count(HostCounter::BadPunt), 14U) << name;
    EXPECT_EQ(world.count(HostCounter::BadPacket), whole.size() - 14) << name;
  }
}

}  // namespace
}  // namespace phalanx::control
