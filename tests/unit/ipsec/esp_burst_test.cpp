// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "support/esp_tunnel.hpp"

// Bursts over many SAs of all algorithms: nothing is lost, and order per SA holds.

namespace phalanx::ipsec {
namespace {

using test::Bytes;
using test::PacketBuffer;
using test::TunnelOptions;

// Two ends with one SA per algorithm and copy, each direction in a store of its own.
struct World {
  static constexpr std::size_t kCopies = 3;

  World() {
    std::vector<SaParams> out_params, in_params;
    std::vector<Policy> policies;
    std::vector<SaStart> starts;
    for (std::size_t i = 0; i < kNumEspAlgorithms * kCopies; ++i) {
      TunnelOptions options;
      options.algorithm = static_cast<EspAlgorithm>(i % kNumEspAlgorithms);
      options.esn = i % 2 == 0;
      options.outer_v6 = i % 3 == 0;
      options.spi = static_cast<std::uint32_t>(1000 + i);
      options.key_seed = i + 1;
      options.window = 4096;
      references.push_back(test::make_reference(options));
      outer_v6.push_back(options.outer_v6);
      out_params.push_back(test::make_params(options, Direction::Outbound));
      in_params.push_back(test::make_params(options, Direction::Inbound));
      policies.push_back(test::any_policy(net::Family::V4, {static_cast<std::uint32_t>(i)}));
      counters.push_back(std::make_unique<IvCounter>());
      starts.push_back({1, ~std::uint64_t{0}, ~std::uint64_t{0}, counters.back().get()});
    }
    out = SaStore::create(out_params, {}, starts, base::NodeId(1), base::BootCount(1)).value();
    in = SaStore::create(in_params, policies, starts, base::NodeId(1), base::BootCount(1)).value();
    engine = EspEngine::create().value();
  }

  std::vector<test::ReferenceSa> references;
  std::vector<bool> outer_v6;
  std::vector<std::unique_ptr<IvCounter>> counters;
  std::unique_ptr<SaStore> out;
  std::unique_ptr<SaStore> in;
  std::unique_ptr<EspEngine> engine;
};

struct Job {
  std::uint32_t sa;
  Bytes inner;
  PacketBuffer buffer;
};

std::vector<std::unique_ptr<Job>> random_jobs(std::mt19937& random, std::size_t count,
                                              std::uint32_t first_sa, std::uint32_t num_sas) {
  std::vector<std::unique_ptr<Job>> jobs;
  for (std::size_t i = 0; i < count; ++i) {
    const auto sa = first_sa + static_cast<std::uint32_t>(random() % num_sas);
    auto inner = test::build({.payload_bytes = random() % 1200});
    PacketBuffer buffer(inner);
    jobs.push_back(std::make_unique<Job>(Job{sa, std::move(inner), std::move(buffer)}));
  }
  return jobs;
}

EspPacket outbound(World& world, Job& job) {
  EspPacket packet;
  packet.data = job.buffer.data();
  packet.length = static_cast<std::uint32_t>(job.buffer.size());
  packet.headroom = PacketBuffer::kHeadroom;
  packet.tailroom = PacketBuffer::kTailroom;
  packet.out_sa = world.out->outbound(job.sa);
  packet.cookie = &job;
  return packet;
}

// Runs packets through one direction in random bursts and returns them in the order they came out.
template <typename Step, typename Collect>
std::vector<EspPacket> run(World& world, std::mt19937& random, std::vector<EspPacket> packets,
                           Step step, Collect collect) {
  std::vector<EspPacket> finished;
  const auto drain = [&] {
    std::vector<EspPacket> some(1 + random() % 40);
    for (std::size_t count; (count = collect(std::span<EspPacket>(some))) != 0;) {
      finished.insert(finished.end(), some.begin(),
                      some.begin() + static_cast<std::ptrdiff_t>(count));
    }
  };
  for (std::size_t at = 0; at < packets.size();) {
    const auto burst = std::span(packets).subspan(
        at, std::min<std::size_t>(packets.size() - at, 1 + random() % EspEngine::kBurst));
    step(burst);
    for (const auto& packet : burst) {
      if (packet.verdict != EspVerdict::InFlight) finished.push_back(packet);
    }
    drain();
    if (random() % 20 == 0) {
      world.engine->flush();
      drain();
      EXPECT_EQ(world.engine->pending(), 0U);
    }
    at += burst.size();
  }
  world.engine->flush();
  drain();
  EXPECT_EQ(world.engine->pending(), 0U);
  return finished;
}

void expect_round_trip(World& world, std::mt19937& random, std::size_t count,
                       std::uint32_t first_sa, std::uint32_t num_sas) {
  auto jobs = random_jobs(random, count, first_sa, num_sas);
  std::vector<EspPacket> packets;
  for (auto& job : jobs) packets.push_back(outbound(world, *job));
  auto sent = run(
      world, random, std::move(packets),
      [&](std::span<EspPacket> burst) { world.engine->encrypt(burst); },
      [&](std::span<EspPacket> out) { return world.engine->collect_encrypted(out); });
  ASSERT_EQ(sent.size(), count);

  std::set<void*> cookies;
  std::map<std::uint32_t, std::uint64_t> last;
  for (auto& packet : sent) {
    ASSERT_EQ(packet.verdict, EspVerdict::Done);
    EXPECT_TRUE(cookies.insert(packet.cookie).second);
    const auto sa = static_cast<Job*>(packet.cookie)->sa;
    const auto before = last.contains(sa) ? last[sa] : packet.sequence - 1;
    EXPECT_EQ(packet.sequence, before + 1) << "SA " << sa << " out of order";
    last[sa] = packet.sequence;

    const auto esp = test::esp_of(packet, world.outer_v6[sa]);
    const auto opened = test::reference_open(world.references[sa], esp, 0);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->payload, static_cast<Job*>(packet.cookie)->inner);
    const std::uint32_t header = world.outer_v6[sa] ? 40 : 20;
    packet.data += header;
    packet.length -= header;
    packet.in_sa = world.in->inbound(sa);
    packet.traffic_class = 0;
  }

