// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <gtest/gtest.h>

#include <string>

#include "host_fixture.hpp"
#include "phalanx/net/hand_on_mac.hpp"

namespace phalanx::control {
namespace {

using dataplane::PuntReason;

// The frame with the group of all nodes for its destination, and the shared address for its source.
std::string relayed(const std::string& name) {
  const auto shared = mac("02:00:5e:00:53:01");
  const auto group = net::all_nodes_mac(shared);
  const auto text = vector_hex(name);
  const std::string to = test::to_hex(std::as_bytes(std::span(group.bytes)));
  const std::string from = test::to_hex(std::as_bytes(std::span(shared.bytes)));
  return to + from + text.substr(24);
}

TEST(HostInForwardMode, PassesOnWhatNeighborsAnswer) {
  const std::pair<PuntReason, const char*> rows[] = {{PuntReason::Arp, "arp_reply"},
                                                     {PuntReason::Local, "na_solicited"}};
  for (const auto& [reason, name] : rows) {
    HostWorld world;
    world.host.set_receives([](const auto&) { return true; });
    world.punt(reason, name);
    EXPECT_EQ(world.io.take_frame(), relayed(name));
    EXPECT_EQ(world.count(HostCounter::AnswerRelayed), 1U);
  }
}

TEST(HostInForwardMode, PassesOnNothingElse) {
  HostWorld world;
  bool receives = true;
  world.host.set_receives([&receives](const auto&) { return receives; });
  world.punt(PuntReason::Arp, "arp_gratuitous");           // to all, who heard it themselves
  world.punt(PuntReason::Local, "na_other_mac_override");  // to a group
  EXPECT_TRUE(world.io.frames.empty());
  receives = false;
  world.punt(PuntReason::Arp, "arp_reply");
  EXPECT_TRUE(world.io.frames.empty());
  EXPECT_EQ(world.count(HostCounter::AnswerRelayed), 0U);
}

TEST(HostInForwardMode, PassesOnABoundedNumberOfAnswers) {
  HostWorld world;
  world.host.set_receives([](const auto&) { return true; });
  constexpr std::uint64_t kFlood = 5000;
  for (std::uint64_t i = 0; i < kFlood; ++i) world.punt(PuntReason::Arp, "arp_reply");
  EXPECT_LT(world.io.frames.size(), 300U);
  EXPECT_EQ(world.count(HostCounter::AnswerRelayed) + world.count(HostCounter::AnswerNotRelayed),
            kFlood);
}

// A request or announcement of ARP for an address beside the gateway's own.
struct NextHopWorld : HostWorld {
  static HostConfig config() {
    auto config = host_config();
    config.ports[kPublic.value()].extras = {{ip("192.0.2.11"), mac("0e:00:5e:00:53:01")},
                                            {ip("192.0.2.12"), mac("0e:00:5e:00:53:02")}};
    return config;
  }
  NextHopWorld() : HostWorld(config()) {
    const auto ours = [](const net::IpAddress& address) { return address == ip("192.0.2.11"); };
    host.set_receives(ours);
    host.set_answers([ours](const auto&, const auto& address) { return ours(address); });
  }
  void hear(net::ArpOperation operation, const std::string& from_mac, const std::string& from,
            const std::string& target) {
    net::ArpMessage message;
    message.operation = operation;
    message.sender_mac = mac(from_mac);
    message.sender = ip(from);
    message.target = ip(target);
    punt(PuntReason::Arp, net::write_arp_frame(mac("ff:ff:ff:ff:ff:ff"), message));
  }
};

TEST(HostInSprayMode, AnswersForTheNextHopsThatItServesByTheirOwnAddress) {
  NextHopWorld world;
  world.hear(net::ArpOperation::Request, "02:00:5e:00:53:99", "192.0.2.9", "192.0.2.11");
  net::ArpMessage answer;
  answer.operation = net::ArpOperation::Reply;
  answer.sender_mac = mac("0e:00:5e:00:53:01");
  answer.sender = ip("192.0.2.11");
  answer.target_mac = mac("02:00:5e:00:53:99");
  answer.target = ip("192.0.2.9");
  EXPECT_EQ(world.io.take_frame(),
            test::to_hex(net::write_arp_frame(mac("02:00:5e:00:53:99"), answer)));
  for (const std::string other : {"192.0.2.12", "192.0.2.1"}) {
    world.hear(net::ArpOperation::Request, "02:00:5e:00:53:99", "192.0.2.9", other);
    EXPECT_TRUE(world.io.frames.empty()) << other;
  }
  EXPECT_EQ(world.count(HostCounter::LeftToOthers), 2U);
}

TEST(HostInSprayMode, TakesNoSiblingForAThief) {
  NextHopWorld world;
  world.hear(net::ArpOperation::Request, "0e:00:5e:00:53:02", "192.0.2.12", "192.0.2.12");
  EXPECT_EQ(world.count(HostCounter::OwnFrame), 1U);
  world.hear(net::ArpOperation::Request, "02:00:5e:00:53:99", "192.0.2.12", "192.0.2.12");
  EXPECT_EQ(world.count(HostCounter::AddressConflict), 1U);
}

TEST(HostInSprayMode, AnnouncesTheNextHopsThatItServes) {
  NextHopWorld world;
  world.host.announce_all(world.now);
  world.host.tick(world.now);
  net::ArpMessage announcement;
  announcement.sender_mac = mac("0e:00:5e:00:53:01");
  announcement.sender = announcement.target = ip("192.0.2.11");
  EXPECT_EQ(world.io.take_frame(),
            test::to_hex(net::write_arp_frame(mac("ff:ff:ff:ff:ff:ff"), announcement)));
}

TEST(HostInForwardMode, AnnouncesItsAddressesOnlyWhileItReceives) {
  HostWorld world;
  bool receives = false;
  world.host.set_receives([&receives](const auto&) { return receives; });
  world.host.announce_all(world.now);
  world.pass(5s);
  EXPECT_TRUE(world.io.frames.empty());
  receives = true;
  world.host.announce_all(world.now);
  world.pass(5s);
  unsigned announced = 0;
  for (const auto& [port, frame] : world.io.frames) {
    announced += frame == vector_hex("arp_our_announcement") ? 1 : 0;
  }
  EXPECT_EQ(announced, 3U);
}

}  // namespace
}  // namespace phalanx::control
