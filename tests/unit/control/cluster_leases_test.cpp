// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/cluster_leases.hpp"

#include <gtest/gtest.h>

#include <deque>

#include "phalanx/control/window_record.hpp"

namespace phalanx::control {
namespace {

using namespace std::chrono_literals;

// One SA by its numbers, and a quorum that agrees when it is told to.
struct World {
  struct Sa {
    std::uint64_t used = 0;
    std::uint64_t packets = 0;
  };
  explicit World(cluster::LeaseDirection direction) : spec{{base::Uid(7), direction}, false} {
    ClusterLeases::Hooks hooks;
    hooks.promise = [this](std::size_t index, const cluster::LeaseValue& lease) {
      EXPECT_EQ(index, 0U);
      if (refuses) return false;
      promised.push_back(lease);
      // Rule 11: a lowering counts at once, a raise when the quorum has it.
      usable = std::min(usable, lease.number);
      return true;
    };
    hooks.usable = [this](std::size_t) { return usable; };
    hooks.quiescence = {[this] { return ++token; },
                        [this](std::uint64_t of) { return of <= quiescent; }};
    leases.emplace(std::span(&spec, 1), 10ms, std::move(hooks), now);
    const auto use = [](const void* of) noexcept {
      const auto* seen = static_cast<const Sa*>(of);
      return cluster::LeaseUse{seen->used, seen->packets};
    };
    leases->attach(0, {&sa, use, &gate});
  }
  void open(std::uint64_t used, std::uint64_t granted) {
    sa.used = used;
    usable = granted;
    leases->open(0, used, now);
  }
  void agree() {
    usable = promised.back().number;
    leases->on_gate(0, now);
  }
  void use_up_to(std::uint64_t number) {
    sa.packets += number - sa.used;
    sa.used = number;
  }
  void wait(base::Duration duration) {
    for (const auto end = now + duration; now < end; now += 1ms) leases->step(now);
  }

  LeaseSpec spec;
  Sa sa;
  ipsec::LeaseGate gate;
  base::TimePoint now{std::chrono::seconds(10)};
  std::vector<cluster::LeaseValue> promised;
  std::uint64_t usable = 0;
  std::uint64_t token = 0;
  std::uint64_t quiescent = 0;
  bool refuses = false;
  std::optional<ClusterLeases> leases;
};

TEST(ClusterLeases, LetNothingThroughBeforeTheBucketIsOurs) {
  World world(cluster::LeaseDirection::Outbound);
  EXPECT_EQ(world.gate.limit(), 0U);
  world.leases->on_raise_request(0, world.now);
  world.wait(100ms);
  EXPECT_TRUE(world.promised.empty());
  world.open(500, 1524);
  EXPECT_EQ(world.gate.limit(), 1524U);
}

TEST(ClusterLeases, RaiseWhenTheQuorumHasAgreedAndNotBefore) {
  World world(cluster::LeaseDirection::Outbound);
  world.open(0, 1024);
  world.use_up_to(600);
  world.leases->on_raise_request(0, world.now);
  ASSERT_EQ(world.promised.size(), 1U);
  EXPECT_GT(world.promised[0].number, 1024U);
  EXPECT_GE(world.promised[0].number,
            world.sa.used + (std::uint64_t{1} << world.promised[0].size_log2) / 2);
  EXPECT_EQ(world.gate.limit(), 1024U);
  world.wait(50ms);
  EXPECT_EQ(world.gate.limit(), 1024U);
  world.agree();
  EXPECT_EQ(world.gate.limit(), world.promised[0].number);
}

TEST(ClusterLeases, LowerOnlyAfterNoWorkerCanHaveTheOldLimit) {
  World world(cluster::LeaseDirection::Inbound);
  world.open(100, 100'000);
  world.wait(200ms);
  EXPECT_TRUE(world.promised.empty()) << "written before the workers were quiescent";
  EXPECT_LT(world.gate.limit(), 200U);
  world.quiescent = world.token;
  world.wait(10ms);
  ASSERT_EQ(world.promised.size(), 1U);
  EXPECT_EQ(world.promised[0].number, world.gate.limit());
}

TEST(ClusterLeases, GiveUpALoweringThatAPacketHasPassed) {
  World world(cluster::LeaseDirection::Inbound);
  world.open(100, 100'000);
  world.wait(200ms);
  world.use_up_to(5'000);  // with the old limit, before it became quiescent
  world.quiescent = world.token;
  world.wait(10ms);
  EXPECT_GE(world.gate.limit(), 5'000U);
  EXPECT_LE(world.gate.limit(), world.usable);
  for (const auto& lease : world.promised) EXPECT_GE(lease.number, 5'000U);
}

TEST(ClusterLeases, CloseTheGateWhenTheBucketIsTakenAway) {
  World world(cluster::LeaseDirection::Outbound);
  world.open(0, 1024);
  world.use_up_to(600);
  world.leases->on_raise_request(0, world.now);
  world.leases->shut(0);
  EXPECT_EQ(world.gate.limit(), 0U);
  world.agree();  // too late: not ours any more
  world.wait(100ms);
  EXPECT_EQ(world.gate.limit(), 0U);
  // It comes back, further on; what was asked for then is forgotten.
  world.open(9'000, 10'024);
  EXPECT_EQ(world.gate.limit(), 10'024U);
}

TEST(ClusterLeases, AskAgainWhenTheQuorumHadNoRoom) {
  World world(cluster::LeaseDirection::Outbound);
  world.open(0, 1024);
  world.use_up_to(1024);
  world.refuses = true;
  world.leases->on_raise_request(0, world.now);
  EXPECT_TRUE(world.promised.empty());
  world.refuses = false;
  world.wait(50ms);
  EXPECT_EQ(world.promised.size(), 1U);
}

TEST(LeaseSize, IsThePowerOfTwoThatCoversWhatLiesAhead) {
  struct Case {
    std::uint64_t used;
    std::uint64_t number;
    int log2;
  };
  for (const auto& [used, number, log2] :
       {Case{0, 0, 0}, Case{5, 6, 0}, Case{5, 7, 1}, Case{0, 1024, 10}, Case{0, 1025, 11},
        Case{10, 5, 0}, Case{0, std::uint64_t{1} << 40, 22}}) {
    EXPECT_EQ(lease_size_log2(used, number), log2) << used << " " << number;
  }
}

TEST(WindowRecord, ComesBackAsWritten) {
  const WindowRecord window{0x0102030405060708, {1, ~std::uint64_t{0}, 0x8000000000000000}};
  const auto bytes = write_window(window);
  const auto read = parse_window(bytes);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->top, window.top);
  EXPECT_EQ(read->seen, window.seen);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_EQ(parse_window(std::span(bytes).first(length)).has_value(),
              length != 0 && length % 8 == 0);
  }
}

}  // namespace
}  // namespace phalanx::control
