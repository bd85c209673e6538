// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/neighbor_table.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "neighbor_fixture.hpp"

namespace phalanx::control {
namespace {

TEST_F(NeighborTableTest, AsksForAnUnknownNeighborAndSendsWhatWaited) {
  auto& first = hold(kPeer);
  auto& second = hold(kPeer);
  EXPECT_EQ(output.take(), Events{"all"});
  EXPECT_EQ(state(kPeer), NeighborState::Incomplete);
  EXPECT_EQ(table->lookup_mac(kPeer), std::nullopt);

  answer(kPeer);
  EXPECT_EQ(state(kPeer), NeighborState::Reachable);
  EXPECT_EQ(table->lookup_mac(kPeer), kMac);
  ASSERT_EQ(io.published.size(), 1U);
  const auto& [row, published] = *io.published.begin();
  EXPECT_EQ(published.mac, kMac);
  EXPECT_EQ(published.address, kPeer.address);
  for (const auto* packet : {&first, &second}) {
    EXPECT_EQ(packet->sent, 1);
    EXPECT_EQ(packet->adjacency.value(), row);
  }
}

TEST_F(NeighborTableTest, AsksThreeTimesASecondApartThenDropsAndForgets) {
  auto& packet = hold(kPeer);
  pass(2999ms);
  EXPECT_EQ(output.take(), (Events{"all", "all", "all"}));
  EXPECT_EQ(packet.dropped, 0);
  pass(1ms);
  EXPECT_EQ(output.take(), Events{"lost"});
  EXPECT_EQ(packet.dropped, 1);
  EXPECT_EQ(packet.reason, HeldDrop::Unreachable);
  EXPECT_EQ(state(kPeer), std::nullopt);
  EXPECT_EQ(table->next_deadline(), base::TimePoint::max());
  EXPECT_TRUE(io.published.empty());
}

TEST_F(NeighborTableTest, SendsAtOnceWhatWasPuntedJustBeforeTheAnswer) {
  hold(kPeer);
  answer(kPeer);
  EXPECT_EQ(hold(kPeer).sent, 1);
  EXPECT_EQ(table->held(), 0U);
}

TEST_F(NeighborTableTest, NewestPacketReplacesOldestInAFullQueue) {
  make({.entries = 16, .queue = 3, .held_packets = 100});
  for (int i = 0; i < 5; ++i) hold(kPeer);
  EXPECT_EQ(held[0].reason, HeldDrop::QueueOverflow);
  EXPECT_EQ(held[1].reason, HeldDrop::QueueOverflow);
  answer(kPeer);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(held[i].sent, i < 2 ? 0 : 1) << i;
}

TEST_F(NeighborTableTest, PacketsOfAllNeighborsTogetherAreBounded) {
  make({.entries = 1000, .queue = 16, .held_packets = 10});
  for (std::uint32_t i = 0; i < 100; ++i) hold(peer(i));
  EXPECT_EQ(table->held(), 10U);
  EXPECT_EQ(held[10].reason, HeldDrop::TotalLimit);
  EXPECT_EQ(counters.get(HostCounter::HeldTotalLimit), 90U);
  // The limit makes no entries either.
  EXPECT_EQ(table->size(), 10U);
}

TEST_F(NeighborTableTest, AddressesThatNobodyHasAreRefused) {
  for (const auto* text :
       {"0.0.0.0", "255.255.255.255", "224.0.0.1", "127.0.0.1", "::", "::1", "ff02::1"}) {
    const auto& packet = hold({kPublic, ip(text)});
    EXPECT_EQ(packet.dropped, 1) << text;
    EXPECT_EQ(packet.reason, HeldDrop::BadNextHop) << text;
    EXPECT_EQ(table->add_gateway({kPublic, ip(text)}, now), std::nullopt) << text;
    table->learn({kPublic, ip(text)}, kMac, now);
  }
  EXPECT_EQ(table->size(), 0U);
}

// ---- RFC 4861 7.3: reachable, stale, delay, probe -----------------------------------------------

TEST_F(NeighborTableTest, StaysReachableForHalfToOneAndAHalfTimesThirtySeconds) {
  base::Duration shortest = 1h, longest = 0s;
  for (std::uint32_t i = 0; i < 200; ++i) {
    hold(peer(i));
    answer(peer(i));
    const auto since = now;
    while (state(peer(i)) == NeighborState::Reachable) {
      ASSERT_LT(now - since, 1min);
      pass(100ms);
    }
    shortest = std::min(shortest, now - since);
    longest = std::max(longest, now - since);
  }
  EXPECT_GE(shortest, 15s);
  EXPECT_LE(shortest, 16s);
  EXPECT_LE(longest, 45100ms);
  EXPECT_GE(longest, 44s);
}

TEST_F(NeighborTableTest, ProbesAStaleNeighborWithinFiveSecondsOfItsUse) {
  for (const auto offset : {0ms, 1ms, 1700ms, 3999ms}) {
    make({});
    now = kStart;
    make_stale(kPeer);
    pass(offset);
    use(kPeer);
    const auto used_at = now;
    while (output.events.empty()) {
      ASSERT_LE(now - used_at, 5s);
      pass(10ms);
    }
    EXPECT_GE(now - used_at, 1s);
    EXPECT_EQ(state(kPeer), NeighborState::Probe);
    EXPECT_EQ(output.take(), Events{"to 02:00:5e:00:53:99"});
    // It answers: no packet has noticed anything.
    answer(kPeer);
    EXPECT_EQ(state(kPeer), NeighborState::Reachable);
    EXPECT_EQ(io.published.size(), 1U);
    io.published.clear();
  }
}

TEST_F(NeighborTableTest, LeavesAStaleNeighborAloneUntilItIsUsed) {
  make_stale(kPeer);
  pass(250s);
  EXPECT_EQ(output.take(), Events{});
  EXPECT_EQ(state(kPeer), NeighborState::Stale);
}

TEST_F(NeighborTableTest, UseBeforeItBecameStaleStartsNoProbe) {
  hold(kPeer);
  answer(kPeer);
  output.take();
  use(kPeer);
  pass(60s);
  EXPECT_EQ(state(kPeer), NeighborState::Stale);
  EXPECT_EQ(output.take(), Events{});
}

TEST_F(NeighborTableTest, ForgetsANeighborThatIsNotUsedForFiveMinutes) {
  make_stale(kPeer);
  pass(310s);
  EXPECT_EQ(state(kPeer), std::nullopt);
  EXPECT_TRUE(io.published.empty());
  EXPECT_EQ(counters.get(HostCounter::NeighborAged), 1U);
}

TEST_F(NeighborTableTest, ForgetsANeighborThatAnswersNoProbe) {
  make_stale(kPeer);
  use(kPeer);
  pass(12s);
  EXPECT_EQ(output.take(), (Events(3, "to 02:00:5e:00:53:99")));
  EXPECT_EQ(state(kPeer), std::nullopt);
  EXPECT_TRUE(io.published.empty());
  // The next packet starts again.
  hold(kPeer);
  EXPECT_EQ(output.take(), Events{"all"});
}

// ---- RFC 4861 7.2.5: what an advertisement changes ----------------------------------------------

struct NewsRow {
  std::string what;
  NeighborState before;
  NeighborNews news;
  NeighborState after;
  net::MacAddress mac_after;
};

const NewsRow kNews[] = {
    {"same MAC, unsolicited",
     NeighborState::Reachable,
     {kMac, false, true},
     NeighborState::Reachable,
     kMac},
    {"same MAC, unsolicited",
     NeighborState::Stale,
     {kMac, false, true},
     NeighborState::Stale,
     kMac},
    {"same MAC, no override, solicited",
     NeighborState::Stale,
     {kMac, true, false},
     NeighborState::Reachable,
     kMac},
    {"no MAC, solicited",
     NeighborState::Stale,
     {std::nullopt, true, true},
     NeighborState::Reachable,
     kMac},
    {"no MAC, unsolicited",
     NeighborState::Stale,
     {std::nullopt, false, true},
     NeighborState::Stale,
     kMac},
    {"other MAC, override, unsolicited",
     NeighborState::Reachable,
     {kOther, false, true},
     NeighborState::Stale,
     kOther},
    {"other MAC, override, solicited",
     NeighborState::Reachable,
     {kOther, true, true},
     NeighborState::Reachable,
     kOther},
    {"other MAC, override, solicited",
     NeighborState::Stale,
     {kOther, true, true},
     NeighborState::Reachable,
     kOther},
    {"other MAC, override, unsolicited",
     NeighborState::Stale,
     {kOther, false, true},
     NeighborState::Stale,
     kOther},
    {"other MAC, no override, unsolicited",
     NeighborState::Reachable,
     {kOther, false, false},
     NeighborState::Stale,
     kMac},
    {"other MAC, no override, solicited",
     NeighborState::Reachable,
     {kOther, true, false},
     NeighborState::Stale,
     kMac},
    {"other MAC, no override, solicited",
     NeighborState::Stale,
     {kOther, true, false},
     NeighborState::Stale,
     kMac},
    {"group MAC",
     NeighborState::Reachable,
     {mac("01:00:5e:00:00:01"), true, true},
     NeighborState::Reachable,
     kMac},
};

TEST_F(NeighborTableTest, FollowsTheRulesForAdvertisements) {
  for (const auto& row : kNews) {
    make({});
    io.published.clear();
    if (row.before == NeighborState::Stale) {
      make_stale(kPeer6);
    } else {
      hold(kPeer6);
      answer(kPeer6);
    }
    EXPECT_TRUE(table->update(kPeer6, row.news, now));
    EXPECT_EQ(state(kPeer6), row.after) << row.what;
    EXPECT_EQ(table->lookup_mac(kPeer6), row.mac_after) << row.what;
    ASSERT_EQ(io.published.size(), 1U);
    EXPECT_EQ(io.published.begin()->second.mac, row.mac_after) << row.what;
  }
}

TEST_F(NeighborTableTest, AdvertisementOfAnUnknownNeighborMakesNoEntry) {
  EXPECT_FALSE(table->update(kPeer, {.mac = kMac, .solicited = true}, now));
  EXPECT_EQ(table->size(), 0U);
}

TEST_F(NeighborTableTest, AnswerWithoutMacDoesNotResolve) {
  hold(kPeer6);
  EXPECT_TRUE(table->update(kPeer6, {.mac = std::nullopt, .solicited = true}, now));
  EXPECT_EQ(state(kPeer6), NeighborState::Incomplete);
}

TEST_F(NeighborTableTest, UnsolicitedAnswerResolvesButIsChecked) {
  auto& packet = hold(kPeer);
  EXPECT_TRUE(table->update(kPeer, {.mac = kMac}, now));
  EXPECT_EQ(packet.sent, 1);
  EXPECT_EQ(state(kPeer), NeighborState::Delay);
  output.take();
  pass(5s);
  EXPECT_EQ(state(kPeer), NeighborState::Probe);
  EXPECT_EQ(output.take(), Events{"to 02:00:5e:00:53:99"});
}

TEST_F(NeighborTableTest, LearnsWhoAsksForUs) {
  table->learn(kPeer, kMac, now);
  EXPECT_EQ(state(kPeer), NeighborState::Stale);
  EXPECT_EQ(table->lookup_mac(kPeer), kMac);
  table->learn(kPeer, kOther, now);
  EXPECT_EQ(table->lookup_mac(kPeer), kOther);
  EXPECT_EQ(output.take(), Events{"moved"});
}

TEST_F(NeighborTableTest, SameAddressOnTwoPortsIsTwoNeighbors) {
  table->learn({kPublic, ip("fe80::9")}, kMac, now);
  table->learn({kPrivate, ip("fe80::9")}, kOther, now);
  EXPECT_EQ(table->lookup_mac({kPublic, ip("fe80::9")}), kMac);
  EXPECT_EQ(table->lookup_mac({kPrivate, ip("fe80::9")}), kOther);
}

// ---- permanent entries --------------------------------------------------------------------------

TEST_F(NeighborTableTest, GatewayIsAskedForAtOnceAndKeepsItsRow) {
  const auto row = table->add_gateway(kPeer, now);
  ASSERT_TRUE(row);
  EXPECT_EQ(table->add_gateway(kPeer, now), row);
  EXPECT_EQ(output.take(), Events{"all"});
  answer(kPeer);
  EXPECT_EQ(output.take(), Events{"up"});
  EXPECT_TRUE(io.published.contains(row->value()));
}

TEST_F(NeighborTableTest, SilentGatewayIsAskedForEverWithPauses) {
  ASSERT_TRUE(table->add_gateway(kPeer, now));
  auto& waiting = hold(kPeer);
  pass(3s);
  EXPECT_EQ(output.take(), (Events{"all", "all", "all", "lost", "down"}));
  EXPECT_EQ(waiting.reason, HeldDrop::Unreachable);
  EXPECT_EQ(state(kPeer), NeighborState::Failed);
  // 1, 2, 4, 5, 5 s later.
  const auto failed_at = now;
  std::vector<base::Duration> asked;
  for (int i = 0; i < 30; ++i) {
    if (!output.take().empty()) asked.push_back(now - failed_at);
    pass(1s);
  }
  EXPECT_EQ(asked, (std::vector<base::Duration>{1s, 3s, 7s, 12s, 17s, 22s, 27s}));

  auto& packet = hold(kPeer);
  EXPECT_EQ(packet.reason, HeldDrop::Unreachable);
  EXPECT_EQ(output.take(), Events{"lost"});

  answer(kPeer);
  EXPECT_EQ(output.take(), Events{"up"});
  EXPECT_EQ(hold(kPeer).sent, 1);
}

TEST_F(NeighborTableTest, GatewayThatGoesSilentIsLookedForByBroadcast) {
  const auto row = table->add_gateway(kPeer, now);
  answer(kPeer);
  pass_until(kPeer, NeighborState::Stale);
  use(kPeer);
  output.take();
  pass_until(kPeer, NeighborState::Incomplete);
  EXPECT_EQ(output.take(), (Events{"to 02:00:5e:00:53:99", "to 02:00:5e:00:53:99",
                                   "to 02:00:5e:00:53:99", "all"}));
  EXPECT_EQ(state(kPeer), NeighborState::Incomplete);
  EXPECT_TRUE(io.published.empty());
  // Another machine has taken its address over: the same row leads there.
  answer(kPeer, kOther);
  EXPECT_EQ(io.published.at(row->value()).mac, kOther);
  EXPECT_EQ(output.take(), Events{});
}

TEST_F(NeighborTableTest, UnusedGatewayIsNeverForgotten) {
  const auto row = table->add_gateway(kPeer, now);
  answer(kPeer);
  pass(24h);
  EXPECT_EQ(state(kPeer), NeighborState::Stale);
  EXPECT_TRUE(io.published.contains(row->value()));
}

TEST_F(NeighborTableTest, StaticNeighborNeitherAsksNorChanges) {
  const auto row = table->add_static(kPeer, kMac);
  ASSERT_TRUE(row);
  EXPECT_EQ(io.published.at(row->value()).mac, kMac);
  EXPECT_EQ(table->add_gateway(kPeer, now), row);
  EXPECT_TRUE(table->update(kPeer, {.mac = kOther, .solicited = true}, now));
  pass(24h);
  EXPECT_EQ(state(kPeer), NeighborState::Static);
  EXPECT_EQ(table->lookup_mac(kPeer), kMac);
  EXPECT_EQ(output.take(), Events{});
  EXPECT_EQ(table->next_deadline(), base::TimePoint::max());
  EXPECT_EQ(table->add_static(kPeer, kOther), std::nullopt);
  EXPECT_EQ(table->add_static(kPeer6, mac("ff:ff:ff:ff:ff:ff")), std::nullopt);
}

// ---- bounds -------------------------------------------------------------------------------------

TEST_F(NeighborTableTest, UnansweredNeighborsFillAtMostHalfOfTheTable) {
  make({.entries = 100, .queue = 4, .held_packets = 1000});
  for (std::uint32_t i = 0; i < 200; ++i) hold(peer(i));
  EXPECT_EQ(table->size(), 50U);
  EXPECT_EQ(held[50].reason, HeldDrop::TableFull);
  // A neighbor that talks to us still gets in.
  table->learn(peer(1000), kMac, now);
  EXPECT_EQ(table->lookup_mac(peer(1000)), kMac);
  // And the scan's entries go away by themselves.
  pass(3s);
  EXPECT_EQ(table->size(), 1U);
}

TEST_F(NeighborTableTest, EvictsTheLongestUnusedNeighborForANewOne) {
  make({.entries = 4, .queue = 4, .held_packets = 100});
  for (std::uint32_t i = 0; i < 4; ++i) {
    table->learn(peer(i), kMac, now);
    now += 1ms;
  }
  use(peer(0));
  hold(peer(9));
  EXPECT_EQ(state(peer(0)), NeighborState::Delay) << "in use, so it stays and is checked";
  EXPECT_EQ(state(peer(1)), std::nullopt);
  EXPECT_EQ(state(peer(9)), NeighborState::Incomplete);
  EXPECT_EQ(counters.get(HostCounter::NeighborEvicted), 1U);
}

TEST_F(NeighborTableTest, RefusesANewNeighborWhenAllAreInUse) {
  make({.entries = 4, .queue = 4, .held_packets = 100});
  ASSERT_TRUE(table->add_gateway(peer(0), now));
  answer(peer(0));
  for (std::uint32_t i = 1; i < 4; ++i) {
    hold(peer(i));
    answer(peer(i));
  }
  EXPECT_EQ(hold(peer(9)).reason, HeldDrop::TableFull);
  table->learn(peer(10), kMac, now);
  EXPECT_EQ(table->size(), 4U);
  EXPECT_EQ(counters.get(HostCounter::NeighborRefused), 2U);
}

TEST_F(NeighborTableTest, AFreedRowRestsWhileOthersAreFree) {
  make({.entries = 8, .queue = 4, .held_packets = 100});
  for (std::uint32_t i = 0; i < 4; ++i) table->learn(peer(i), kMac, now);
  pass(310s);
  ASSERT_EQ(table->size(), 0U);
  std::vector<std::uint32_t> rows;
  for (std::uint32_t i = 10; i < 16; ++i) table->learn(peer(i), kMac, now);
  for (const auto& row : table->list(now)) rows.push_back(row.adjacency.value());
  // Rows never used come first, then the one that has been free for longest.
  EXPECT_EQ(rows, (std::vector<std::uint32_t>{4, 5, 6, 7, 0, 1}));
}

TEST_F(NeighborTableTest, AnAnswerThatMemoryIsShortForIsAskedForAgain) {
  auto& packet = hold(kPeer);
  io.no_memory = true;
  answer(kPeer);
  EXPECT_EQ(state(kPeer), NeighborState::Incomplete);
  EXPECT_EQ(packet.sent, 0);
  table->learn(kPeer6, kMac, now);
  EXPECT_EQ(state(kPeer6), std::nullopt);
  EXPECT_EQ(table->add_static(peer(1), kMac), std::nullopt);
  EXPECT_EQ(counters.get(HostCounter::NeighborNotPublished), 2U);
  EXPECT_EQ(counters.get(HostCounter::NeighborLearned), 0U);

  io.no_memory = false;
  pass(1s);
  EXPECT_EQ(output.take(), (Events{"all", "all"}));
  answer(kPeer);
  EXPECT_EQ(state(kPeer), NeighborState::Reachable);
  EXPECT_EQ(packet.sent, 1);
  EXPECT_TRUE(table->add_static(peer(1), kMac));

  // The known address goes on being used when a new one cannot be published.
  io.no_memory = true;
  answer(kPeer, kOther);
  EXPECT_EQ(table->lookup_mac(kPeer), kMac);
  EXPECT_EQ(output.take(), Events{});
}

TEST_F(NeighborTableTest, NamesEveryState) {
  for (std::size_t i = 0; i < kNumNeighborStates; ++i) {
    EXPECT_STRNE(to_string(static_cast<NeighborState>(i)), "unknown");
  }
}

}  // namespace
}  // namespace phalanx::control
