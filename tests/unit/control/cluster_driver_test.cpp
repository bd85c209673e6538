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
#include <set>

#include "phalanx/control/channel_crypto.hpp"

namespace phalanx::control {
namespace {

using namespace std::chrono_literals;
using cluster::EventKind;

constexpr std::uint8_t kNodes = 3;
constexpr base::NodeId kJoiner{kNodes + 1};

ClusterMember member_of(std::uint8_t id) {
  return {base::NodeId(id), "n" + std::to_string(id), net::IpAddress::v4(0x0a090000U + id), false};
}

ClusterConfig config_of(std::uint8_t members) {
  ClusterConfig config;
  for (std::uint8_t id = 1; id <= members; ++id) {
    config.members.push_back(member_of(id));
  }
  config.secret = base::Secret(std::vector<std::byte>(32, std::byte{5}));
  return config;
}

struct World;
struct WirePort final : DatagramPort {
  void set_members(std::span<const ClusterMember> others) override {
    members.clear();
    for (const auto& member : others) members[member.id] = member.address;
  }
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
  std::map<base::NodeId, net::IpAddress> members;
};

struct World {
  struct Machine {
    std::unique_ptr<WirePort> port;
    std::unique_ptr<ClusterDriver> driver;
    cluster::DiskState disk;
    RosterEntries roster;  // on the disk
    std::vector<EventKind> events;
    std::set<base::BucketIndex> owned;
    bool disk_fails = false;
    std::vector<cluster::DiskLease> leases;  // on the disk
    std::vector<std::uint64_t> stored;       // and not told yet
    bool leases_fail = false;

    [[nodiscard]] int buckets() const { return static_cast<int>(owned.size()); }
    // A gateway without packets.
    void on_event(const cluster::Event& event) {
      events.push_back(event.kind);
      const auto bucket = event.bucket;
      if (event.kind == EventKind::BucketOpened) owned.insert(bucket);
      if (event.kind == EventKind::BucketShut) owned.erase(bucket);
      if (event.kind == EventKind::StreamFrozen || event.kind == EventKind::Left) owned.clear();
      if (event.kind == EventKind::MoveWanted || event.kind == EventKind::MoveComing) {
        static_cast<void>(driver->command([&](auto& node, auto at, auto& out) {
          node.move_ready(bucket, at, out);
          return cluster::Node::Status(base::Ok{});
        }));
      }
      if (event.kind == EventKind::CloseWanted) {
        owned.erase(bucket);
        static_cast<void>(driver->command([&](auto& node, auto at, auto& out) {
          return node.close_bucket(bucket, {}, at, out);
        }));
      }
    }
  };
  World() {
    for (std::uint8_t id = 1; id <= kNodes; ++id) start(id);
  }
  void start(std::uint8_t id) {
    auto& machine = machines[base::NodeId(id)];
    machine.port = std::make_unique<WirePort>(*this, base::NodeId(id));
    machine.events.clear();
    machine.owned.clear();
    auto& voters = machine.disk.voters;
    if (voters.version == 0) {
      voters.version = 1;
      for (const auto& member : config_for(id).members) voters.current.push_back(member.id);
      machine.disk.fresh = base::NodeId(id) == kJoiner;
    }
    cluster::Config core;
    core.id = base::NodeId(id);
    for (const auto& member : config_for(id).members) core.seeds.push_back(member.id);
    core.machine[0] = std::byte{id};
    for (auto& byte : core.nonce) byte = static_cast<std::byte>(random());
    ClusterDriver::Hooks hooks;
    hooks.persist = [&machine](const cluster::DiskState& state) {
      machine.disk = state;
      return !machine.disk_fails;
    };
    hooks.store = [&machine](const cluster::StoreLeases& batch) {
      machine.leases.insert(machine.leases.end(), batch.leases.begin(), batch.leases.end());
      if (!batch.wait) machine.stored.push_back(batch.id);
      return !machine.leases_fail;
    };
    hooks.take_stored = [&machine](std::vector<std::uint64_t>& ids) {
      ids = std::exchange(machine.stored, {});
      return true;
    };
    hooks.event = [&machine](const cluster::Event& event, base::TimePoint) {
      machine.on_event(event);
    };
    hooks.keep_roster = [&machine](const RosterEntries& entries) {
      machine.roster = entries;
      return !machine.disk_fails;
    };
    hooks.random = [this](std::span<std::byte> bytes) {
      for (auto& byte : bytes) byte = static_cast<std::byte>(random());
    };
    machine.driver = std::make_unique<ClusterDriver>(config_for(id), core, machine.disk,
                                                     machine.leases, machine.roster, *machine.port,
                                                     crypto, std::move(hooks), now);
  }
  // The first three were configured before there was a fourth.
  const ClusterConfig& config_for(std::uint8_t id) const {
    return base::NodeId(id) == kJoiner ? joiner_config : config;
  }
  ClusterDriver& driver(std::uint8_t id) { return *machines[base::NodeId(id)].driver; }
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
    for (auto& [id, machine] : machines) sum += machine.driver ? machine.buckets() : 0;
    return sum;
  }

