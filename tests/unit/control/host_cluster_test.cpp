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
    world.host.set_receives([] { return true; });
    world.punt(reason, name);
    EXPECT_EQ(world.io.take_frame(), relayed(name));
    EXPECT_EQ(world.count(HostCounter::AnswerRelayed), 1U);
  }
}

TEST(HostInForwardMode, PassesOnNothingElse) {
  HostWorld world;
  bool receives = true;
  world.host.set_receives([&receives] { return receives; });
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
  world.host.set_receives([] { return true; });
  constexpr std::uint64_t kFlood = 5000;
  for (std::uint64_t i = 0; i < kFlood; ++i) world.punt(PuntReason::Arp, "arp_reply");
  EXPECT_LT(world.io.frames.size(), 300U);
  EXPECT_EQ(world.count(HostCounter::AnswerRelayed) + world.count(HostCounter::AnswerNotRelayed),
            kFlood);
}

TEST(HostInForwardMode, AnnouncesItsAddressesOnlyWhileItReceives) {
  HostWorld world;
  bool receives = false;
  world.host.set_receives([&receives] { return receives; });
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
