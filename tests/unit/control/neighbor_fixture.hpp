// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host_fixture.hpp"
#include "phalanx/control/neighbor_table.hpp"

namespace phalanx::control {

inline const NeighborKey kPeer{kPublic, ip("192.0.2.9")};
inline const NeighborKey kPeer6{kPublic, ip("fe80::9")};
inline const net::MacAddress kMac = mac("02:00:5e:00:53:99");
inline const net::MacAddress kOther = mac("02:00:5e:00:53:77");

inline NeighborKey peer(std::uint32_t i) {
  return {kPublic, net::IpAddress::v4(0x0a000000 + i)};
}

// What the table asked of its owner, as text: "all", "to MAC", "lost", "moved", "up", "down".
class RecorderOutput final : public NeighborOutput {
 public:
  void on_solicit(const NeighborKey&, const net::MacAddress* unicast_to) noexcept override {
    events.push_back(unicast_to == nullptr ? "all" : "to " + to_string(*unicast_to));
  }
  void on_unreachable(void*, base::TimePoint) noexcept override { events.emplace_back("lost"); }
  void on_moved(const NeighborKey&, const net::MacAddress&, const net::MacAddress&,
                base::TimePoint) noexcept override {
    events.emplace_back("moved");
  }
  void on_gateway(const NeighborKey&, bool reachable) noexcept override {
    events.emplace_back(reachable ? "up" : "down");
  }
  std::vector<std::string> take() { return std::exchange(events, {}); }

  std::vector<std::string> events;
};

using Events = std::vector<std::string>;

class NeighborTableTest : public testing::Test {
 protected:
  void make(const NeighborLimits& limits) {
    table.reset();
    table.emplace(limits, io, output, counters, 42);
  }
  void TearDown() override {
    table->drop_all_held();
    for (const auto& one : held) EXPECT_EQ(one.sent + one.dropped, 1);
    EXPECT_EQ(counters.sum(HostCounterGroup::HeldIn),
              counters.sum(HostCounterGroup::HeldSent) + counters.sum(HostCounterGroup::HeldDrop));
  }

  HeldPacket& hold(const NeighborKey& key) {
    auto& packet = held.emplace_back();
    table->hold(key, &packet, now);
    return packet;
  }
  void pass(base::Duration duration) {
    const auto end = now + duration;
    while (table->next_deadline() <= end) {
      now = std::max(now, table->next_deadline());
      table->tick(now);
    }
    now = end;
  }
  void answer(const NeighborKey& key, const net::MacAddress& from = kMac) {
    EXPECT_TRUE(table->update(key, {.mac = from, .solicited = true}, now));
  }
  std::optional<NeighborState> state(const NeighborKey& key) {
    for (const auto& row : table->list(now)) {
      if (row.key == key) return row.state;
    }
    return std::nullopt;
  }
  // At most ten minutes.
  void pass_until(const NeighborKey& key, NeighborState wanted) {
    for (int i = 0; i < 6000 && state(key) != wanted; ++i) pass(100ms);
    ASSERT_EQ(state(key), wanted);
  }
  void make_stale(const NeighborKey& key) {
    hold(key);
    answer(key);
    pass_until(key, NeighborState::Stale);
    output.take();
  }
  void use(const NeighborKey& key) {
    for (const auto& row : table->list(now)) {
      if (row.key == key) io.used.insert(row.adjacency.value());
    }
  }

  RecorderIo io;
  RecorderOutput output;
  HostCounters counters;
  base::TimePoint now = kStart;
  std::deque<HeldPacket> held;
  std::optional<NeighborTable> table{std::in_place, NeighborLimits{}, io, output, counters, 42};
};

}  // namespace phalanx::control
