// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "phalanx/net/bucket_hash.hpp"
#include "support/esp_tunnel.hpp"

namespace phalanx::ipsec {
namespace {

using test::PacketBuffer;
using test::TunnelOptions;

TunnelOptions packet_mode(EspAlgorithm algorithm = EspAlgorithm::Aes128Gcm16, bool esn = false) {
  TunnelOptions options;
  options.algorithm = algorithm;
  options.esn = esn;
  options.mode = SaMode::Packet;
  options.stripe_shift = 2;
  return options;
}

// A tunnel whose two ends have two workers each.
struct World {
  explicit World(const TunnelOptions& tunnel_options = packet_mode())
      : options(tunnel_options), tunnel(tunnel_options) {
    for (std::uint8_t worker = 0; worker < 2; ++worker) {
      auto made = EspEngine::create(Isa::Best, base::WorkerIndex(worker));
      if (!made) std::abort();
      engines.push_back(std::move(*made));
    }
  }
  std::uint8_t bucket_of(std::uint64_t number) const {
    const auto stripe = static_cast<std::uint32_t>(number) >> options.stripe_shift;
    return hash.esp_packet(base::Spi(options.spi), stripe).value();
  }
  // One packet, numbered by the owner and encrypted by `worker`.
  EspPacket encrypt(PacketBuffer& buffer, std::size_t worker) {
    auto packet = tunnel.outbound_packet(buffer);
    if (engines[0]->number({&packet, 1}) == 0) return packet;
    engines[worker]->encrypt_shared(std::span(&packet, 1));
    return packet;
  }
  EspVerdict receive(std::uint64_t number, std::size_t worker) {
    PacketBuffer buffer(test::reference_seal(tunnel.reference(), number,
                                             test::some_iv(options.algorithm, number),
                                             test::pad(tunnel.reference(), test::build({}), 4)));
    auto packet = tunnel.inbound_packet(buffer);
    packet.bucket = bucket_of(number);
    engines[worker]->decrypt_shared(std::span(&packet, 1));
    return packet.verdict;
  }

