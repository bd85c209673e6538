// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/base/crc32c.hpp"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

namespace phalanx::base {
namespace {

std::vector<std::byte> counting(int first, int step) {
  std::vector<std::byte> bytes;
  for (int i = 0; i < 32; ++i) bytes.push_back(static_cast<std::byte>(first + i * step));
  return bytes;
}

// RFC 3720 B.4; the RFC prints the CRC in the order of its bytes on the wire.
TEST(Crc32c, MatchesTheVectorsOfRfc3720) {
  EXPECT_EQ(crc32c(std::vector<std::byte>(32, std::byte{0})), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::vector<std::byte>(32, std::byte{0xff})), 0x62a8ab43U);
  EXPECT_EQ(crc32c(counting(0, 1)), 0x46dd794eU);
  EXPECT_EQ(crc32c(counting(31, -1)), 0x113fdb5cU);
}

// The check value of the catalogue of parametrised CRC algorithms (CRC-32/ISCSI).
TEST(Crc32c, MatchesTheCheckValueAtALengthThatIsNoWholeWord) {
  const std::string_view text = "123456789";
  EXPECT_EQ(crc32c(std::as_bytes(std::span(text))), 0xe3069283U);
}

TEST(Crc32c, OfNothingIsZero) {
  EXPECT_EQ(crc32c({}), 0U);
}

}  // namespace
}  // namespace phalanx::base