  ClusterConfig config = config_of(kNodes);
  ClusterConfig joiner_config = config_of(kNodes + 1);
  ChannelCrypto crypto;
  std::mt19937 random{7};
  base::TimePoint now{std::chrono::seconds(100)};
  std::map<base::NodeId, Machine> machines;
  std::vector<std::vector<std::byte>> wire;  // everything that was ever sent
};

void WirePort::send(base::NodeId to, std::span<const std::byte> datagram) {
  world.wire.emplace_back(datagram.begin(), datagram.end());
  const auto found = world.machines.find(to);
  if (found == world.machines.end()) return;
  found->second.port->inbox.push_back({world.wire.back(), self.value()});
}

TEST(ClusterDriver, FormsAClusterThatOwnsEveryBucketOnce) {
  World world;
  world.run(1s);
  EXPECT_EQ(world.buckets(), 256);
  for (auto& [id, machine] : world.machines) {
    EXPECT_TRUE(machine.driver->node().levelled());
    EXPECT_TRUE(machine.driver->node().may_forward(world.now));
    EXPECT_GT(machine.buckets(), 50);
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
  auto other = config_of(kNodes);
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

bool happened(World& world, std::uint8_t id, EventKind kind) {
  const auto& events = world.machines[base::NodeId(id)].events;
  return std::count(events.begin(), events.end(), kind) != 0;
}

TEST(ClusterDriver, LetsInWhomAnyMemberWasToldOf) {
  World world;
  world.run(1s);
  world.start(kNodes + 1);
  world.run(500ms);
  EXPECT_FALSE(happened(world, 4, EventKind::Admitted)) << "nobody has let it in";
  ASSERT_TRUE(world.driver(2).join(member_of(4)));
  world.run(1500ms);
  EXPECT_EQ(world.buckets(), 256);
  for (std::uint8_t id = 1; id <= 4; ++id) {
    EXPECT_GT(world.machines[base::NodeId(id)].buckets(), 50) << int{id};
    EXPECT_EQ(world.driver(id).roster().find(kJoiner)->name, "n4");
  }
  // The others know it after they were started again, and it them.
  for (std::uint8_t id = 1; id <= 4; ++id) {
    world.stop(id);
    world.run(200ms);
    world.start(id);
    world.run(1s);
  }
  EXPECT_EQ(world.buckets(), 256);
}

TEST(ClusterDriver, TakesOutWhoIsToldToLeaveAndLetsItsIdBackIn) {
  World world;
  world.run(1s);
  ASSERT_TRUE(world.driver(1).leave(base::NodeId(3)));
  EXPECT_FALSE(world.driver(1).join(member_of(3))) << "it has not left yet";
  world.run(2s);
  ASSERT_TRUE(happened(world, 3, EventKind::Left));
  EXPECT_EQ(world.machines[base::NodeId(1)].buckets() + world.machines[base::NodeId(2)].buckets(),
            256);
  EXPECT_TRUE(world.driver(2).node().voters().has_left(base::NodeId(3)));
  world.stop(3);
  world.run(4s);
  EXPECT_FALSE(world.machines[base::NodeId(1)].port->members.contains(base::NodeId(3)));
  // Another machine with its id, and with another address.
  world.machines.erase(base::NodeId(3));
  auto other = member_of(3);
  other.address = net::IpAddress::v4(0x0a090063U);
  const auto told = world.driver(2).join(other);
  ASSERT_TRUE(told) << told.error();
  world.machines[base::NodeId(3)].disk.fresh = true;
  world.start(3);
  world.run(2s);
  EXPECT_EQ(world.buckets(), 256);
  EXPECT_GT(world.machines[base::NodeId(3)].buckets(), 50);
  EXPECT_EQ(world.machines[base::NodeId(1)].port->members.at(base::NodeId(3)), other.address);
}

TEST(ClusterDriver, ExpelsTheDeadAndNobodyElse) {
  World world;
  world.run(1s);
  EXPECT_FALSE(world.driver(1).expel(base::NodeId(2))) << "it is alive";
  EXPECT_FALSE(world.driver(1).expel(base::NodeId(1))) << "it is itself";
  EXPECT_FALSE(world.driver(1).expel(base::NodeId(9))) << "there is none";
  world.stop(2);
  world.run(500ms);
  ASSERT_TRUE(world.driver(1).expel(base::NodeId(2)));
  world.run(4s);
  EXPECT_TRUE(world.driver(3).node().voters().has_left(base::NodeId(2)));
  const auto& events = world.driver(3).events().entries();
  const auto lost = std::find_if(events.begin(), events.end(), [](const auto& event) {
    return event.text.starts_with("member is lost: 3 heartbeats missed on cluster node=2 name=n2");
  });
  EXPECT_NE(lost, events.end()) << "the reason is told";
  EXPECT_FALSE(world.machines[base::NodeId(1)].port->members.contains(base::NodeId(2)));
  EXPECT_FALSE(world.machines[base::NodeId(3)].port->members.contains(base::NodeId(2)));
}

TEST(ClusterDriver, HearsOfWeightsAndDrainsThatWereToldToOthers) {
  World world;
  world.run(1s);
  world.stop(3);
  world.run(500ms);
  ASSERT_TRUE(world.driver(1).set_weight(base::NodeId(2), 300));
  ASSERT_TRUE(world.driver(2).set_drained(base::NodeId(3), true));
  world.start(3);
  world.run(2s);
  EXPECT_EQ(world.machines[base::NodeId(3)].buckets(), 0) << "told while it was down";
  EXPECT_GT(world.machines[base::NodeId(2)].buckets(),
            2 * world.machines[base::NodeId(1)].buckets());
  EXPECT_EQ(world.driver(1).share_of(base::NodeId(2)).weight, 300U);
  EXPECT_EQ(world.driver(1).share_of(base::NodeId(3)).duty, cluster::Duty::Drained);
  ASSERT_TRUE(world.driver(3).set_drained(base::NodeId(3), false));
  world.run(2s);
  EXPECT_GT(world.machines[base::NodeId(3)].buckets(), 30);
  EXPECT_EQ(world.buckets(), 256);
}

TEST(ClusterDriver, LosesNobodyWhoHasToServe) {
  World world;
  world.run(1s);
  ASSERT_TRUE(world.driver(1).leave(base::NodeId(1)));
  ASSERT_TRUE(world.driver(2).leave(base::NodeId(2)));
  world.run(5ms);
  EXPECT_FALSE(world.driver(3).leave(base::NodeId(3))) << "the last that can serve";
  world.run(3s);
  EXPECT_EQ(world.machines[base::NodeId(3)].buckets(), 256);
}

TEST(ClusterDriver, ChangesNothingThatItCannotKeep) {
  World world;
  world.run(1s);
  world.machines[base::NodeId(1)].disk_fails = true;
  EXPECT_FALSE(world.driver(1).set_drained(base::NodeId(2), true));
  EXPECT_TRUE(world.driver(1).roster().entries().empty());
  world.run(500ms);
  EXPECT_EQ(world.buckets(), 256);
}

cluster::Install static_sa() {
  cluster::Install install;
  install.uid = base::Uid(77);
  install.bucket = base::BucketIndex(5);
  install.leases = {cluster::LeaseValue{1, 0}, cluster::LeaseValue{1024, 10}};
  return install;
}

TEST(ClusterDriver, GoesOnWithStaticSasAfterAllHaveDied) {
  World world;
  world.run(1s);
  for (auto& [id, machine] : world.machines) {
    static_cast<void>(
        machine.driver->command([](cluster::Node& node, base::TimePoint at, cluster::Outputs& out) {
          return node.install(static_sa(), at, out);
        }));
  }
  world.run(100ms);
  for (std::uint8_t id = 1; id <= kNodes; ++id) world.stop(id);
  for (std::uint8_t id = 1; id <= kNodes; ++id) world.start(id);
  world.run(1s);
  EXPECT_EQ(world.buckets(), 256);
  for (auto& [id, machine] : world.machines) {
    const auto& entries = machine.driver->node().memory().table.bucket(static_sa().bucket).entries;
    ASSERT_TRUE(entries.contains(static_sa().uid));
    const auto& directions = entries.at(static_sa().uid).directions;
    EXPECT_GT(directions[0].floor, 1u);
    EXPECT_GT(directions[1].floor, 1024u);
  }
}

TEST(ClusterDriver, LeavesWhenItsDiskRefusesLeases) {
  World world;
  world.run(1s);
  for (auto& [id, machine] : world.machines) {
    machine.leases_fail = id == base::NodeId(2);
    static_cast<void>(
        machine.driver->command([](cluster::Node& node, base::TimePoint at, cluster::Outputs& out) {
          return node.install(static_sa(), at, out);
        }));
  }
  world.run(1s);
  EXPECT_TRUE(world.driver(2).stats().failed);
  EXPECT_FALSE(world.driver(1).stats().failed);
}

}  // namespace
}  // namespace phalanx::control
