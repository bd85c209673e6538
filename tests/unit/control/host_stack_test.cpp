// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/host_stack.hpp"

#include <gtest/gtest.h>

#include <string>

#include "host_fixture.hpp"

namespace phalanx::control {
namespace {

using dataplane::PuntReason;

// ---- errors about packets that are not forwarded ------------------------------------------------

struct Wanted {
  PuntReason reason;
  std::string suffix;
};

const Wanted kWanted[] = {
    {PuntReason::TtlExceeded, "_time_exceeded"},
    {PuntReason::NoRoute, "_no_route"},
    {PuntReason::AdminProhibited, "_prohibited"},
    {PuntReason::PacketTooBig, "_too_big"},
};

TEST(HostErrors, HaveTheBytesOfScapy) {
  for (const std::string size : {"short", "full", "long", "big"}) {
    for (const std::string family : {"4", "6"}) {
      for (const auto& wanted : kWanted) {
        HostWorld world;
        const auto name = "err_" + size + family;
        world.punt(wanted.reason, host_vectors()[name], kPublic, 1338);
        EXPECT_EQ(world.io.take_packet(), vector_hex("l3_" + name + wanted.suffix + "_error"));
        EXPECT_EQ(world.count(HostCounter::ErrorWanted), 1U);
        EXPECT_EQ(world.count(HostCounter::IcmpErrorSent), 1U);
      }
    }
  }
}

TEST(HostErrors, ReportOptionsAndFirstFragments) {
  for (const std::string name : {"err_options4", "err_first_fragment4"}) {
    HostWorld world;
    world.punt(PuntReason::TtlExceeded, name);
    EXPECT_EQ(world.io.take_packet(), vector_hex("l3_" + name + "_time_exceeded_error"));
  }
}

TEST(HostErrors, AreNeverAboutWhatTheRfcsForbid) {
  std::size_t quiet = 0;
  for (const auto& [name, frame] : host_vectors().all()) {
    if (!name.starts_with("quiet_")) continue;
    for (const auto& wanted : kWanted) {
      HostWorld world;
      world.punt(wanted.reason, frame, kPublic, 1400);
      EXPECT_EQ(world.count(HostCounter::ErrorWanted), 1U) << name;
      EXPECT_EQ(world.count(HostCounter::IcmpErrorSent), 0U) << name;
      EXPECT_EQ(world.host.counters().sum(HostCounterGroup::IcmpError), 1U) << name;
      EXPECT_TRUE(world.io.packets.empty() && world.io.frames.empty()) << name;
    }
    ++quiet;
  }
  EXPECT_EQ(quiet, 30U);
}

TEST(HostErrors, CountWhyTheyAreNotSent) {
  const std::pair<std::string, HostCounter> rows[] = {
      {"quiet_link_broadcast", HostCounter::IcmpErrorAboutGroup},
      {"quiet_link_multicast", HostCounter::IcmpErrorAboutGroup},
      {"quiet_to_subnet_broadcast", HostCounter::IcmpErrorAboutGroup},
      {"quiet_from_subnet_broadcast", HostCounter::IcmpErrorBadSource},
      {"quiet_from_us", HostCounter::IcmpErrorBadSource},
  };
  for (const auto& [name, counter] : rows) {
    HostWorld world;
    world.punt(PuntReason::TtlExceeded, name);
    EXPECT_EQ(world.count(counter), 1U) << name;
  }
}

TEST(HostErrors, ComeFromAnyOwnAddressWhenThePortHasNone) {
  auto config = host_config();
  config.ports[0].addresses.clear();
  HostWorld world(std::move(config));
  world.punt(PuntReason::TtlExceeded, "err_short4");
  EXPECT_EQ(world.io.take_packet().substr(24, 8), "0a010001");  // the private port's 10.1.0.1
}

TEST(HostErrors, AreNotSentWithoutAnyAddressOfTheFamily) {
  auto config = host_config();
  for (auto& port : config.ports) port.addresses.clear();
  HostWorld world(std::move(config));
  world.punt(PuntReason::TtlExceeded, "err_short4");
  EXPECT_EQ(world.count(HostCounter::IcmpErrorNoAddress), 1U);
}

TEST(HostErrors, CountWhatTheDataPathDoesNotTake) {
  HostWorld world;
  world.io.refuse = true;
  world.punt(PuntReason::TtlExceeded, "err_short4");
  EXPECT_EQ(world.count(HostCounter::IcmpErrorNotSent), 1U);
}

TEST(HostErrors, SurviveFramesCutAtEachByte) {
  for (const std::string name : {"err_short4", "err_options4", "err_short6"}) {
    HostWorld world;
    const auto& whole = host_vectors()[name];
    for (std::size_t length = 14; length < whole.size(); ++length) {
      world.punt(PuntReason::TtlExceeded, std::span(whole).first(length));
    }
    EXPECT_EQ(world.count(HostCounter::IcmpErrorMalformed), whole.size() - 14) << name;
  }
}

// ---- packets that wait --------------------------------------------------------------------------

TEST(HostNeighbors, UnreachableNextHopIsReportedToTheSender) {
  for (const std::string family : {"4", "6"}) {
    HostWorld world;
    HeldPacket held;
    const auto& frame = host_vectors()["err_short" + family];
    held.packet.assign(frame.begin() + 14, frame.end());
    held.in_port = kPublic;
    world.miss(held, family == "4" ? "10.1.0.5" : "2001:db8:2::5", kPrivate);
    world.pass(3s);
    EXPECT_EQ(held.dropped, 1);
    EXPECT_EQ(world.io.take_packet(), vector_hex("l3_err_short" + family + "_host_error"));
  }
}

// The error quotes the packet: how that arrived decides how the error may leave.
TEST(HostErrors, SayHowThePacketTheyQuoteArrived) {
  for (const auto arrival : {Arrival::Clear, Arrival::Tunnel}) {
    HostWorld world;
    const auto& frame = host_vectors()["err_short4"];
    world.punt(PuntReason::NoRoute, frame, kPublic, 0, arrival);
    EXPECT_EQ(world.io.last_arrival, arrival);
    world.punt(PuntReason::Local, host_vectors()["echo4_56"], kPublic, 0, arrival);
    EXPECT_EQ(world.io.last_arrival, arrival);

    world.io.last_arrival = Arrival::Clear;
    HeldPacket held;
    held.packet.assign(frame.begin() + 14, frame.end());
    held.arrival = arrival;
    world.miss(held, "10.1.0.5", kPrivate);
    world.pass(3s);
    EXPECT_EQ(world.io.packets.size(), 3U);
    EXPECT_EQ(world.io.last_arrival, arrival);
  }
}

TEST(HostNeighbors, NothingIsReportedAboutPacketsOfOurOwn) {
  HostWorld world;
  HeldPacket held;  // no packet to look at
  world.miss(held, "192.0.2.9");
  world.pass(3s);
  EXPECT_EQ(held.reason, HeldDrop::Unreachable);
  EXPECT_EQ(world.host.counters().sum(HostCounterGroup::IcmpError), 0U);
}

TEST(HostNeighbors, NextHopsThatNobodyCanHaveAreRefused) {
  for (const std::string address : {"192.0.2.255", "192.0.2.0", "192.0.2.1", "10.1.0.1",
                                    "255.255.255.255", "2001:db8:1::1", "fe80::5eff:fe00:5301"}) {
    HostWorld world;
    HeldPacket held;
    world.miss(held, address);
    EXPECT_EQ(held.reason, HeldDrop::BadNextHop) << address;
    EXPECT_EQ(held.dropped, 1) << address;
    EXPECT_FALSE(world.host.add_gateway(kPublic, ip(address), world.now)) << address;
    EXPECT_FALSE(world.host.add_static(kPublic, ip(address), mac("02:00:5e:00:53:99"))) << address;
  }
}

TEST(HostNeighbors, APortThatDoesNotExistIsRefused) {
  HostWorld world;
  HeldPacket held;
  world.miss(held, "192.0.2.9", base::PortIndex(9));
  EXPECT_EQ(held.reason, HeldDrop::BadNextHop);
  world.punt(PuntReason::Arp, host_vectors()["arp_request"], base::PortIndex(9));
  EXPECT_EQ(world.count(HostCounter::BadPunt), 1U);
  EXPECT_FALSE(world.host.add_gateway(base::PortIndex(9), ip("192.0.2.9"), world.now));
  world.host.on_link_up(base::PortIndex(9), world.now);
  world.pass(5s);
  EXPECT_TRUE(world.io.frames.empty());
}

TEST(HostNeighbors, StaticNeighborServesAtOnce) {
  HostWorld world;
  const auto row = world.host.add_static(kPublic, ip("192.0.2.9"), mac("02:00:5e:00:53:99"));
  ASSERT_TRUE(row);
  EXPECT_EQ(world.host.add_gateway(kPublic, ip("192.0.2.9"), world.now), row);
  HeldPacket held;
  world.miss(held, "192.0.2.9");
  EXPECT_EQ(held.sent, 1);
  EXPECT_TRUE(world.io.frames.empty());
  EXPECT_FALSE(world.host.add_static(kPublic, ip("192.0.2.1"), mac("02:00:5e:00:53:99")));
}

TEST(HostNeighbors, ShutdownGivesEveryPacketBack) {
  HostWorld world;
  HeldPacket first, second;
  world.miss(first, "192.0.2.9");
  world.miss(second, "2001:db8:1::9");
  world.host.shutdown();
  EXPECT_EQ(first.reason, HeldDrop::Shutdown);
  EXPECT_EQ(first.dropped, 1);
  EXPECT_EQ(second.dropped, 1);
}

TEST(HostNeighbors, TakesItsLimitsFromTheConfig) {
  dataplane::Limits limits;
  limits.neighbors = 77;
  limits.neighbor_queue = 5;
  limits.mbufs = 8000;
  const auto made = neighbor_limits(limits);
  EXPECT_EQ(made.entries, 77U);
  EXPECT_EQ(made.queue, 5U);
  EXPECT_EQ(made.held_packets, 1000U);
}

// ---- announcements ------------------------------------------------------------------------------

TEST(HostAnnouncements, TellNeighborsOurMacThreeTimesWhenTheLinkComesUp) {
  HostWorld world;
  world.host.on_link_up(kPublic, world.now);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(world.host.next_deadline(), world.now);
    world.host.tick(world.now);
    ASSERT_EQ(world.io.frames.size(), 4U) << round;
    EXPECT_EQ(world.io.frames[0].second, vector_hex("arp_our_announcement"));
    EXPECT_EQ(world.io.frames[1].second, vector_hex("na_our_announcement"));
    EXPECT_EQ(world.io.frames[2].second, vector_hex("na_our_link_local_announcement"));
    EXPECT_EQ(world.io.frames[3].second, vector_hex("mld_joined"));
    world.io.frames.clear();
    world.now += 1s;
  }
  EXPECT_EQ(world.host.next_deadline(), base::TimePoint::max());
  EXPECT_EQ(world.count(HostCounter::AnnouncementSent), 9U);
}

}  // namespace
}  // namespace phalanx::control