  TunnelOptions options;
  test::Tunnel tunnel;
  std::vector<std::unique_ptr<EspEngine>> engines;
  net::BucketHash hash{net::BucketHash::Key{9, 8, 7}};
};

class PacketModeAlgorithms : public testing::TestWithParam<EspAlgorithm> {};

TEST_P(PacketModeAlgorithms, WhatTwoWorkersSendThePeerOpensUnderTheOwnersNumbers) {
  for (const bool esn : {false, true}) {
    World world(packet_mode(GetParam(), esn));
    const auto inner = test::build({});
    std::set<std::string> ivs;
    for (std::uint64_t number = 1; number <= 20; ++number) {
      PacketBuffer buffer(inner);
      const auto packet = world.encrypt(buffer, number % 2);
      ASSERT_EQ(packet.verdict, EspVerdict::Done);
      EXPECT_EQ(packet.sequence, number);
      const auto opened =
          test::reference_open(world.tunnel.reference(), test::esp_of(packet, false), 0);
      ASSERT_TRUE(opened.has_value());
      EXPECT_EQ(opened->sequence_low, number);
      EXPECT_EQ(opened->payload, inner);
      EXPECT_TRUE(ivs.emplace(opened->iv.begin(), opened->iv.end()).second) << "an IV came twice";
    }
    EXPECT_EQ(world.tunnel.out().next_sequence(), 21U);
    EXPECT_EQ(world.tunnel.out().packets(), 20U);
    EXPECT_EQ(world.tunnel.out().bytes(), 20 * inner.size());
  }
}

TEST_P(PacketModeAlgorithms, EachNumberIsAcceptedOnceWhicheverWorkerOwnsItsBucket) {
  World world(packet_mode(GetParam()));
  for (std::uint64_t number = 1; number <= 40; ++number) {
    EXPECT_EQ(world.receive(number, number % 2), EspVerdict::Done);
    // The bucket has moved meanwhile: its context knows.
    EXPECT_EQ(world.receive(number, (number + 1) % 2), EspVerdict::ReplayDuplicate);
  }
  EXPECT_EQ(world.tunnel.in().packets(), 40U);
  EXPECT_EQ(world.tunnel.in().top_sequence(), 40U);
  EXPECT_EQ(world.tunnel.in().errors(EspVerdict::ReplayDuplicate), 40U);
}

// A burst in which the manager keeps some packets and finishes others at once stays as it was.
TEST_P(PacketModeAlgorithms, ABurstKeepsItsOrder) {
  World world(packet_mode(GetParam()));
  std::vector<PacketBuffer> buffers;
  std::vector<EspPacket> packets;
  for (std::uint64_t number = 1; number <= EspEngine::kBurst; ++number) {
    const auto sent = number % 5 == 0 ? number - 1 : number;  // some come twice
    buffers.emplace_back(test::reference_seal(
        world.tunnel.reference(), sent, test::some_iv(world.options.algorithm, number),
        test::pad(world.tunnel.reference(), test::build({}), 4)));
  }
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    packets.push_back(world.tunnel.inbound_packet(buffers[i]));
    packets.back().tag = static_cast<std::uint32_t>(i);
    const auto number = i + 1;
    packets.back().bucket = world.bucket_of(number % 5 == 0 ? number - 1 : number);
  }
  world.engines[0]->decrypt_shared(packets);
  EXPECT_EQ(world.engines[0]->pending(), 0U);
  for (std::size_t i = 0; i < packets.size(); ++i) {
    EXPECT_EQ(packets[i].tag, i);
    EXPECT_EQ(packets[i].verdict,
              (i + 1) % 5 == 0 ? EspVerdict::ReplayDuplicate : EspVerdict::Done);
  }
}

INSTANTIATE_TEST_SUITE_P(All, PacketModeAlgorithms,
                         testing::Values(EspAlgorithm::Aes128Gcm16, EspAlgorithm::Aes256Gcm16,
                                         EspAlgorithm::ChaCha20Poly1305,
                                         EspAlgorithm::Aes128CbcSha256));

TEST(PacketMode, NoNumberIsGivenOutBeyondTheLease) {
  auto options = packet_mode();
  options.lease_limit = 5;
  options.raise_at = 3;
  World world(options);
  for (std::uint64_t number = 1; number <= 5; ++number) {
    PacketBuffer buffer(test::build({}));
    EXPECT_EQ(world.encrypt(buffer, 1).verdict, EspVerdict::Done);
  }
  PacketBuffer buffer(test::build({}));
  EXPECT_EQ(world.encrypt(buffer, 1).verdict, EspVerdict::Held);
  EXPECT_EQ(world.tunnel.out().next_sequence(), 6U);
  ASSERT_EQ(world.engines[0]->raises().size(), 1U);
  EXPECT_EQ(world.engines[0]->raises()[0].out_sa, &world.tunnel.out());
  world.tunnel.out().gate().publish(100, 50);
  EXPECT_EQ(world.encrypt(buffer, 1).verdict, EspVerdict::Done);
}

TEST(PacketMode, EachWorkerAsksOnceForAHigherInboundLease) {
  auto options = packet_mode();
  options.lease_limit = 8;
  options.raise_at = 4;
  World world(options);
  for (std::uint64_t number = 1; number <= 8; ++number) {
    EXPECT_EQ(world.receive(number, number % 2), EspVerdict::Done);
  }
  EXPECT_EQ(world.receive(9, 0), EspVerdict::Held);
  EXPECT_EQ(world.receive(9, 1), EspVerdict::ReplayDuplicate);
  EXPECT_EQ(world.engines[0]->raises().size(), 1U);
  EXPECT_EQ(world.engines[1]->raises().size(), 1U);
}

TEST(PacketMode, HighHalvesAreGuessedAlikeByAllWorkers) {
  auto options = packet_mode(EspAlgorithm::Aes128Gcm16, true);
  constexpr std::uint64_t kStart = (std::uint64_t{5} << 32) - 40;
  options.floor = kStart;
  World world(options);
  // Over the turn of the low half, by one worker after the other; late ones from before it last.
  for (std::uint64_t number = kStart + 8; number < kStart + 120; ++number) {
    EXPECT_EQ(world.receive(number, number % 2), EspVerdict::Done) << number;
  }
  for (std::uint64_t number = kStart + 32; number < kStart + 40; ++number) {
    EXPECT_EQ(world.receive(number, number % 2), EspVerdict::ReplayDuplicate) << number;
  }
  EXPECT_EQ(world.receive(kStart - 1, 0), EspVerdict::ReplayTooOld);
  EXPECT_EQ(world.receive(kStart, 1), EspVerdict::Done);
}

TEST(PacketMode, TheEndOfTheNumbersEndsTheSa) {
  auto options = packet_mode();
  options.first_outbound = 0xffffffff;
  World world(options);
  PacketBuffer buffer(test::build({}));
  EXPECT_EQ(world.encrypt(buffer, 1).verdict, EspVerdict::Done);
  EXPECT_EQ(world.encrypt(buffer, 1).verdict, EspVerdict::SequenceExhausted);
}

TEST(PacketMode, WhatCannotWorkIsRefusedWhenTheSaIsMade) {
  struct Case {
    const char* description;
    Direction direction;
    std::uint8_t shift;
    std::uint32_t window;
    std::optional<SaStoreError> error;
  };
  const Case cases[] = {
      {"shift 0", Direction::Inbound, 0, 64, SaStoreError::BadStripe},
      {"shift 7", Direction::Outbound, 7, 64, SaStoreError::BadStripe},
      {"window of 129 stripes", Direction::Inbound, 3, 129 * 8, SaStoreError::BadStripe},
      {"window of 128 stripes", Direction::Inbound, 3, 128 * 8, std::nullopt},
      {"an outbound SA has no window", Direction::Outbound, 3, 65536, std::nullopt},
  };
  for (const auto& row : cases) {
    SCOPED_TRACE(row.description);
    auto options = packet_mode();
    options.stripe_shift = row.shift;
    options.window = row.window;
    std::vector<SaParams> params;
    params.push_back(test::make_params(options, row.direction));
    IvCounter ivs;
    const std::array<SaStart, 1> starts = {SaStart{1, 10, 5, &ivs}};
    const auto made =
        SaStore::create(params, {}, starts, base::NodeId(1), base::BootCount(1), Isa::Best);
    ASSERT_EQ(made.ok(), !row.error.has_value());
    if (!made) {
      EXPECT_EQ(made.error().error, *row.error);
    }
  }
}

}  // namespace
}  // namespace phalanx::ipsec
