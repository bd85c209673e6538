// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dataplane/egress_order.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

namespace phalanx::dataplane {
namespace {

using Numbers = std::vector<std::uint64_t>;

// Where frames of the dispatcher leave, and those of other workers.
constexpr std::uint8_t kOwnPort = 7;
constexpr std::uint8_t kLanePort = 8;

// Worker 1 gives packets to 0, to itself and to 2.
struct World {
  PacketLane to_0;
  PacketLane to_2;
  EgressOrder order{base::WorkerIndex(1), {&to_0, nullptr, &to_2}};
  std::uint64_t next = 1;

  std::vector<ipsec::EspPacket> make(std::uint32_t count) {
    std::vector<ipsec::EspPacket> packets(count);
    for (auto& packet : packets) packet.sequence = next++;
    return packets;
  }
  void give(std::uint8_t worker, std::uint32_t count) {
    while (count != 0) {
      const auto part = std::min(count, LaneBurst::kPackets);
      const auto packets = make(part);
      order.give(worker, part);
      if (worker == 1) {
        const std::vector<std::uint8_t> ports(part, kOwnPort);
        order.finish_own(packets, ports.data());
      } else {
        order.send(worker, packets, [](const auto&) { return std::uint8_t{0}; });
      }
      count -= part;
    }
  }
  // The other worker's part.
  static void work(PacketLane& lane, std::uint32_t count) {
    std::array<LanePacket, 64> packets;
    ASSERT_EQ(lane.work.pop(packets.data(), count), count);
    ASSERT_EQ(lane.done.push_each(count,
                                  [&](std::uint32_t i, LaneResult& result) {
                                    result = {};
                                    result.sequence = packets[i].sequence;
                                    result.port = kLanePort;
                                  }),
              count);
  }
  Numbers take(std::uint32_t most = LaneBurst::kPackets) {
    LaneBurst burst;
    const auto count = order.take(burst, most);
    Numbers numbers;
    for (std::uint32_t i = 0; i < count; ++i) numbers.push_back(burst.packets[i].sequence);
    return numbers;
  }
};

Numbers range(std::uint64_t first, std::uint64_t last) {
  Numbers numbers(last - first + 1);
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

TEST(EgressOrder, GivesBackInTheOrderOfGivingOut) {
  World world;
  world.give(0, 3);  // 1..3
  world.give(1, 2);  // 4..5
  world.give(2, 4);  // 6..9
  world.give(0, 2);  // 10..11
  EXPECT_EQ(world.order.outstanding(), 11U);
  EXPECT_EQ(world.take(), Numbers());
  World::work(world.to_2, 4);
  EXPECT_EQ(world.take(), Numbers());
  World::work(world.to_0, 2);
  EXPECT_EQ(world.take(), range(1, 2));
  World::work(world.to_0, 3);
  EXPECT_EQ(world.take(4), range(3, 6));
  EXPECT_EQ(world.take(), range(7, 11));
  EXPECT_EQ(world.order.outstanding(), 0U);
}

TEST(EgressOrder, JoinsWhatTravelledWithWhatStayed) {
  World world;
  std::array<std::uint8_t, 256> buffer{};
  int owner = 0;
  ipsec::EspPacket packet;
  packet.data = &buffer[100];
  packet.length = 60;
  packet.cookie = &owner;
  packet.tag = 0x12345678;
  packet.traffic_class = 0xb8;
  packet.headroom = 100;
  packet.tailroom = 96;
  world.order.give(2, 1);
  world.order.send(2, {&packet, 1}, [](const auto&) { return LanePacket::kDontFragment; });
  world.give(1, 1);
  LanePacket sent;
  ASSERT_EQ(world.to_2.work.pop(&sent, 1), 1U);
  EXPECT_EQ(sent.data, packet.data);
  EXPECT_EQ(sent.length, 60);
  EXPECT_EQ(sent.traffic_class, 0xb8);
  EXPECT_EQ(sent.headroom, 100);
  EXPECT_EQ(sent.tailroom, 96);
  EXPECT_EQ(sent.flags, LanePacket::kDontFragment);
  LaneResult result;
  result.sequence = 4711;
  result.shift = -50;
  result.length = 130;
  result.family = 6;
  result.port = kLanePort;
  ASSERT_EQ(world.to_2.done.push(&result, 1), 1U);
  LaneBurst burst;
  ASSERT_EQ(world.order.take(burst), 2U);
  EXPECT_EQ(burst.packets[0].data, &buffer[50]);
  EXPECT_EQ(burst.packets[0].length, 130U);
  EXPECT_EQ(burst.packets[0].sequence, 4711U);
  EXPECT_EQ(burst.packets[0].family, 6);
  EXPECT_EQ(burst.packets[0].cookie, &owner);
  EXPECT_EQ(burst.packets[0].tag, 0x12345678U);
  EXPECT_EQ(burst.ports[0], kLanePort);
  EXPECT_EQ(burst.ports[1], kOwnPort);
}

TEST(EgressOrder, NothingIsRememberedOfALoneRunOfItsOwn) {
  World world;
  world.order.give(1, 5);
  EXPECT_FALSE(world.order.alone(4));
  EXPECT_TRUE(world.order.alone(5));
  EXPECT_EQ(world.order.outstanding(), 0U);
  EXPECT_TRUE(world.order.passed(world.order.mark()));
  world.next = 6;
  world.give(0, 1);
  world.order.give(1, 1);
  EXPECT_FALSE(world.order.alone(1));
}

TEST(EgressOrder, HasRoomForAsManyAsALaneHolds) {
  World world;
  EXPECT_EQ(world.order.room(0), PacketLane::kSlots);
  EXPECT_EQ(world.order.room(1), EgressOrder::kMaxOutstanding);
  world.give(0, 100);
  EXPECT_EQ(world.order.room(0), PacketLane::kSlots - 100);
  EXPECT_EQ(world.order.room(2), PacketLane::kSlots);
  world.give(1, EgressOrder::kMaxOutstanding - 110);
  EXPECT_EQ(world.order.room(0), 10U);
  EXPECT_EQ(world.order.room(2), 10U);
}

TEST(EgressOrder, ALateWorkerHoldsNobodyUpUntilItHasCaughtUp) {
  World world;
  world.give(0, 3);  // 1..3, stuck
  world.give(2, 2);  // 4..5
  world.give(0, 2);  // 6..7
  world.give(2, 1);  // 8
  const auto mark = world.order.mark();
  World::work(world.to_2, 3);
  EXPECT_EQ(world.take(), Numbers());
  EXPECT_EQ(world.order.skip(), 3U);
  EXPECT_EQ(world.take(), (Numbers{4, 5, 8}));
  EXPECT_TRUE(world.order.passed(mark));
  EXPECT_EQ(world.order.outstanding(), 5U);
  World::work(world.to_0, 4);
  EXPECT_EQ(world.take(2), range(1, 2));
  EXPECT_EQ(world.take(), (Numbers{3, 6}));
  World::work(world.to_0, 1);
  EXPECT_EQ(world.take(), range(7, 7));
  EXPECT_EQ(world.order.outstanding(), 0U);
  EXPECT_EQ(world.order.skip(), 0U);
  // In order again.
  world.give(0, 1);  // 9
  world.give(2, 1);  // 10
  World::work(world.to_2, 1);
  EXPECT_EQ(world.take(), Numbers());
  World::work(world.to_0, 1);
  EXPECT_EQ(world.take(), range(9, 10));
}

}  // namespace
}  // namespace phalanx::dataplane
