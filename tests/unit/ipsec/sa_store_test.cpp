// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/ipsec/sa_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "support/esp_tunnel.hpp"

namespace phalanx::ipsec {
namespace {

using test::PacketBuffer;
using test::TunnelOptions;
using testing::MatchesRegex;

// Out, in, out, in ... under different keys.
struct Input {
  std::vector<SaParams> params;
  std::vector<Policy> policies;
  std::vector<SaStart> starts;
  IvCounter counter;

  explicit Input(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      TunnelOptions options;
      options.algorithm = static_cast<EspAlgorithm>(i % kNumEspAlgorithms);
      options.spi = static_cast<std::uint32_t>(1000 + i);
      options.key_seed = i + 1;
      options.window = i % 4 == 1 ? 64 : 2000;
      const auto direction = i % 2 == 0 ? Direction::Outbound : Direction::Inbound;
      params.push_back(test::make_params(options, direction));
      starts.push_back({100 + i, 5000 + i, 4000 + i, &counter});
    }
  }
  auto create(Isa isa = Isa::Best) const {
    return SaStore::create(params, policies, starts, base::NodeId(9), base::BootCount(2), isa);
  }
};

TEST(SaStore, PositionsAreThoseOfTheList) {
  Input input(40);
  auto made = input.create();
  ASSERT_TRUE(made.ok());
  const auto store = std::move(made).value();
  EXPECT_EQ(store->size(), 40U);
  EXPECT_EQ(store->inbound().size(), 20U);
  EXPECT_EQ(store->outbound().size(), 20U);
  for (std::uint32_t i = 0; i < 40; ++i) {
    const auto& params = input.params[i];
    if (i % 2 == 0) {
      ASSERT_EQ(store->inbound(i), nullptr);
      const auto* sa = store->outbound(i);
      ASSERT_NE(sa, nullptr);
      EXPECT_EQ(sa, &store->outbound()[i / 2]);
      EXPECT_EQ(sa->index(), i);
      EXPECT_EQ(sa->spi(), params.spi);
      EXPECT_EQ(sa->uid(), params.uid);
      EXPECT_EQ(sa->algorithm(), params.algorithm);
      EXPECT_EQ(sa->next_sequence(), 100 + i);
      EXPECT_EQ(sa->gate().limit(), 5000 + i);
      EXPECT_EQ(sa->outer_mtu(), 65535);
    } else {
      ASSERT_EQ(store->outbound(i), nullptr);
      const auto* sa = store->inbound(i);
      ASSERT_NE(sa, nullptr);
      EXPECT_EQ(sa, &store->inbound()[i / 2]);
      EXPECT_EQ(sa->index(), i);
      EXPECT_EQ(sa->spi(), params.spi);
      EXPECT_EQ(sa->floor(), 100 + i);
      EXPECT_EQ(sa->top_sequence(), 99 + i);
      EXPECT_EQ(sa->window_size(), params.replay_window);
      EXPECT_EQ(sa->gate().limit(), 5000 + i);
    }
  }
  EXPECT_EQ(store->inbound(40), nullptr);
  EXPECT_EQ(store->outbound(40), nullptr);
}

TEST(SaStore, AnEmptyListIsFine) {
  const Input input(0);
  auto made = input.create();
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made.value()->size(), 0U);
}

TEST(SaStore, TheDataPathsFieldsStayWhatItSets) {
  Input input(2);
  auto made = input.create();
  ASSERT_TRUE(made.ok());
  auto& out = *made.value()->outbound(0);
  out.set_tx_hint(0xdeadbeef);
  out.set_bucket(base::BucketIndex(201));
  out.set_outer_mtu(1400);
  EXPECT_EQ(out.tx_hint(), 0xdeadbeef);
  EXPECT_EQ(out.bucket(), base::BucketIndex(201));
  EXPECT_EQ(out.outer_mtu(), 1400);
  auto& in = *made.value()->inbound(1);
  in.set_bucket(base::BucketIndex(255));
  EXPECT_EQ(in.bucket(), base::BucketIndex(255));
}

