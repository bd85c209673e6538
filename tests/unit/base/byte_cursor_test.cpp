// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "phalanx/base/byte_reader.hpp"
#include "phalanx/base/byte_writer.hpp"
#include "support/exact_buffer.hpp"
#include "support/hex.hpp"

namespace phalanx::base {
namespace {

TEST(ByteReader, ReadsNetworkOrder) {
  const auto bytes = test::unhex("01 0203 04050607 08090a0b0c0d0e0f aabb");
  ByteReader reader(bytes);
  EXPECT_EQ(reader.u8(), 0x01);
  EXPECT_EQ(reader.u16(), 0x0203);
  EXPECT_EQ(reader.u32(), 0x04050607U);
  EXPECT_EQ(reader.u64(), 0x08090a0b0c0d0e0fU);
  EXPECT_EQ(reader.remaining(), 2U);
  EXPECT_EQ(test::to_hex(reader.bytes(2)), "aabb");
  EXPECT_EQ(reader.remaining(), 0U);
  EXPECT_TRUE(reader.ok());
}

TEST(ByteReader, TakesNothingFromNothing) {
  ByteReader reader(std::span<const std::byte>{});
  EXPECT_TRUE(reader.bytes(0).empty());
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.u8(), 0);
  EXPECT_FALSE(reader.ok());
}

// A record of 1 + 2 + 4 + 8 + 3 bytes, cut at each byte.
TEST(ByteReader, NeverReadsPastTheEnd) {
  const auto whole = test::unhex("11 2222 33333333 4444444444444444 555555");
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    const test::ExactBuffer cut{std::span(whole).first(length)};
    ByteReader reader(cut.bytes());
    EXPECT_EQ(reader.u8(), length >= 1 ? 0x11 : 0) << length;
    EXPECT_EQ(reader.u16(), length >= 3 ? 0x2222 : 0) << length;
    EXPECT_EQ(reader.u32(), length >= 7 ? 0x33333333U : 0U) << length;
    EXPECT_EQ(reader.u64(), length >= 15 ? 0x4444444444444444U : 0U) << length;
    EXPECT_EQ(reader.bytes(3).size(), length >= 18 ? 3U : 0U) << length;
    EXPECT_EQ(reader.ok(), length == whole.size()) << length;
  }
}

TEST(ByteReader, StaysFailedAfterAShortRead) {
  const auto bytes = test::unhex("010203");
  ByteReader reader(bytes);
  EXPECT_EQ(reader.u32(), 0U);
  EXPECT_EQ(reader.u8(), 0);  // would fit, but comes after the failure
  EXPECT_TRUE(reader.bytes(1).empty());
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, RefusesALengthThatWouldWrap) {
  const auto bytes = test::unhex("0102");
  ByteReader reader(bytes);
  EXPECT_EQ(reader.u8(), 1);
  EXPECT_TRUE(reader.bytes(SIZE_MAX).empty());
  EXPECT_FALSE(reader.ok());
}

TEST(ByteWriter, WritesNetworkOrder) {
  std::array<std::byte, 17> buffer{};
  ByteWriter writer(buffer);
  writer.u8(0x01);
  writer.u16(0x0203);
  writer.u32(0x04050607);
  writer.u64(0x08090a0b0c0d0e0f);
  writer.bytes(test::unhex("aabb"));
  EXPECT_TRUE(writer.ok());
  EXPECT_EQ(test::to_hex(writer.written()), "0102030405060708090a0b0c0d0e0faabb");
  EXPECT_EQ(writer.size(), buffer.size());
}

TEST(ByteWriter, RefusesWholeWhatDoesNotFit) {
  test::ExactBuffer buffer(test::unhex("eeeeee"));
  ByteWriter writer(buffer.writable());
  writer.u16(0x0102);
  writer.u32(0x03040506);
  EXPECT_FALSE(writer.ok());
  writer.u8(0x07);  // would fit, but comes after the failure
  EXPECT_EQ(writer.size(), 2U);
  EXPECT_EQ(test::to_hex(writer.written()), "0102");
  EXPECT_EQ(test::to_hex(buffer.bytes()), "0102ee");
}

TEST(ByteWriter, WritesNothingIntoNothing) {
  ByteWriter writer(std::span<std::byte>{});
  writer.bytes({});
  EXPECT_TRUE(writer.ok());
  writer.u8(1);
  EXPECT_FALSE(writer.ok());
}

TEST(ByteCursors, RoundTrip) {
  std::array<std::byte, 15> buffer{};
  ByteWriter writer(buffer);
  writer.u64(0xffeeddccbbaa9988);
  writer.u32(0);
  writer.u16(0xffff);
  writer.u8(0x80);
  ByteReader reader(writer.written());
  EXPECT_EQ(reader.u64(), 0xffeeddccbbaa9988U);
  EXPECT_EQ(reader.u32(), 0U);
  EXPECT_EQ(reader.u16(), 0xffff);
  EXPECT_EQ(reader.u8(), 0x80);
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.remaining(), 0U);
}

}  // namespace
}  // namespace phalanx::base
