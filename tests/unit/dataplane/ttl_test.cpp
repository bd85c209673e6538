// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "ttl.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>

#include "phalanx/net/checksum.hpp"

namespace phalanx::dataplane {
namespace {

TEST(DecrementTtl, GivesTheChecksumOfANewComputation) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 200000; ++i) {
    std::array<std::uint8_t, 20> bytes{};
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    auto* header = base::wire_at<net::Ipv4Header>(bytes.data());
    header->version_ihl = 0x45;
    if (header->ttl < 2) header->ttl = 2;
    header->checksum = {};
    header->checksum = base::be16(net::checksum(std::as_bytes(std::span(bytes))));
    const auto before = header->ttl;
    decrement_ttl(bytes.data(), 4);
    EXPECT_EQ(header->ttl, before - 1);
    const auto updated = header->checksum.host();
    header->checksum = {};
    ASSERT_EQ(updated, net::checksum(std::as_bytes(std::span(bytes)))) << "packet " << i;
  }
}

TEST(DecrementTtl, LowersTheHopLimitAndNothingElse) {
  std::array<std::uint8_t, 40> bytes{};
  bytes.fill(0x61);
  auto expected = bytes;
  expected[7] = 0x60;
  decrement_ttl(bytes.data(), 6);
  EXPECT_EQ(bytes, expected);
}

}  // namespace
}  // namespace phalanx::dataplane
