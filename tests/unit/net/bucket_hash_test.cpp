// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/net/bucket_hash.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/hex.hpp"

namespace phalanx::net {
namespace {

BucketHash::Key key_from(const std::string& text) {
  const auto bytes = test::unhex(text);
  BucketHash::Key key{};
  std::transform(bytes.begin(), bytes.end(), key.begin(),
                 [](std::byte byte) { return std::to_integer<std::uint8_t>(byte); });
  return key;
}

std::uint8_t bucket_of(const BucketHash& hash, const std::string& kind,
                       const std::vector<std::string>& arguments) {
  const auto number = [&arguments](std::size_t i) {
    return std::stoull(arguments.at(i), nullptr, 0);
  };
  const auto u16 = [&number](std::size_t i) { return static_cast<std::uint16_t>(number(i)); };
  const auto u32 = [&number](std::size_t i) { return static_cast<std::uint32_t>(number(i)); };
  if (kind == "esp_session") return hash.esp_session(base::Spi(u32(0))).value();
  if (kind == "esp_packet") return hash.esp_packet(base::Spi(u32(0)), u32(1)).value();
  if (kind == "ike") return hash.ike(number(0)).value();
  const auto a = parse_ip(arguments.at(0)).value();
  const auto b = parse_ip(arguments.at(1)).value();
  const auto third = static_cast<std::uint8_t>(u32(2));
  if (kind == "flow") return hash.flow(a, b, third, u16(3), u16(4)).value();
  if (kind == "icmp") return hash.icmp(a, b, u16(2)).value();
  if (kind == "other") return hash.other(a, b, third).value();
  if (kind == "fragment") return hash.fragment(a, b, u32(2)).value();
  throw std::invalid_argument("unknown kind " + kind);
}

// Made by the openssl command; the file says how.
TEST(BucketHash, MatchesFrozenVectors) {
  std::ifstream file(PHALANX_TESTS_DIR "/vectors/bucket_hash.txt");
  std::size_t compared = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream columns(line);
    std::string key, kind;
    columns >> key >> kind;
    std::vector<std::string> arguments(std::istream_iterator<std::string>(columns), {});
    ASSERT_FALSE(arguments.empty()) << line;
    const auto expected = std::stoul(arguments.back());
    arguments.pop_back();
    EXPECT_EQ(bucket_of(BucketHash(key_from(key)), kind, arguments), expected) << line;
    ++compared;
  }
  EXPECT_GE(compared, 400U);
}

TEST(BucketHash, PutsBothDirectionsInOneBucket) {
  const BucketHash hash(key_from("000102030405060708090a0b0c0d0e0f"));
  for (std::uint32_t i = 0; i < 200; ++i) {
    const auto a = IpAddress::v4(0x0a000000 + i * 77);
    const auto b = IpAddress::v4(0x0a000100 + i);
    const auto port = static_cast<std::uint16_t>(1000 + i);
    EXPECT_EQ(hash.flow(a, b, 6, port, 80), hash.flow(b, a, 6, 80, port));
    EXPECT_EQ(hash.icmp(a, b, port), hash.icmp(b, a, port));
    EXPECT_EQ(hash.other(a, b, 47), hash.other(b, a, 47));
  }
}

// Endpoints are ordered whole: swapping only the ports is another flow.
TEST(BucketHash, TellsFlowsWithCrossedPortsApart) {
  const BucketHash hash(key_from("000102030405060708090a0b0c0d0e0f"));
  int same = 0;
  for (std::uint32_t i = 0; i < 256; ++i) {
    const auto a = IpAddress::v4(0x0a000001 + i);
    const auto b = IpAddress::v4(0xc0000201);
    same += hash.flow(a, b, 17, 500, 4500) == hash.flow(a, b, 17, 4500, 500) ? 1 : 0;
  }
  EXPECT_LT(same, 16);  // one in 256 by chance
}

// Chi-square with 255 degrees of freedom; 400 would be met by chance once in 10^8. Inputs are
// fixed, so the outcome is too.
TEST(BucketHash, SpreadsNeighboringSpisEvenly) {
  const BucketHash hash(key_from("2b7e151628aed2a6abf7158809cf4f3c"));
  constexpr std::uint32_t kSpis = 65536;
  std::array<std::uint32_t, base::kNumBuckets> hits{};
  for (std::uint32_t i = 0; i < kSpis; ++i) {
    ++hits[hash.esp_session(base::Spi(0x1000 + i)).value()];
  }
  constexpr double kExpected = double{kSpis} / base::kNumBuckets;
  double chi_square = 0;
  for (const auto count : hits) {
    chi_square += (count - kExpected) * (count - kExpected) / kExpected;
  }
  EXPECT_LT(chi_square, 400.0);
}

TEST(BucketHash, DependsOnTheKey) {
  const BucketHash one(key_from("2b7e151628aed2a6abf7158809cf4f3c"));
  const BucketHash other(key_from("2b7e151628aed2a6abf7158809cf4f3d"));
  int same = 0;
  for (std::uint32_t spi = 256; spi < 512; ++spi) {
    same += one.esp_session(base::Spi(spi)) == other.esp_session(base::Spi(spi)) ? 1 : 0;
  }
  EXPECT_LT(same, 16);  // one in 256 by chance
}

}  // namespace
}  // namespace phalanx::net
