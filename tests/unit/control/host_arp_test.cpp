// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <gtest/gtest.h>

#include <string>

#include "host_fixture.hpp"

namespace phalanx::control {
namespace {

using dataplane::PuntReason;

TEST(HostArp, AnswersForItsAddress) {
  HostWorld world;
  world.punt(PuntReason::Arp, "arp_request");
  EXPECT_EQ(world.io.take_frame(), vector_hex("arp_request_answer"));
  EXPECT_EQ(world.count(HostCounter::ArpRequestAnswered), 1U);
  // RFC 826: whoever asks is learnt.
  ASSERT_NE(world.neighbor("192.0.2.9"), nullptr);
  EXPECT_EQ(world.neighbor("192.0.2.9")->mac, mac("02:00:5e:00:53:99"));
}

TEST(HostArp, AnswersAProbeWithoutLearningItsSender) {
  HostWorld world;
  world.punt(PuntReason::Arp, "arp_probe");
  EXPECT_EQ(world.io.take_frame(), vector_hex("arp_probe_answer"));
  EXPECT_EQ(world.host.neighbors().size(), 0U);
}

TEST(HostArp, LearnsNobodyFromOutsideItsSubnets) {
  HostWorld world;
  world.punt(PuntReason::Arp, "arp_request_off_link");
  EXPECT_EQ(world.io.take_frame(), vector_hex("arp_request_off_link_answer"));
  EXPECT_EQ(world.host.neighbors().size(), 0U);
}

TEST(HostArp, AnswersNotForOthers) {
  HostWorld world;
  world.punt(PuntReason::Arp, "arp_request_for_another");
  world.punt(PuntReason::Arp, "arp_gratuitous");
  world.punt(PuntReason::Arp, "arp_reply");
  EXPECT_TRUE(world.io.frames.empty());
  EXPECT_EQ(world.count(HostCounter::ArpNotForUs), 3U);
  EXPECT_EQ(world.host.neighbors().size(), 0U) << "unsolicited ARP must not make entries";
}

TEST(HostArp, AnswersOnlyOnThePortThatHasTheAddress) {
  HostWorld world;
  world.punt(PuntReason::Arp, host_vectors()["arp_request"], kPrivate);
  EXPECT_TRUE(world.io.frames.empty());
}

// gateway                                  neighbor
//    | -------- who has 192.0.2.9? ----------> |
//    | <------- 192.0.2.9 is at 53:99 -------- |
//    | ======== the packet that waited ======> |
TEST(HostArp, ResolvesANextHop) {
  HostWorld world;
  HeldPacket held;
  world.miss(held, "192.0.2.9");
  EXPECT_EQ(world.io.take_frame(), vector_hex("arp_our_request"));
  world.punt(PuntReason::Arp, "arp_reply");
  EXPECT_EQ(held.sent, 1);
  EXPECT_EQ(world.count(HostCounter::ArpReplyUsed), 1U);
  EXPECT_EQ(world.neighbor("192.0.2.9")->state, NeighborState::Reachable);
}

TEST(HostArp, PollsAKnownNeighborByUnicast) {
  HostWorld world;
  HeldPacket held;
  world.miss(held, "192.0.2.9");
  world.punt(PuntReason::Arp, "arp_reply");
  world.io.frames.clear();
  for (int i = 0; i < 120 && world.io.frames.empty(); ++i) {
    world.io.used.insert(world.neighbor("192.0.2.9")->adjacency.value());
    world.pass(1s);
  }
  EXPECT_EQ(world.io.take_frame(), vector_hex("arp_our_poll"));
}

TEST(HostArp, GratuitousArpMovesAKnownNeighborAndMakesItUnproven) {
  for (const std::string name : {"arp_gratuitous", "arp_gratuitous_reply"}) {
    HostWorld world;
    HeldPacket held;
    world.miss(held, "192.0.2.9");
    world.punt(PuntReason::Arp, "arp_reply");
    world.punt(PuntReason::Arp, name);
    EXPECT_EQ(world.neighbor("192.0.2.9")->mac, mac("02:00:5e:00:53:77")) << name;
    EXPECT_EQ(world.neighbor("192.0.2.9")->state, NeighborState::Stale) << name;
    EXPECT_EQ(world.count(HostCounter::NeighborMoved), 1U) << name;
    EXPECT_EQ(world.count(HostCounter::ArpSeen), 1U) << name;
  }
}

TEST(HostArp, DefendsItsAddressAtMostEveryTenSeconds) {
  HostWorld world;
  world.punt(PuntReason::Arp, "arp_conflict");
  EXPECT_EQ(world.io.take_frame(), vector_hex("arp_our_announcement"));
  for (int i = 0; i < 99; ++i) {
    world.pass(100ms);
    world.punt(PuntReason::Arp, "arp_conflict");
  }
  EXPECT_TRUE(world.io.frames.empty());
  world.pass(100ms);
  world.punt(PuntReason::Arp, "arp_conflict");
  EXPECT_EQ(world.io.take_frame(), vector_hex("arp_our_announcement"));
  EXPECT_EQ(world.count(HostCounter::AddressConflict), 101U);
  EXPECT_EQ(world.host.neighbors().size(), 0U);
}

TEST(HostArp, IgnoresItsOwnFrames) {
  HostWorld world;
  world.punt(PuntReason::Arp, "arp_our_announcement");
  world.punt(PuntReason::Arp, "arp_our_request");
  EXPECT_TRUE(world.io.frames.empty());
  EXPECT_EQ(world.count(HostCounter::OwnFrame), 2U);
  EXPECT_EQ(world.count(HostCounter::AddressConflict), 0U);
}

TEST(HostArp, CountsMalformedPackets) {
  HostWorld world;
  std::uint64_t bad = 0;
  for (const auto& [name, frame] : host_vectors().all()) {
    const bool broken =
        name.starts_with("arp_bad_") || name == "arp_group_sender" || name == "arp_zero_sender";
    if (!broken) continue;
    world.punt(PuntReason::Arp, name);
    EXPECT_EQ(world.count(HostCounter::ArpMalformed), ++bad) << name;
  }
  EXPECT_EQ(bad, 7U);
}

TEST(HostArp, SurvivesAFrameCutAtEachByte) {
  HostWorld world;
  const auto& whole = host_vectors()["arp_request"];
  for (std::size_t length = 0; length < whole.size(); ++length) {
    world.punt(PuntReason::Arp, std::span(whole).first(length));
  }
  EXPECT_EQ(world.count(HostCounter::BadPunt), 14U);
  EXPECT_EQ(world.count(HostCounter::ArpMalformed), 28U);
}

TEST(HostArp, ReadsBehindAVlanTag) {
  HostWorld world;
  auto tagged = host_vectors()["arp_request"];
  const auto tag = test::unhex("81000064");
  tagged.insert(tagged.begin() + 12, tag.begin(), tag.end());
  const test::ExactBuffer exact(tagged);
  PuntedPacket packet;
  packet.reason = PuntReason::Arp;
  packet.frame = exact.bytes();
  packet.l3_offset = 18;
  world.host.on_punt(packet, world.now);
  EXPECT_EQ(world.io.take_frame(), vector_hex("arp_request_answer"));
}

TEST(HostArp, CountsAnAnswerThatTheDataPathDoesNotTake) {
  HostWorld world;
  world.io.refuse = true;
  world.punt(PuntReason::Arp, "arp_request");
  EXPECT_EQ(world.count(HostCounter::AnswerNotSent), 1U);
  EXPECT_EQ(world.count(HostCounter::ArpRequestAnswered), 0U);
  HeldPacket held;
  world.miss(held, "192.0.2.10");
  EXPECT_EQ(world.count(HostCounter::SolicitationNotSent), 1U);
}

}  // namespace
}  // namespace phalanx::control
