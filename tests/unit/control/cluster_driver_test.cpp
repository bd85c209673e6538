// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
//
// Three real cores with real cryptography and bytes, on a network and a clock that tests move.
#include "phalanx/control/cluster_driver.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <random>

#include "phalanx/control/channel_crypto.hpp"

namespace phalanx::control {
namespace {

using namespace std::chrono_literals;
using cluster::EventKind;

constexpr std::uint8_t kNodes = 3;

ClusterConfig config_of_three() {
  ClusterConfig config;
  for (std::uint8_t id = 1; id <= kNodes; ++id) {
    config.members.push_back(
        {base::NodeId(id), "n" + std::to_string(id), net::IpAddress::v4(0x0a090000U + id), false});
  }
  config.secret = base::Secret(std::vector<std::byte>(32, std::byte{5}));
  return config;
}

struct World;
struct WirePort final : DatagramPort {
  WirePort(World& all, base::NodeId id) : world(all), self(id) {}
  void send(base::NodeId to, std::span<const std::byte> datagram) override;
  bool receive(ReceivedDatagram& out, base::TimePoint) override {
    if (inbox.empty()) return false;
    out = std::move(inbox.front());
    inbox.pop_front();
    return true;
  }
  void confirm(base::NodeId from, std::uint64_t path) override { confirmed[from] = path; }
  void forget(base::NodeId member) override { confirmed.erase(member); }

  World& world;
  base::NodeId self;
  std::deque<ReceivedDatagram> inbox;
  std::map<base::NodeId, std::uint64_t> confirmed;
};

struct World {
  struct Machine {
    std::unique_ptr<WirePort> port;
    std::unique_ptr<ClusterDriver> driver;
    cluster::DiskState disk;
    std::vector<EventKind> events;
    int buckets = 0;
    bool disk_fails = false;
  };
  World() {
    for (std::uint8_t id = 1; id <= kNodes; ++id) start(id);
  }
  void start(std::uint8_t id) {
    auto& machine = machines[base::NodeId(id)];
    machine.port = std::make_unique<WirePort>(*this, base::NodeId(id));
    machine.events.clear();
    machine.buckets = 0;
    auto& voters = machine.disk.voters;
    if (voters.version == 0) {
      voters.version = 1;
      for (const auto& member : config.members) voters.current.push_back(member.id);
    }
    cluster::Config core;
    core.id = base::NodeId(id);
    core.machine[0] = std::byte{id};
    for (auto& byte : core.nonce) byte = static_cast<std::byte>(random());
    ClusterDriver::Hooks hooks;
    hooks.persist = [&machine](const cluster::DiskState& state) {
      machine.disk = state;
      return !machine.disk_fails;
    };
    hooks.event = [&machine](const cluster::Event& event, base::TimePoint) {
      machine.events.push_back(event.kind);
      machine.buckets += event.kind == EventKind::BucketOpened ? 1 : 0;
      machine.buckets -= event.kind == EventKind::BucketShut ? 1 : 0;
      if (event.kind == EventKind::StreamFrozen) machine.buckets = 0;
    };
    hooks.random = [this](std::span<std::byte> bytes) {
      for (auto& byte : bytes) byte = static_cast<std::byte>(random());
    };
    machine.driver = std::make_unique<ClusterDriver>(config, core, machine.disk, *machine.port,
                                                     crypto, std::move(hooks), now);
  }
  void stop(std::uint8_t id) { machines[base::NodeId(id)].driver.reset(); }
  void run(base::Duration duration) {
    for (const auto end = now + duration; now < end; now += 200us) {
      for (auto& [id, machine] : machines) {
        if (machine.driver) machine.driver->poll(now);
      }
    }
  }
  int buckets() {
    int sum = 0;
    for (auto& [id, machine] : machines) sum += machine.driver ? machine.buckets : 0;
    return sum;
  }

