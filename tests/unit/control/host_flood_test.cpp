// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <random>
#include <vector>

#include "host_fixture.hpp"
#include "phalanx/base/bytes.hpp"
#include "phalanx/net/arp.hpp"
#include "phalanx/net/checksum.hpp"
#include "phalanx/net/ip.hpp"

// P8: whatever arrives, memory and time stay bounded, gateways stay, and every packet is accounted
// for (the last by HostWorld's destructor).
namespace phalanx::control {
namespace {

using dataplane::PuntReason;
constexpr std::uint32_t kFlood = 1'000'000;
// Each of these makes an entry and evicts one.
constexpr std::uint32_t kArpFlood = 200'000;

HostConfig flood_config() {
  auto config = host_config();
  config.ports[0].addresses[0] = *net::parse_interface_address("10.0.0.1/8");
  config.neighbors = {.entries = 1024, .queue = 16, .held_packets = 1024};
  return config;
}

NeighborLimits limits() {
  return flood_config().neighbors;
}

TEST(HostFlood, AMillionNextHopsStayWithinTheLimits) {
  HostWorld world(flood_config());
  world.io.keep = false;
  const auto gateway = world.host.add_gateway(kPublic, ip("10.255.0.1"), world.now);
  ASSERT_TRUE(gateway);
  std::mt19937 random(7);
  HeldPacket held;
  std::size_t most = 0;
  for (std::uint32_t i = 0; i < kFlood; ++i) {
    PuntedPacket packet;
    packet.reason = PuntReason::NeighborMiss;
    packet.next_hop = net::IpAddress::v4(0x0a000000U | (random() & 0x00ffffffU));
    packet.handle = &held;
    world.host.on_punt(packet, world.now);
    world.now += 10us;  // 100 000 a second, for ten seconds
    if (world.now >= world.host.next_deadline()) world.host.tick(world.now);
    most = std::max(most, world.host.neighbors().size());
    ASSERT_LE(world.host.neighbors().held(), limits().held_packets);
  }
  EXPECT_LE(most, limits().entries / 2 + 1);
  ASSERT_NE(world.neighbor("10.255.0.1"), nullptr);
  EXPECT_EQ(world.neighbor("10.255.0.1")->adjacency, *gateway);
  EXPECT_EQ(static_cast<std::uint32_t>(held.sent + held.dropped) + world.host.neighbors().held(),
            kFlood);
  // At most three solicitations for each entry that there was room for.
  const std::uint64_t most_solicitations = 10 / 3 * 3 * (limits().entries / 2 + 1) * 2;
  EXPECT_LE(world.io.transmissions, most_solicitations);
}

TEST(HostFlood, ManyArpSendersStayWithinTheLimits) {
  HostWorld world(flood_config());
  world.io.keep = false;
  ASSERT_TRUE(world.host.add_gateway(kPublic, ip("10.255.0.1"), world.now));
  // A neighbor that is in use all the time.
  HeldPacket held;
  world.miss(held, "10.0.0.9");
  net::ArpMessage answer;
  answer.operation = net::ArpOperation::Reply;
  answer.sender_mac = mac("02:00:5e:00:53:99");
  answer.sender = ip("10.0.0.9");
  answer.target_mac = mac("02:00:5e:00:53:01");
  answer.target = ip("10.0.0.1");
  const auto in_use = world.neighbor("10.0.0.9")->adjacency;

  std::mt19937 random(8);
  net::ArpMessage request;
  request.target = ip("10.0.0.1");
  for (std::uint32_t i = 0; i < kArpFlood; ++i) {
    request.sender_mac = {{2, 1, static_cast<std::uint8_t>(i >> 16),
                           static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i), 9}};
    request.sender = net::IpAddress::v4(0x0b000000U | (random() & 0x00ffffffU));
    request.sender.bytes[0] = 10;
    const auto frame = net::write_arp_frame(net::MacAddress{}, request);
    world.punt(PuntReason::Arp, frame);
    world.io.used.insert(in_use.value());
    if (i % 1000 == 0) {
      world.punt(PuntReason::Arp, net::write_arp_frame(net::MacAddress{}, answer));
    }
    world.now += 100us;
    if (world.now >= world.host.next_deadline()) world.host.tick(world.now);
    ASSERT_LE(world.host.neighbors().size(), limits().entries);
    ASSERT_LE(world.io.published.size(), limits().entries);
  }
  EXPECT_EQ(world.host.neighbors().lookup_mac({kPublic, ip("10.0.0.9")}), answer.sender_mac);
  EXPECT_NE(world.neighbor("10.255.0.1"), nullptr);
}

TEST(HostFlood, AMillionBadPacketsCauseFewErrors) {
  HostWorld world;
  world.io.keep = false;
  std::mt19937 random(9);
  auto frame = host_vectors()["err_short4"];
  auto* header = base::view_as<net::Ipv4Header>(std::span(frame), 14);
  for (std::uint32_t i = 0; i < kFlood; ++i) {
    const auto source = static_cast<std::uint32_t>(random());
    std::memcpy(header->source.data(), &source, sizeof(source));
    header->checksum = base::be16(0);
    header->checksum = base::be16(net::checksum(std::span(frame).subspan(14, 20)));
    PuntedPacket packet;
    packet.reason = PuntReason::TtlExceeded;
    packet.frame = frame;
    world.host.on_punt(packet, world.now);
    world.now += 10us;
  }
  // 1000 a second for ten seconds, and the burst.
  EXPECT_LE(world.io.injections, 10'100U);
  EXPECT_GE(world.io.injections, 10'000U);
  EXPECT_EQ(world.host.counters().sum(HostCounterGroup::IcmpError), kFlood);
}

TEST(HostFlood, ATableOfSixtyFiveThousandNeighborsFitsItsLimits) {
  auto config = flood_config();
  config.neighbors = {.entries = 65'536, .queue = 256, .held_packets = 65'536};
  HostWorld world(config);
  world.io.keep = false;
  std::deque<HeldPacket> held(40'000);
  std::uint32_t next = 0;
  for (auto& packet : held) {
    PuntedPacket punted;
    punted.reason = PuntReason::NeighborMiss;
    punted.next_hop = net::IpAddress::v4(0x0a100000U + next++);
    punted.handle = &packet;
    world.host.on_punt(punted, world.now);
  }
  EXPECT_EQ(world.host.neighbors().size(), 32'768U);
  world.pass(4s);
  EXPECT_EQ(world.host.neighbors().size(), 0U);
  for (const auto& packet : held) EXPECT_EQ(packet.dropped, 1);
}

}  // namespace
}  // namespace phalanx::control
