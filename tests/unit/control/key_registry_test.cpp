// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/key_registry.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace phalanx::control {
namespace {

std::vector<std::byte> key_of(std::size_t length, unsigned fill) {
  return std::vector<std::byte>(length, static_cast<std::byte>(fill));
}

ipsec::SaParams sa(ipsec::EspAlgorithm algorithm, std::vector<std::byte> key, std::string name) {
  ipsec::SaParams params;
  params.algorithm = algorithm;
  params.key = base::Secret(key);
  params.name = std::move(name);
  return params;
}

class KeyRegistryTest : public testing::Test {
 protected:
  std::unique_ptr<KeyRegistry> registry_ = KeyRegistry::create();
};

TEST_F(KeyRegistryTest, CountsEachKeyByItself) {
  auto first = registry_->acquire(key_of(16, 1), "a");
  auto second = registry_->acquire(key_of(16, 2), "b");
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_NE(first->counter(), second->counter());
  EXPECT_EQ(first->counter()->take_block(), 0U);
  EXPECT_EQ(first->counter()->take_block(), ipsec::kIvBlock);
  EXPECT_EQ(second->counter()->take_block(), 0U);
}

TEST_F(KeyRegistryTest, RefusesAKeyThatIsInUseAndNamesItsHolder) {
  auto first = registry_->acquire(key_of(16, 1), "to-berlin");
  const auto again = registry_->acquire(key_of(16, 1), "from-berlin");
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().holder, "to-berlin");
}

TEST_F(KeyRegistryTest, GoesOnCountingWhenAnSaIsDeletedAndComesBack) {
  const ipsec::IvCounter* counter = nullptr;
  for (std::uint64_t i = 0; i < 5; ++i) {
    auto use = registry_->acquire(key_of(16, 1), "a");
    ASSERT_TRUE(use.ok());
    EXPECT_TRUE(counter == nullptr || counter == use->counter());
    counter = use->counter();
    EXPECT_EQ(use->counter()->take_block(), i * ipsec::kIvBlock);
  }
  EXPECT_EQ(registry_->size(), 1U);
}

TEST_F(KeyRegistryTest, AnotherSaltIsTheSameKey) {
  auto key = key_of(20, 1);
  const auto first = registry_->acquire(sa(ipsec::EspAlgorithm::Aes128Gcm16, key, "a"));
  ASSERT_TRUE(first.ok());
  key[19] ^= std::byte{1};
  const auto salted = registry_->acquire(sa(ipsec::EspAlgorithm::Aes128Gcm16, key, "b"));
  ASSERT_FALSE(salted.ok());
  EXPECT_EQ(salted.error().holder, "a");
  // Nor does another mode of the same cipher help.
  key.resize(16);
  EXPECT_FALSE(registry_->acquire(sa(ipsec::EspAlgorithm::Aes128CbcSha256, key, "c")).ok());
  key[15] ^= std::byte{1};
  EXPECT_TRUE(registry_->acquire(sa(ipsec::EspAlgorithm::Aes128CbcSha256, key, "d")).ok());
}

TEST_F(KeyRegistryTest, AKeyAndItsBeginningAreTwoKeys) {
  const auto longer = registry_->acquire(key_of(32, 1), "a");
  EXPECT_TRUE(registry_->acquire(key_of(16, 1), "b").ok());
}

TEST_F(KeyRegistryTest, AKeyMovesWithItsUse) {
  KeyRegistry::Use kept;
  EXPECT_EQ(kept.counter(), nullptr);
  {
    auto use = registry_->acquire(key_of(16, 1), "a");
    ASSERT_TRUE(use.ok());
    kept = std::move(*use);
  }
  EXPECT_FALSE(registry_->acquire(key_of(16, 1), "b").ok());
  kept = KeyRegistry::Use();
  EXPECT_TRUE(registry_->acquire(key_of(16, 1), "b").ok());
}

TEST(KeyRegistry, IsNotMadeWithoutRandomBytes) {
  EXPECT_EQ(KeyRegistry::create([](std::span<std::byte>) { return false; }), nullptr);
}

// P1: whatever SAs come and go, no (key, IV) is handed out twice; both workers of the test take
// blocks as the engine does.
TEST(KeyRegistryProperty, NoBlockOfAKeyIsHandedOutTwice) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    const auto registry = KeyRegistry::create();
    ASSERT_NE(registry, nullptr);
    std::map<unsigned, std::set<std::uint64_t>> blocks;
    std::map<unsigned, KeyRegistry::Use> live;
    for (int i = 0; i < 500; ++i) {
      const auto key = static_cast<unsigned>(random() % 5);
      const auto found = live.find(key);
      switch (random() % 3) {
        case 0: {
          auto use = registry->acquire(key_of(16, key), "sa");
          ASSERT_EQ(use.ok(), found == live.end());
          if (use) live.emplace(key, std::move(*use));
          break;
        }
        case 1:
          if (found != live.end() && random() % 3 == 0) live.erase(found);
          break;
        default:
          if (found == live.end()) break;
          ASSERT_TRUE(blocks[key].insert(found->second.counter()->take_block()).second);
          break;
      }
    }
  }
}

}  // namespace
}  // namespace phalanx::control