  ClusterConfig config = config_of_three();
  ChannelCrypto crypto;
  std::mt19937 random{7};
  base::TimePoint now{std::chrono::seconds(100)};
  std::map<base::NodeId, Machine> machines;
  std::vector<std::vector<std::byte>> wire;  // everything that was ever sent
};

void WirePort::send(base::NodeId to, std::span<const std::byte> datagram) {
  world.wire.emplace_back(datagram.begin(), datagram.end());
  world.machines[to].port->inbox.push_back({world.wire.back(), self.value()});
}

TEST(ClusterDriver, FormsAClusterThatOwnsEveryBucketOnce) {
  World world;
  world.run(1s);
  EXPECT_EQ(world.buckets(), 256);
  for (auto& [id, machine] : world.machines) {
    EXPECT_TRUE(machine.driver->node().levelled());
    EXPECT_TRUE(machine.driver->node().may_forward(world.now));
    EXPECT_GT(machine.buckets, 50);
    EXPECT_EQ(machine.driver->stats().forged, 0U);
    EXPECT_EQ(machine.disk.boot, base::BootCount(1));
    for (const auto& [other, path] : machine.port->confirmed) EXPECT_EQ(path, other.value());
    EXPECT_EQ(machine.port->confirmed.size(), 2U);
  }
}

TEST(ClusterDriver, TakesOverTheBucketsOfTheDead) {
  World world;
  world.run(1s);
  for (std::uint8_t dead = 1; dead <= kNodes; ++dead) {
    world.stop(dead);
    world.run(300ms);
    EXPECT_EQ(world.buckets(), 256) << "node " << int{dead} << " is dead";
    world.start(dead);
    world.run(1s);
    auto& back = world.machines[base::NodeId(dead)];
    EXPECT_EQ(back.disk.boot, base::BootCount(2));
    // Nor by those who know its first boot only from others.
    EXPECT_EQ(std::count(back.events.begin(), back.events.end(), EventKind::BootRefused), 0);
    EXPECT_EQ(world.buckets(), 256);
  }
}

TEST(ClusterDriver, RefusesWhatIsForgedReplayedOrStrange) {
  World world;
  world.run(1s);
  constexpr std::size_t kCounterAt = 12;
  auto& machine = world.machines[base::NodeId(2)];
  const auto before = machine.driver->stats();
  const auto recorded = world.wire;
  for (auto datagram : recorded) {
    constexpr auto kInit = std::byte{1};
    const int copies = datagram[1] == kInit ? 30 : 1;
    for (int i = 0; i < copies; ++i) machine.port->inbox.push_back({datagram, 66});
    datagram.back() ^= std::byte{1};
    datagram[kCounterAt] = std::byte{1};  // one that was never used
    machine.port->inbox.push_back({datagram, 66});
    datagram[2] = std::byte{77};
    machine.port->inbox.push_back({datagram, 66});
  }
  machine.port->inbox.push_back({{std::byte{1}}, 66});
  world.run(1s);
  const auto& after = machine.driver->stats();
  EXPECT_GT(after.forged, before.forged);
  EXPECT_GT(after.replayed, before.replayed);
  EXPECT_GT(after.stranger, before.stranger);
  EXPECT_GT(after.handshakes_refused, before.handshakes_refused);
  EXPECT_GT(after.malformed, before.malformed);
  for (const auto& [other, path] : machine.port->confirmed) EXPECT_EQ(path, other.value());
  EXPECT_EQ(world.buckets(), 256);
}

TEST(ClusterDriver, DoesNotHearThoseWithAnotherBirthKey) {
  World world;
  world.run(1s);
  world.stop(3);
  auto other = config_of_three();
  other.birth_key[0] = std::byte{1};
  std::swap(world.config, other);
  world.start(3);
  world.run(500ms);
  EXPECT_FALSE(world.machines[base::NodeId(3)].driver->node().levelled());
  EXPECT_GT(world.machines[base::NodeId(3)].driver->stats().forged, 0U);
}

TEST(ClusterDriver, CountsRoundsThatComeLate) {
  World world;
  world.run(1s);
  auto& driver = *world.machines[base::NodeId(1)].driver;
  const auto before = driver.stats().late_rounds;
  world.now += 50ms;
  driver.poll(world.now);
  EXPECT_EQ(driver.stats().late_rounds, before + 1);
  EXPECT_GE(driver.stats().latest, 50ms);
}

TEST(ClusterDriver, IsMuteWhenItsDiskFails) {
  World world;
  world.machines[base::NodeId(2)].disk_fails = true;
  world.run(1s);
  EXPECT_TRUE(world.machines[base::NodeId(2)].driver->stats().failed);
  EXPECT_FALSE(world.machines[base::NodeId(2)].driver->node().levelled());
  EXPECT_EQ(world.buckets(), 256);
}

}  // namespace
}  // namespace phalanx::control
