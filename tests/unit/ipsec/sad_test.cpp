// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/ipsec/sad.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "support/esp_tunnel.hpp"

namespace phalanx::ipsec {
namespace {

// A store of inbound SAs with the given SPIs.
struct Fixture {
  explicit Fixture(const std::vector<std::uint32_t>& spis) {
    std::vector<SaParams> params;
    for (std::size_t i = 0; i < spis.size(); ++i) {
      test::TunnelOptions options;
      options.algorithm = EspAlgorithm::ChaCha20Poly1305;  // the smallest key block
      options.spi = spis[i];
      options.key_seed = i + 1;
      params.push_back(test::make_params(options, Direction::Inbound));
    }
    const std::vector<SaStart> starts(spis.size());
    auto made = SaStore::create(params, {}, starts, base::NodeId(1), base::BootCount(1));
    EXPECT_TRUE(made.ok());
    store = std::move(made).value();
  }
  std::unique_ptr<SaStore> store;
};

std::vector<std::uint32_t> spis_of(const char* kind, std::size_t count) {
  std::vector<std::uint32_t> spis;
  std::mt19937 random(7);
  std::set<std::uint32_t> used;
  while (spis.size() < count) {
    const auto i = static_cast<std::uint32_t>(spis.size());
    std::uint32_t spi = 0;
    switch (*kind) {
      case 'r': spi = static_cast<std::uint32_t>(random()); break;
      case 'c': spi = 256 + i; break;               // consecutive
      case 'p': spi = (i + 1) << 16; break;         // low bits all alike
      default: spi = 0xffffffff - i * 4096; break;  // strides
    }
    if (spi >= base::kMinSpi && used.insert(spi).second) spis.push_back(spi);
  }
  return spis;
}

TEST(Sad, FindsEachSaAndNothingElse) {
  for (const char* kind : {"random", "consecutive", "power", "stride"}) {
    for (const std::size_t count : {1U, 2U, 31U, 1000U}) {
      const auto spis = spis_of(kind, count);
      Fixture fixture(spis);
      const auto sad = Sad::create(fixture.store->inbound());
      ASSERT_TRUE(sad);
      EXPECT_EQ(sad->size(), count);
      for (std::uint32_t i = 0; i < count; ++i) {
        ASSERT_EQ(sad->lookup(spis[i]), fixture.store->inbound(i)) << kind << " " << i;
      }
      const std::set<std::uint32_t> known(spis.begin(), spis.end());
      std::mt19937 random(8);
      for (int i = 0; i < 10000; ++i) {
        const auto spi = static_cast<std::uint32_t>(random());
        if (!known.contains(spi)) {
          ASSERT_EQ(sad->lookup(spi), nullptr);
        }
      }
      EXPECT_EQ(sad->lookup(0), nullptr);
    }
  }
}

TEST(Sad, BulkLookupEqualsSingleLookups) {
  const auto spis = spis_of("random", 500);
  Fixture fixture(spis);
  const auto sad = Sad::create(fixture.store->inbound());
  ASSERT_TRUE(sad);
  std::mt19937 random(9);
  for (std::size_t n = 0; n <= Sad::kBurst; ++n) {
    std::vector<std::uint32_t> wanted(n);
    for (auto& spi : wanted) {
      spi = random() % 2 == 0 ? spis[random() % spis.size()] : static_cast<std::uint32_t>(random());
    }
    std::vector<InboundSa*> found(n);
    sad->lookup_bulk(wanted.data(), n, found.data());
    for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(found[i], sad->lookup(wanted[i]));
  }
}

TEST(Sad, AnEmptyTableFindsNothing) {
  const auto sad = Sad::create({});
  ASSERT_TRUE(sad);
  EXPECT_EQ(sad->lookup(256), nullptr);
}

TEST(Sad, RefusesOneSpiTwice) {
  Fixture fixture({300, 301, 300});
  EXPECT_FALSE(Sad::create(fixture.store->inbound()));
}

}  // namespace
}  // namespace phalanx::ipsec