  const auto received = run(
      world, random, std::move(sent),
      [&](std::span<EspPacket> burst) { world.engine->decrypt(burst); },
      [&](std::span<EspPacket> out) { return world.engine->collect_decrypted(out); });
  ASSERT_EQ(received.size(), count);
  last.clear();
  for (const auto& packet : received) {
    ASSERT_EQ(packet.verdict, EspVerdict::Done);
    const auto* job = static_cast<Job*>(packet.cookie);
    EXPECT_EQ(test::bytes_of(packet), job->inner);
    if (last.contains(job->sa)) {
      EXPECT_EQ(packet.sequence, last[job->sa] + 1) << "SA " << job->sa << " out of order";
    }
    last[job->sa] = packet.sequence;
  }
}

TEST(EspBurst, MixedAlgorithmsLoseNothingAndKeepTheOrderOfEachSa) {
  World world;
  std::mt19937 random(11);
  for (int round = 0; round < 4; ++round) {
    expect_round_trip(world, random, 600, 0, kNumEspAlgorithms * World::kCopies);
  }
}

TEST(EspBurst, EachAlgorithmAloneLosesNothing) {
  World world;
  std::mt19937 random(12);
  for (std::uint32_t algorithm = 0; algorithm < kNumEspAlgorithms; ++algorithm) {
    expect_round_trip(world, random, 300, algorithm, 1);
  }
}

// SHA-256 packets fill their lanes while a lone SHA-512 packet waits in front of them, so that the
// queue of the manager runs full.
TEST(EspBurst, ALonePacketInFrontOfAFullQueueIsNotLost) {
  World world;
  std::mt19937 random(13);
  const auto sha256 = static_cast<std::uint32_t>(EspAlgorithm::Aes128CbcSha256);
  const auto sha512 = static_cast<std::uint32_t>(EspAlgorithm::Aes256CbcSha512);
  auto jobs = random_jobs(random, 1, sha512, 1);
  for (auto& job : random_jobs(random, 700, sha256, 1)) jobs.push_back(std::move(job));

  std::size_t finished = 0;
  std::vector<EspPacket> some(64);
  for (std::size_t at = 0; at < jobs.size(); at += EspEngine::kBurst) {
    std::vector<EspPacket> burst;
    for (std::size_t i = at; i < std::min(at + EspEngine::kBurst, jobs.size()); ++i) {
      burst.push_back(outbound(world, *jobs[i]));
    }
    world.engine->encrypt(burst);
    for (const auto& packet : burst) ASSERT_EQ(packet.verdict, EspVerdict::InFlight);
    while (const auto count = world.engine->collect_encrypted(some)) {
      if (finished == 0) {
        EXPECT_EQ(some[0].cookie, jobs[0].get());
      }
      finished += count;
    }
    EXPECT_LT(world.engine->pending(), EspEngine::kMaxPending);
  }
  EXPECT_GT(finished, 0U) << "the full queue made room by finishing the oldest";
  world.engine->flush();
  while (const auto count = world.engine->collect_encrypted(some)) finished += count;
  EXPECT_EQ(finished, jobs.size());
}

TEST(EspBurst, PacketsThatNobodyCollectsAreRefusedBeforeTheyOverwriteOthers) {
  World world;
  std::mt19937 random(14);
  const auto sa = static_cast<std::uint32_t>(EspAlgorithm::Aes128CbcSha256);
  auto jobs = random_jobs(random, EspEngine::kMaxPending + 64, sa, 1);
  std::size_t in_flight = 0;
  std::size_t refused = 0;
  for (auto& job : jobs) {
    auto packet = outbound(world, *job);
    world.engine->encrypt(std::span(&packet, 1));
    world.engine->flush();
    in_flight += packet.verdict == EspVerdict::InFlight ? 1 : 0;
    if (packet.verdict == EspVerdict::CryptoError) {
      ++refused;
      EXPECT_EQ(test::bytes_of(packet), job->inner);
    }
  }
  EXPECT_EQ(in_flight, EspEngine::kMaxPending);
  EXPECT_EQ(refused, 64U);
  EXPECT_EQ(world.engine->pending(), EspEngine::kMaxPending);
  std::vector<EspPacket> all(EspEngine::kMaxPending + 1);
  EXPECT_EQ(world.engine->collect_encrypted(all), EspEngine::kMaxPending);
  for (std::size_t i = 0; i < EspEngine::kMaxPending; ++i) {
    EXPECT_EQ(all[i].cookie, jobs[i].get());
  }
}

TEST(EspBurst, AnEmptyBurstIsNothing) {
  World world;
  world.engine->encrypt({});
  world.engine->decrypt({});
  world.engine->flush();
  EXPECT_EQ(world.engine->pending(), 0U);
  EXPECT_TRUE(world.engine->raises().empty());
}

TEST(EspBurst, RaisesBeyondTheListAreAskedForLater) {
  std::vector<SaParams> params;
  std::vector<SaStart> starts;
  std::vector<std::unique_ptr<IvCounter>> counters;
  constexpr std::size_t kSas = 200;
  for (std::size_t i = 0; i < kSas; ++i) {
    TunnelOptions options;
    options.spi = static_cast<std::uint32_t>(1000 + i);
    options.key_seed = i + 1;
    params.push_back(test::make_params(options, Direction::Outbound));
    counters.push_back(std::make_unique<IvCounter>());
    starts.push_back({1, 100, 1, counters.back().get()});
  }
  const auto store =
      SaStore::create(params, {}, starts, base::NodeId(1), base::BootCount(1)).value();
  const auto engine = EspEngine::create().value();
  const auto inner = test::build({});
  std::set<std::uint32_t> asked;
  for (int round = 0; round < 3; ++round) {
    for (std::uint32_t i = 0; i < kSas; ++i) {
      PacketBuffer buffer(inner);
      EspPacket packet;
      packet.data = buffer.data();
      packet.length = static_cast<std::uint32_t>(buffer.size());
      packet.headroom = PacketBuffer::kHeadroom;
      packet.tailroom = PacketBuffer::kTailroom;
      packet.out_sa = store->outbound(i);
      engine->encrypt(std::span(&packet, 1));
      ASSERT_EQ(packet.verdict, EspVerdict::Done);
    }
    for (const auto& raise : engine->raises()) EXPECT_TRUE(asked.insert(raise.index).second);
    engine->clear_raises();
  }
  EXPECT_EQ(asked.size(), kSas);
}

}  // namespace
}  // namespace phalanx::ipsec
