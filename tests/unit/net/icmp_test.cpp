// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/net/icmp.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "phalanx/net/ethernet.hpp"
#include "phalanx/net/ip.hpp"
#include "support/exact_buffer.hpp"
#include "support/hex.hpp"
#include "support/named_vectors.hpp"

namespace phalanx::net {
namespace {

using test::ExactBuffer;
using test::to_hex;

const test::NamedVectors& vectors() {
  static const test::NamedVectors loaded("host.txt");
  return loaded;
}

std::span<const std::byte> packet_of(const std::string& name) {
  return std::span(vectors()[name]).subspan(sizeof(EthernetHeader));
}

TEST(Icmp, EchoRepliesHaveTheBytesOfScapy) {
  std::size_t compared = 0;
  for (const auto& [name, frame] : vectors().all()) {
    const auto answer = vectors().all().find("l3_" + name + "_answer");
    if (!name.starts_with("echo") || answer == vectors().all().end()) continue;
    const bool v4 = name.starts_with("echo4");
    EchoReply reply;
    reply.source = *parse_ip(v4 ? "192.0.2.1" : "2001:db8:1::1");
    reply.destination = *parse_ip(v4 ? "192.0.2.9" : "2001:db8:1::9");
    reply.traffic_class = 0xb8;
    const auto request = packet_of(name).subspan(v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header));
    EXPECT_TRUE(icmp_checksum_ok(reply.destination, reply.source, request)) << name;

    ExactBuffer out(answer->second);  // exactly as much room as it takes
    EXPECT_EQ(write_echo_reply(reply, request, out.writable()), answer->second.size()) << name;
    EXPECT_EQ(to_hex(out.bytes()), to_hex(answer->second)) << name;
    ExactBuffer small(std::span(answer->second).first(answer->second.size() - 1));
    EXPECT_EQ(write_echo_reply(reply, request, small.writable()), 0U) << name;
    ++compared;
  }
  EXPECT_EQ(compared, 11U);
}

TEST(Icmp, EchoReplyCarriesItsIdentification) {
  EchoReply reply;
  reply.source = *parse_ip("192.0.2.1");
  reply.destination = *parse_ip("192.0.2.9");
  reply.identification = 0xabcd;
  std::array<std::byte, 64> out{};
  ASSERT_EQ(write_echo_reply(reply, packet_of("echo4_0").subspan(20), out), 28U);
  EXPECT_EQ(out[4], std::byte{0xab});
  EXPECT_EQ(out[5], std::byte{0xcd});
}

TEST(Icmp, FindsTheIdentifierOfEchoMessages) {
  struct Row {
    const char* what;
    const char* packet;  // IP header, then ICMP
    std::optional<std::uint16_t> identifier;
  };
  const Row rows[] = {
      {"request", "4500001c000000004001f6ddc0000201c00002020800000012340000", 0x1234},
      {"reply", "4500001c000000004001f6ddc0000201c00002020000000012340000", 0x1234},
      {"unreachable", "4500001c000000004001f6ddc0000201c00002020300000012340000", std::nullopt},
      {"cut after the identifier", "4500001a000000004001f6dfc0000201c0000202080000001234", 0x1234},
      {"cut before", "45000019000000004001f6e0c0000201c00002020800000012", std::nullopt},
      {"first fragment", "4500001c000020004001d6ddc0000201c00002020800000012340000", 0x1234},
      {"later one", "4500001c000000034001f6dac0000201c00002020800000012340000", std::nullopt},
      {"ICMPv6 in IPv4", "4500001c00000000403af6a4c0000201c00002028000000012340000", std::nullopt},
      {"ICMPv6 request",
       "6000000000083a40fd710001000000000000000000000002fd71000200000000000000000000000280000000"
       "abcd0001",
       0xabcd},
      {"ICMPv6 reply",
       "6000000000083a40fd710001000000000000000000000002fd71000200000000000000000000000281000000"
       "abcd0001",
       0xabcd},
      {"ICMPv6 solicitation",
       "6000000000083a40fd710001000000000000000000000002fd71000200000000000000000000000287000000"
       "abcd0001",
       std::nullopt},
  };
  for (const auto& row : rows) {
    const ExactBuffer packet(test::unhex(row.packet));
    const auto view = parse_ip_packet(packet.bytes());
    ASSERT_EQ(view.fault, IpFault::Ok) << row.what;
    const auto* ip = reinterpret_cast<const std::uint8_t*>(packet.bytes().data());
    EXPECT_EQ(echo_identifier(view, ip), row.identifier) << row.what;
  }
}

TEST(Icmp, NoticesWrongChecksums) {
  const auto v4 = [](const std::string& name) {
    return icmp_checksum_ok(*parse_ip("192.0.2.9"), *parse_ip("192.0.2.1"),
                            packet_of(name).subspan(sizeof(Ipv4Header)));
  };
  const auto v6 = [](const std::string& name) {
    return icmp_checksum_ok(*parse_ip("2001:db8:1::9"), *parse_ip("2001:db8:1::1"),
                            packet_of(name).subspan(sizeof(Ipv6Header)));
  };
  EXPECT_TRUE(v4("echo4_1"));
  EXPECT_FALSE(v4("echo4_bad_checksum"));
  EXPECT_TRUE(v6("echo6_1"));
  EXPECT_FALSE(v6("echo6_bad_checksum"));
  // ICMPv6 covers the addresses: the same message from elsewhere is wrong.
  EXPECT_FALSE(icmp_checksum_ok(*parse_ip("2001:db8:1::8"), *parse_ip("2001:db8:1::1"),
                                packet_of("echo6_1").subspan(sizeof(Ipv6Header))));
}

struct Row {
  std::string offending;
  std::string error;
  std::uint8_t type, code;
  std::uint32_t word;
};

const Row kErrors[] = {
    {"err_short4", "l3_err_short4_time_exceeded_error", 11, 0, 0},
    {"err_full4", "l3_err_full4_no_route_error", 3, 0, 0},
    {"err_long4", "l3_err_long4_prohibited_error", 3, 13, 0},
    {"err_big4", "l3_err_big4_too_big_error", 3, 4, 1338},
    {"err_big4", "l3_err_big4_host_error", 3, 1, 0},
    {"err_short6", "l3_err_short6_time_exceeded_error", 3, 0, 0},
    {"err_full6", "l3_err_full6_no_route_error", 1, 0, 0},
    {"err_long6", "l3_err_long6_prohibited_error", 1, 1, 0},
    {"err_big6", "l3_err_big6_too_big_error", 2, 0, 1338},
    {"err_big6", "l3_err_big6_host_error", 1, 3, 0},
};

TEST(Icmp, ErrorsHaveTheBytesOfScapyAndQuoteWhatFits) {
  for (const auto& row : kErrors) {
    const bool v4 = row.offending.ends_with('4');
    IcmpError error;
    error.source = *parse_ip(v4 ? "192.0.2.1" : "2001:db8:1::1");
    error.destination = *parse_ip(v4 ? "192.0.2.9" : "2001:db8:1::9");
    error.type = row.type;
    error.code = row.code;
    error.word = row.word;
    std::array<std::byte, kMaxIcmpv6ErrorBytes> out{};
    const auto length = write_icmp_error(error, packet_of(row.offending), out);
    EXPECT_LE(length, v4 ? kMaxIcmpv4ErrorBytes : kMaxIcmpv6ErrorBytes) << row.error;
    EXPECT_EQ(to_hex(std::span(out).first(length)), to_hex(vectors()[row.error])) << row.error;
  }
}

TEST(Icmp, TellsErrorsFromQueries) {
  // RFC 1812 4.3.2.7 and RFC 4443 2.1.
  for (const int type : {0, 8, 9, 10, 13, 14, 15, 16, 17, 18}) {
    EXPECT_FALSE(is_icmp_error(Family::V4, static_cast<std::uint8_t>(type))) << type;
  }
  for (const int type : {3, 4, 5, 11, 12, 41, 255}) {
    EXPECT_TRUE(is_icmp_error(Family::V4, static_cast<std::uint8_t>(type))) << type;
  }
  for (int type = 0; type < 256; ++type) {
    EXPECT_EQ(is_icmp_error(Family::V6, static_cast<std::uint8_t>(type)), type < 128) << type;
  }
}

}  // namespace
}  // namespace phalanx::net