TEST(SaStore, RefusesWhatCannotWorkAndSaysWhere) {
  const auto secret = [](std::size_t length) {
    return base::Secret(std::vector<std::byte>(length, std::byte{0x77}));
  };
  struct Case {
    const char* what;
    std::function<void(Input&)> spoil;
    SaStoreError error;
    std::size_t position;
  };
  const std::vector<Case> cases = {
      {"a start too few", [](Input& i) { i.starts.pop_back(); }, SaStoreError::SizeMismatch, 0},
      {"short key", [&](Input& i) { i.params[3].key = secret(35); }, SaStoreError::BadKeyLength, 3},
      {"long key", [&](Input& i) { i.params[0].key = secret(21); }, SaStoreError::BadKeyLength, 0},
      {"no authentication key", [&](Input& i) { i.params[4].auth_key = secret(0); },
       SaStoreError::BadKeyLength, 4},
      {"authentication key with GCM", [&](Input& i) { i.params[1].auth_key = secret(32); },
       SaStoreError::BadKeyLength, 1},
      {"two families", [](Input& i) { i.params[2].remote = *net::parse_ip("2001:db8::1"); },
       SaStoreError::BadAddress, 2},
      {"window too small", [](Input& i) { i.params[1].replay_window = 31; },
       SaStoreError::BadWindow, 1},
      {"window too large", [](Input& i) { i.params[1].replay_window = 65537; },
       SaStoreError::BadWindow, 1},
      {"number 0", [](Input& i) { i.starts[0].first = 0; }, SaStoreError::BadStart, 0},
      {"number 0 inbound", [](Input& i) { i.starts[1].first = 0; }, SaStoreError::BadStart, 1},
      {"64-bit number without ESN",
       [](Input& i) { i.starts[1].first = (std::uint64_t{1} << 32) + 1; }, SaStoreError::BadStart,
       1},
      {"no IV counter", [](Input& i) { i.starts[2].iv_counter = nullptr; },
       SaStoreError::MissingIvCounter, 2},
      {"one key in both directions",
       [](Input& i) {
         i.params[1].algorithm = i.params[0].algorithm;
         i.params[1].key = i.params[0].key.clone();
       },
       SaStoreError::KeyReused, 1},
      {"one key under another salt",
       [](Input& i) {
         std::vector<std::byte> key(i.params[0].key.bytes().begin(), i.params[0].key.bytes().end());
         key.back() ^= std::byte{1};
         i.params[1].algorithm = i.params[0].algorithm;
         i.params[1].key = base::Secret(key);
       },
       SaStoreError::KeyReused, 1},
      {"policy names an outbound SA for inbound",
       [](Input& i) {
         i.policies.push_back(test::any_policy(net::Family::V4, {1}));
         i.policies.push_back(test::any_policy(net::Family::V4, {1, 2}));
       },
       SaStoreError::BadPolicy, 1},
      {"policy names an SA that is not there",
       [](Input& i) { i.policies.push_back(test::any_policy(net::Family::V4, {6})); },
       SaStoreError::BadPolicy, 0},
      {"too many policies for one SA",
       [](Input& i) {
         for (std::size_t n = 0; n <= kMaxSelectorsPerSa; ++n) {
           i.policies.push_back(test::any_policy(net::Family::V4, {1}));
         }
       },
       SaStoreError::BadPolicy, kMaxSelectorsPerSa},
  };
  for (const auto& test_case : cases) {
    Input input(6);
    ASSERT_TRUE(input.create().ok());
    test_case.spoil(input);
    const auto made = input.create();
    ASSERT_FALSE(made.ok()) << test_case.what;
    EXPECT_EQ(made.error().error, test_case.error) << test_case.what;
    EXPECT_EQ(made.error().position, test_case.position) << test_case.what;
    // Said in words: for people who read the daemon's log.
    EXPECT_THAT(to_string(made.error().error), MatchesRegex("[a-z][a-zA-Z0-9 ,.]{15,}"));
  }
}

// Expanded keys differ by path; what one path seals every other one opens.
TEST(SaStore, EachPathOfTheLibraryUnderstandsTheOthers) {
  for (std::size_t algorithm = 0; algorithm < kNumEspAlgorithms; ++algorithm) {
    for (const auto isa : {Isa::Sse, Isa::Avx, Isa::Avx2, Isa::Avx512, Isa::Best}) {
      if (!isa_supported(isa)) continue;
      TunnelOptions options;
      options.algorithm = static_cast<EspAlgorithm>(algorithm);
      options.isa = isa;
      test::Tunnel tunnel(options);
      for (const std::size_t payload : {0U, 5U, 64U, 250U, 700U, 1400U}) {
        const auto inner = test::build({.payload_bytes = payload});
        PacketBuffer buffer(inner);
        const auto packet = tunnel.encrypt(buffer);
        ASSERT_EQ(packet.verdict, EspVerdict::Done);
        const auto opened =
            test::reference_open(tunnel.reference(), test::esp_of(packet, false), 0);
        ASSERT_TRUE(opened) << isa_name(isa) << " " << algorithm << " payload " << payload;
        EXPECT_EQ(opened->payload, inner);
        EXPECT_EQ(tunnel.receive(packet.sequence, inner), EspVerdict::Done) << isa_name(isa);
      }
    }
  }
}

}  // namespace
}  // namespace phalanx::ipsec
