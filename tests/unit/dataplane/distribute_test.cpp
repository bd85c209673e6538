// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
//
// A worker whose node owns half of the buckets, fed with packets of every kind: what it drops as
// another node's must be what the bucket of each packet says.
#include "distribute_fixture.hpp"

namespace phalanx::dataplane {
namespace {

std::vector<Frame> random_frames(unsigned count) {
  std::mt19937 random(1);
  std::vector<Frame> frames;
  for (unsigned i = 0; i < count; ++i) frames.push_back(random_frame(random));
  return frames;
}

TEST(Distribute, DropsExactlyWhatIsInOtherNodesBuckets) {
  need_eal();
  ASSERT_EQ(rte_eal_hotplug_add("vdev", "net_null_distribute", ""), 0);
  const base::SteadyClock clock;
  auto opened = Dataplane::open(make_config("net_null_distribute"), clock);
  ASSERT_TRUE(opened.ok()) << opened.error();
  fill_tables(**opened);
  const auto frames = random_frames(4'000);
  const net::BucketHash hash(kKey);
  std::uint64_t foreign = 0;
  for (const auto& frame : frames) {
    const auto bucket = bucket_of(hash, frame);
    foreign += bucket && bucket->value() % 2 == 1 ? 1 : 0;
  }
  run(**opened, frames);
  EXPECT_EQ(drops((*opened)->worker(0).counters(), DropReason::NotOurBucket), foreign);
  EXPECT_GT(foreign, 1'000U);
}

// Where all nodes see all frames, policy is asked first. Here it knows no SA, so that the bucket of
// each packet decides in the end; what is everybody's by its kind is then somebody's, too.
TEST(Distribute, AsksPolicyBeforeItDropsWhatIsInClear) {
  const auto opened = open_node("net_null_distribute2");
  const auto frames = random_frames(4'000);
  const net::BucketHash hash(kKey);
  std::uint64_t foreign = 0;
  std::uint64_t everybodys = 0;
  for (const auto& frame : frames) {
    const auto bucket = bucket_of(hash, frame);
    foreign += bucket && bucket->value() % 2 == 1 ? 1 : 0;
    everybodys += bucket ? 0 : 1;
  }
  run(*opened, frames);
  const auto& counters = opened->worker(0).counters();
  EXPECT_GE(drops(counters, DropReason::NotOurBucket), foreign);
  EXPECT_LE(drops(counters, DropReason::NotOurBucket), foreign + everybodys);
  EXPECT_GT(counters.flow_misses.get(), 1'000U) << "policy was not asked";
}

// What is remembered of a flow says which bucket decides, not whose that is.
TEST(Distribute, DropsFlowsOfOtherNodesAtOnceWhoeverOwnsTheirBuckets) {
  const auto opened = open_node("net_null_distribute5");
  auto& tables = opened->tables();
  constexpr unsigned kFlows = 500;
  std::vector<Frame> flows;
  const net::BucketHash hash(kKey);
  std::uint64_t odd = 0;
  for (std::uint16_t i = 0; i < kFlows; ++i) {
    auto frame = ethernet(net::kEtherTypeIpv4, false);
    const std::array<std::uint8_t, 8> ports = {1, 2, 3, 4, 0, 8, 0, 0};
    append_ipv4(frame, i % 2 == 0 ? net::kProtoTcp : net::kProtoUdp, 0, i, ports);
    odd += bucket_of(hash, frame)->value() % 2;
    flows.push_back(frame);
  }
  std::vector<Frame> frames;
  for (int round = 0; round < 3; ++round) frames.insert(frames.end(), flows.begin(), flows.end());
  feed.pause_at = std::size_t{2} * kFlows;
  feed.while_paused = [&tables] {
    for (std::size_t i = 0; i < base::kNumBuckets; ++i) {
      tables.distribution.assign(base::BucketIndex(static_cast<std::uint8_t>(i)),
                                 base::NodeId(i % 2 == 0 ? 2 : 1));
    }
  };
  run(*opened, frames);
  feed.pause_at = 0;
  const auto& counters = opened->worker(0).counters();
  EXPECT_EQ(drops(counters, DropReason::NotOurBucket), 2 * odd + (kFlows - odd));
  EXPECT_EQ(drops(counters, DropReason::PolicyNone), 2 * (kFlows - odd) + odd);
  EXPECT_EQ(counters.flow_misses.get(), kFlows);
}

TEST(Distribute, KnowsTheInboundSasInPacketMode) {
  need_eal();
  ASSERT_EQ(rte_eal_hotplug_add("vdev", "net_null_distribute4", ""), 0);
  const base::SteadyClock clock;
  auto opened = Dataplane::open(make_config("net_null_distribute4"), clock);
  ASSERT_TRUE(opened.ok()) << opened.error();
  (*opened)->set_bucket_key(kKey);
  struct Row {
    std::uint32_t spi;
    ipsec::Direction direction;
    ipsec::SaMode mode;
    std::uint8_t shift;
    std::uint32_t wanted;
  };
  constexpr auto kPacket = ipsec::SaMode::Packet;
  const std::vector<Row> rows = {
      {0x1001, ipsec::Direction::Inbound, kPacket, 3, 3},
      {0x1002, ipsec::Direction::Inbound, ipsec::SaMode::Session, 3, StripeTable::kSession},
      {0x1003, ipsec::Direction::Outbound, kPacket, 3, StripeTable::kSession},
      {0x1004, ipsec::Direction::Inbound, kPacket, 5, 5}};
  std::vector<ipsec::SaParams> params;
  std::vector<std::uint32_t> spis;
  for (const auto& row : rows) {
    test::TunnelOptions options;
    options.key_seed = options.spi = row.spi;
    options.mode = row.mode;
    options.stripe_shift = row.shift;
    params.push_back(test::make_params(options, row.direction));
    spis.push_back(row.spi);
  }
  ipsec::IvCounter ivs;
  const std::vector<ipsec::SaStart> starts(rows.size(), {1, 10, 5, &ivs});
  auto sas = ipsec::SaStore::create(params, {}, starts, base::NodeId(1), base::BootCount(1));
  ASSERT_TRUE(sas.ok());
  EXPECT_TRUE((*opened)->tables().stripes.empty());
  ASSERT_TRUE((*opened)->set_sas(std::move(*sas)).ok());
  std::vector<std::uint32_t> shifts(rows.size());
  (*opened)->tables().stripes.lookup_bulk(spis.data(), spis.size(), shifts.data());
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(shifts[i], rows[i].wanted) << i;
}

TEST(Distribute, ForwardsNothingWithoutContactToAQuorum) {
  need_eal();
  ASSERT_EQ(rte_eal_hotplug_add("vdev", "net_null_distribute3", ""), 0);
  const base::SteadyClock clock;
  auto config = make_config("net_null_distribute3");
  config.cluster_node = base::NodeId(1);
  auto opened = Dataplane::open(config, clock);
  ASSERT_TRUE(opened.ok()) << opened.error();
  fill_tables(**opened);
  (*opened)->tables().distribution.take_all();
  const auto past = clock.now() - std::chrono::milliseconds(1);
  (*opened)->tables().open_until_ns.store(past.time_since_epoch().count());
  auto frames = random_frames(1'000);
  // Neighbors are still learnt, and the cluster may be heard on data ports only, by any address.
  for (const auto type : {net::kEtherTypeArp, kEtherTypeCluster}) {
    for (const bool tagged : {false, true}) {
      frames.push_back(ethernet(type, tagged));
      frames.back().resize(64);
      frames.back()[5] = type == kEtherTypeCluster ? 0x77 : frames.back()[5];
    }
  }
  run(**opened, frames);
  const auto& counters = (*opened)->worker(0).counters();
  EXPECT_EQ(drops(counters, DropReason::Fenced), 1'000U);
  EXPECT_EQ(counters.to_control.get(), 4U);
}

TEST(Distribute, HasNoUseForFramesOfAClusterWhenAlone) {
  need_eal();
  ASSERT_EQ(rte_eal_hotplug_add("vdev", "net_null_distribute8", ""), 0);
  const base::SteadyClock clock;
  auto opened = Dataplane::open(make_config("net_null_distribute8"), clock);
  ASSERT_TRUE(opened.ok()) << opened.error();
  fill_tables(**opened);
  auto frame = ethernet(kEtherTypeCluster, false);
  frame.resize(64);
  run(**opened, {frame});
  const auto& counters = (*opened)->worker(0).counters();
  EXPECT_EQ(drops(counters, DropReason::UnknownEtherType), 1U);
  EXPECT_EQ(counters.to_control.get(), 0U);
}

// ---- buckets that come from another node
template <typename Do>
void for_others_buckets(const Do& action) {
  for (unsigned i = 1; i < base::kNumBuckets; i += 2) {
    action(base::BucketIndex(static_cast<std::uint8_t>(i)));
  }
}

TEST(ComingBuckets, TheirPacketsWaitAndGoOnWhenTheyAreOurs) {
  need_eal();
  ASSERT_EQ(rte_eal_hotplug_add("vdev", "net_null_coming1", ""), 0);
  const base::SteadyClock clock;
  auto config = make_config("net_null_coming1");
  config.coming_hold = std::chrono::hours(1);
  auto opened = Dataplane::open(config, clock);
  ASSERT_TRUE(opened.ok()) << opened.error();
  fill_tables(**opened);
  auto& tables = (*opened)->tables();
  const auto phase = [&](NodeMoves::Phase to) {
    for_others_buckets([&](base::BucketIndex bucket) { tables.moves.set(bucket, to); });
  };
  phase(NodeMoves::Phase::Coming);
  const auto frames = random_frames(4'000);
  const net::BucketHash hash(kKey);
  std::uint64_t foreign = 0;
  for (const auto& frame : frames) {
    const auto bucket = bucket_of(hash, frame);
    foreign += bucket && bucket->value() % 2 == 1 ? 1 : 0;
  }
  run(**opened, frames, [&] {
    EXPECT_EQ((*opened)->worker(0).counters().held.get(), foreign);
    tables.distribution.take_all();
    phase(NodeMoves::Phase::None);
  });
  const auto& counters = (*opened)->worker(0).counters();
  EXPECT_EQ(counters.coming_released.get(), foreign);
  EXPECT_EQ(drops(counters, DropReason::NotOurBucket), 0U);
  EXPECT_EQ(drops(counters, DropReason::HoldTimeout), 0U);
}

TEST(ComingBuckets, TheirPacketsAreDroppedWhenTheyDoNotCome) {
  need_eal();
  ASSERT_EQ(rte_eal_hotplug_add("vdev", "net_null_coming2", ""), 0);
  const base::SteadyClock clock;
  auto config = make_config("net_null_coming2");
  config.coming_hold = std::chrono::hours(1);
  auto opened = Dataplane::open(config, clock);
  ASSERT_TRUE(opened.ok()) << opened.error();
  fill_tables(**opened);
  auto& moves = (*opened)->tables().moves;
  for_others_buckets([&](auto bucket) { moves.set(bucket, NodeMoves::Phase::Coming); });
  std::uint64_t held = 0;
  run(**opened, random_frames(1'000), [&] {
    held = (*opened)->worker(0).counters().held.get();
    for_others_buckets([&](auto bucket) { moves.set(bucket, NodeMoves::Phase::None); });
  });
  EXPECT_GT(held, 100U);
  EXPECT_EQ(drops((*opened)->worker(0).counters(), DropReason::HoldTimeout), held);
}

// Clear packets in buckets that come. Every second one was sent by the last owner, which noted it;
// each of them came twice and was sent once.
struct Passed {
  explicit Passed(Tables& tables) {
    const net::BucketHash hash(kKey);
    std::map<base::BucketIndex, std::vector<std::uint64_t>> noted;
    for (std::uint16_t host = 0; frames.size() < 1'000; ++host) {
      auto frame = ethernet(net::kEtherTypeIpv4, false);
      append_ipv4(frame, net::kProtoUdp, 0, host, std::array<std::uint8_t, 32>{1, 2, 3, 4});
      const auto bucket = *bucket_of(hash, frame);
      if (bucket.value() % 2 == 0) continue;
      if (host % 4 < 2) {
        noted[bucket].push_back(
            tables.digest.of(std::span(frame).subspan(sizeof(net::EthernetHeader))));
        ++sent;
      }
      frames.push_back(frame);
      frames.push_back(frame);
    }
    EXPECT_GT(sent, 100U);
    for_others_buckets(
        [&](auto bucket) { digests.push_back(std::make_unique<PassedPackets>(noted[bucket])); });
  }
  // The buckets are ours now.
  void arrive(Tables& tables, NodeMoves::Phase phase) {
    std::size_t next = 0;
    for_others_buckets(
        [&](auto bucket) { tables.moves.set_passed(bucket, digests[next++].get()); });
    tables.distribution.take_all();
    for_others_buckets([&](auto bucket) { tables.moves.set(bucket, phase); });
  }
  std::vector<Frame> frames;
  std::uint64_t sent = 0;
  std::vector<std::unique_ptr<PassedPackets>> digests;
};

TEST(ComingBuckets, WhatTheLastOwnerSentIsNotSentAgain) {
  const auto opened = open_node("net_null_coming3",
                                [](Config& config) { config.coming_hold = std::chrono::hours(1); });
  auto& tables = opened->tables();
  Passed passed(tables);
  for_others_buckets([&](auto bucket) { tables.moves.set(bucket, NodeMoves::Phase::Coming); });
  run(*opened, passed.frames, [&] { passed.arrive(tables, NodeMoves::Phase::None); });
  const auto& counters = opened->worker(0).counters();
  EXPECT_EQ(drops(counters, DropReason::NotOurBucket), passed.sent);
  EXPECT_EQ(counters.coming_released.get(), passed.frames.size() - passed.sent);
}

TEST(ComingBuckets, WhatTheLastOwnerSentIsNotSentAgainByAWorkerThatReadsItLate) {
  const auto opened = open_node("net_null_coming5");
  auto& tables = opened->tables();
  Passed passed(tables);
  passed.arrive(tables, NodeMoves::Phase::Arrived);
  run(*opened, passed.frames);
  const auto& counters = opened->worker(0).counters();
  EXPECT_EQ(drops(counters, DropReason::NotOurBucket), passed.sent);
  EXPECT_EQ(drops(counters, DropReason::PolicyNone), passed.frames.size() - passed.sent);
}

TEST(ComingBuckets, WhatLeavesIsNoted) {
  const auto opened = open_node("net_null_coming4");
  auto& tables = opened->tables();
  tables.distribution.take_all();
  for_others_buckets([&](auto bucket) { tables.moves.set(bucket, NodeMoves::Phase::Noting); });
  auto frame = ethernet(net::kEtherTypeIpv4, false);
  append_ipv4(frame, net::kProtoUdp, 0, 0, std::array<std::uint8_t, 32>{1, 2, 3, 4});
  const net::BucketHash hash(kKey);
  std::uint16_t host = 0;
  while (bucket_of(hash, frame)->value() % 2 == 0) {
    frame = ethernet(net::kEtherTypeIpv4, false);
    append_ipv4(frame, net::kProtoUdp, 0, ++host, std::array<std::uint8_t, 32>{1, 2, 3, 4});
  }
  run(*opened, {frame});
  PassedNote note;
  ASSERT_TRUE(opened->pop_passed(0, note));
  EXPECT_EQ(note.bucket, *bucket_of(hash, frame));
  EXPECT_EQ(note.digest, tables.digest.of(std::span(frame).subspan(sizeof(net::EthernetHeader))));
  EXPECT_FALSE(opened->pop_passed(0, note));
}

}  // namespace
}  // namespace phalanx::dataplane
