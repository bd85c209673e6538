// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/net/checksum.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <random>
#include <vector>

#include "support/exact_buffer.hpp"
#include "support/hex.hpp"

namespace phalanx::net {
namespace {

using test::unhex;

// RFC 1071 as written in its section 4.1, word by word.
std::uint16_t reference_checksum(std::span<const std::byte> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    sum += std::to_integer<std::uint32_t>(bytes[i]) << 8;
    if (i + 1 < bytes.size()) sum += std::to_integer<std::uint32_t>(bytes[i + 1]);
  }
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

// RFC 1071 section 3, "Numerical Examples": the sum of 0001 f203 f4f5 f6f7 is ddf2.
TEST(Checksum, MatchesExampleOfRfc1071) {
  EXPECT_EQ(checksum(unhex("0001f203f4f5f6f7")), static_cast<std::uint16_t>(~0xddf2));
}

TEST(Checksum, OfNothingIsAllOnes) {
  EXPECT_EQ(checksum({}), 0xffff);
}

TEST(Checksum, OddLastByteIsHighHalf) {
  EXPECT_EQ(checksum(unhex("12")), static_cast<std::uint16_t>(~0x1200));
  EXPECT_EQ(checksum(unhex("0001f203f4")), checksum(unhex("0001f203f400")));
}

TEST(Checksum, OfCorrectHeaderIsZero) {
  // scapy: IP(src="192.0.2.1", dst="198.51.100.2", ttl=63, id=0x1234)/UDP(sport=1, dport=2)
  EXPECT_EQ(checksum(unhex("4500001c123400003f117d66c0000201c6336402")), 0);
}

TEST(Checksum, EqualsWordByWordSumAtEveryLength) {
  std::mt19937 random(1);
  std::vector<std::byte> bytes(130);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  for (std::size_t length = 0; length <= bytes.size(); ++length) {
    const test::ExactBuffer copy{std::span(bytes).first(length)};
    EXPECT_EQ(checksum(copy.bytes()), reference_checksum(copy.bytes())) << length;
  }
}

TEST(Checksum, DoesNotOverflowOnLongestPacketOfOnes) {
  const std::vector<std::byte> ones(65535, std::byte{0xff});
  EXPECT_EQ(checksum(ones), reference_checksum(ones));
  EXPECT_EQ(checksum_finish(checksum_add(0xffffffff, ones)),
            checksum_finish(checksum_add(0xffff, ones)));
}

TEST(Checksum, AddsInParts) {
  const auto bytes = unhex("0001f203f4f5f6f7ffff00");
  const auto span = std::span<const std::byte>(bytes);
  for (std::size_t cut = 0; cut <= bytes.size(); cut += 2) {
    const auto sum = checksum_add(checksum_add(0, span.first(cut)), span.subspan(cut));
    EXPECT_EQ(checksum_finish(sum), checksum(bytes)) << cut;
  }
}

struct Transport {
  const char* description;
  const char* source;
  const char* destination;
  std::uint8_t protocol;
  const char* segment;  // with its checksum in place
};

class PseudoHeader : public ::testing::TestWithParam<Transport> {};

TEST_P(PseudoHeader, MakesCorrectSegmentSumToZero) {
  const auto& row = GetParam();
  const auto segment = unhex(row.segment);
  const auto sum = pseudo_header_sum(*parse_ip(row.source), *parse_ip(row.destination),
                                     row.protocol, static_cast<std::uint32_t>(segment.size()));
  EXPECT_EQ(checksum_finish(checksum_add(sum, segment)), 0) << row.description;
}

INSTANTIATE_TEST_SUITE_P(
    MadeByScapy, PseudoHeader,
    ::testing::Values(Transport{"UDP over IPv4, odd length", "192.0.2.1", "198.51.100.2", 17,
                                "00010002000b4f3b616263"},
                      Transport{"TCP over IPv4, odd length", "192.0.2.1", "198.51.100.2", 6,
                                "c00001bb0000000100000002501820009dff000068656c6c6f"},
                      Transport{"UDP over IPv6", "2001:db8::1", "2001:db8:ffff::2", 17,
                                "00359c40000c432561626364"},
                      Transport{"TCP over IPv6", "2001:db8::1", "2001:db8:ffff::2", 6,
                                "00010002000000000000000050022000346b0000"},
                      Transport{"ICMPv6 echo", "2001:db8::1", "2001:db8:ffff::2", 58,
                                "8000ac360007000978"}));

// RFC 1624 section 4: the example that RFC 1141's equation gets wrong.
TEST(ChecksumUpdate, MatchesExampleOfRfc1624) {
  EXPECT_EQ(checksum_update(0xdd2f, 0x5555, 0x3285), 0x0000);
}

TEST(ChecksumUpdate, EqualsRecomputation) {
  std::mt19937 random(2);
  for (int i = 0; i < 1000; ++i) {
    std::array<std::byte, 20> header{};
    for (auto& byte : header) byte = static_cast<std::byte>(random());
    const auto word = [&header](std::size_t at) {
      return static_cast<std::uint16_t>(std::to_integer<unsigned>(header[at]) << 8 |
                                        std::to_integer<unsigned>(header[at + 1]));
    };
    const auto before = checksum(header);
    const auto old_word = word(8);
    header[8] ^= static_cast<std::byte>(random() | 1);
    EXPECT_EQ(checksum_update(before, old_word, word(8)), checksum(header));
  }
}

}  // namespace
}  // namespace phalanx::net
