// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/base/endian.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include "phalanx/base/bytes.hpp"
#include "support/exact_buffer.hpp"
#include "support/hex.hpp"

namespace phalanx::base {
namespace {

template <typename Wire>
std::string stored(Wire value) {
  return test::to_hex(std::bit_cast<std::array<std::byte, sizeof(Wire)>>(value));
}

TEST(BigEndian, StoresTheHighestByteFirst) {
  EXPECT_EQ(stored(be16(0x0102)), "0102");
  EXPECT_EQ(stored(be32(0x01020304)), "01020304");
  EXPECT_EQ(stored(be64(0x0102030405060708)), "0102030405060708");
  EXPECT_EQ(stored(be32()), "00000000");
}

TEST(BigEndian, GivesBackTheHostValue) {
  static_assert(be16(0xfffe).host() == 0xfffe);
  EXPECT_EQ(be32(0x80000001).host(), 0x80000001U);
  EXPECT_EQ(be64(0xfedcba9876543210).host(), 0xfedcba9876543210U);
  EXPECT_EQ(be16(7), be16(7));
  EXPECT_NE(be16(0x0700), be16(0x0007));
}

TEST(BigEndian, ConvertsOnlyExplicitly) {
  static_assert(!std::is_convertible_v<std::uint16_t, be16>);
  static_assert(!std::is_convertible_v<be16, std::uint16_t>);
  static_assert(!std::is_convertible_v<be32, bool>);
  static_assert(!std::is_constructible_v<std::uint32_t, be32>);
}

struct Wire {
  be16 first;
  be32 second;
};

TEST(ViewAs, GivesAStructOnlyWhereItIsWhole) {
  const test::ExactBuffer bytes(test::unhex("00 0001 02030405"));
  ASSERT_NE(view_as<Wire>(bytes.bytes()), nullptr);
  ASSERT_NE(view_as<Wire>(bytes.bytes(), 1), nullptr);
  EXPECT_EQ(view_as<Wire>(bytes.bytes(), 1)->first.host(), 1);
  EXPECT_EQ(view_as<Wire>(bytes.bytes(), 1)->second.host(), 0x02030405U);
  for (const std::size_t offset : {std::size_t{2}, std::size_t{7}, std::size_t{8}, SIZE_MAX}) {
    EXPECT_EQ(view_as<Wire>(bytes.bytes(), offset), nullptr) << offset;
  }
  EXPECT_EQ(view_as<Wire>(std::span<const std::byte>()), nullptr);
}

TEST(ViewAs, WritesThroughAMutableView) {
  test::ExactBuffer bytes(test::unhex("0000 00000000"));
  view_as<Wire>(bytes.writable())->second = be32(0xa1b2c3d4);
  EXPECT_EQ(test::to_hex(bytes.bytes()), "0000a1b2c3d4");
}

}  // namespace
}  // namespace phalanx::base
