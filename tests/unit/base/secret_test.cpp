// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/base/secret.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <ostream>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "support/hex.hpp"

namespace {

// What a watched block holds when it is given back.
struct Watch {
  const void* block = nullptr;
  std::size_t size = 0;
  std::string seen;
};
Watch watch;

}  // namespace

// Arrays of this test program come from here, so that a test can look at a block at the moment it
// is freed and not after. Not inlined: g++ 12 takes the inner malloc for the allocation function.
[[gnu::noinline]] void* operator new[](std::size_t size) {
  if (void* block = std::malloc(size == 0 ? 1 : size)) return block;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete[](void* block) noexcept {
  if (block != nullptr && block == watch.block) {
    const std::span bytes(static_cast<const std::byte*>(block), watch.size);
    watch = {nullptr, 0, phalanx::test::to_hex(bytes)};
  }
  std::free(block);
}
[[gnu::noinline]] void operator delete[](void* block, std::size_t) noexcept {
  operator delete[](block);
}

namespace phalanx::base {
namespace {

TEST(Secret, KeepsItsBytes) {
  const Secret key(test::unhex("00112233"));
  EXPECT_EQ(test::to_hex(key.bytes()), "00112233");
  EXPECT_EQ(key.size(), 4U);
  EXPECT_FALSE(key.empty());
}

void watch_block_of(const Secret& secret) {
  watch = {secret.bytes().data(), secret.size(), ""};
}

TEST(Secret, IsWipedBeforeItsMemoryIsGivenBack) {
  {
    const Secret key(test::unhex("00112233445566778899"));
    watch_block_of(key);
  }
  EXPECT_EQ(watch.seen, "00000000000000000000");

  Secret replaced(test::unhex("aabbccdd"));
  watch_block_of(replaced);
  replaced = Secret(test::unhex("ee"));
  EXPECT_EQ(watch.seen, "00000000");
}

TEST(Secret, MayBeEmpty) {
  const Secret none;
  EXPECT_TRUE(none.empty());
  EXPECT_TRUE(none.bytes().empty());
  EXPECT_TRUE(Secret(std::span<const std::byte>{}).empty());
  EXPECT_TRUE(none.clone().empty());
}

TEST(Secret, LeavesNothingBehindWhenMoved) {
  Secret from(test::unhex("aabb"));
  Secret to(std::move(from));
  EXPECT_EQ(test::to_hex(to.bytes()), "aabb");
  EXPECT_TRUE(from.empty());
  EXPECT_EQ(from.bytes().data(), nullptr);
  Secret assigned(test::unhex("cc"));
  assigned = std::move(to);
  EXPECT_EQ(test::to_hex(assigned.bytes()), "aabb");
  EXPECT_TRUE(to.empty());
}

TEST(Secret, SurvivesMovingToItself) {
  Secret key(test::unhex("aabb"));
  auto& same = key;
  key = std::move(same);
  EXPECT_EQ(test::to_hex(key.bytes()), "aabb");
}

TEST(Secret, ClonesIntoMemoryOfItsOwn) {
  const Secret key(test::unhex("aabb"));
  const auto copy = key.clone();
  EXPECT_EQ(test::to_hex(copy.bytes()), "aabb");
  EXPECT_NE(copy.bytes().data(), key.bytes().data());
}

template <typename T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};

TEST(Secret, IsNeitherCopiedNorPrinted) {
  static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
  static_assert(!Printable<Secret>);
}

TEST(Wipe, OverwritesExactlyTheGivenBytes) {
  std::array<std::byte, 8> memory{};
  std::fill(memory.begin(), memory.end(), std::byte{0x5a});
  wipe(memory.data() + 2, 4);
  EXPECT_EQ(test::to_hex(memory), "5a5a000000005a5a");
}

}  // namespace
}  // namespace phalanx::base
