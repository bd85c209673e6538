// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/net/packet_parser.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <ostream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "phalanx/net/checksum.hpp"
#include "support/exact_buffer.hpp"
#include "support/hex.hpp"

namespace phalanx::net {
namespace {

using Bytes = std::vector<std::byte>;
using test::ExactBuffer;
using test::unhex;

struct Known {
  std::string name;
  IpView view;
  Bytes packet;
};

void PrintTo(const Known& known, std::ostream* out) {
  *out << known.name;
}

// Packets built by scapy with its own reading of them; the file says what each column is.
std::vector<Known> known_packets() {
  std::ifstream file(PHALANX_TESTS_DIR "/vectors/ip_packets.txt");
  std::vector<Known> all;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream columns(line);
    Known row;
    unsigned version, protocol, traffic_class, ttl;
    std::string flags, packet;
    columns >> row.name >> version >> protocol >> traffic_class >> ttl >> flags >>
        row.view.total_length >> row.view.l4_offset >> row.view.source_port >>
        row.view.destination_port >> row.view.fragment_id >> packet;
    const auto has = [&flags](char letter) { return flags.find(letter) != std::string::npos; };
    row.view.version = static_cast<std::uint8_t>(version);
    row.view.protocol = static_cast<std::uint8_t>(protocol);
    row.view.traffic_class = static_cast<std::uint8_t>(traffic_class);
    row.view.ttl = static_cast<std::uint8_t>(ttl);
    row.view.fragment = has('f');
    row.view.first_fragment = !has('l');
    row.view.dont_fragment = has('d');
    row.view.has_ports = has('p');
    row.view.ipv4_options = has('o');
    row.view.hop_by_hop = has('h');
    row.packet = unhex(packet);
    all.push_back(std::move(row));
  }
  return all;
}

Bytes packet_named(const std::string& name) {
  for (auto& row : known_packets()) {
    if (row.name == name) return row.packet;
  }
  ADD_FAILURE() << "no packet " << name;
  return {};
}

IpView parse_exact(std::span<const std::byte> bytes) {
  const ExactBuffer copy(bytes);
  return parse_ip_packet(copy.bytes());
}

void put(Bytes& packet, std::size_t at, std::uint8_t value) {
  packet.at(at) = static_cast<std::byte>(value);
}

void fix_ipv4_checksum(Bytes& packet) {
  const auto ihl = std::to_integer<std::size_t>(packet.at(0)) & 0xf;
  const auto length = std::min(ihl * 4, packet.size());
  put(packet, 10, 0);
  put(packet, 11, 0);
  const auto sum = checksum(std::span<const std::byte>(packet).first(length));
  put(packet, 10, static_cast<std::uint8_t>(sum >> 8));
  put(packet, 11, static_cast<std::uint8_t>(sum));
}

TEST(PacketVectors, AreThere) {
  EXPECT_GE(known_packets().size(), 40U);
}

class KnownPacket : public ::testing::TestWithParam<Known> {};

TEST_P(KnownPacket, IsReadAsScapyReadsIt) {
  const auto& [name, expected, packet] = GetParam();
  const auto view = parse_exact(packet);
  EXPECT_EQ(view.fault, IpFault::Ok);
  EXPECT_EQ(view.version, expected.version);
  EXPECT_EQ(view.protocol, expected.protocol);
  EXPECT_EQ(view.traffic_class, expected.traffic_class);
  EXPECT_EQ(view.ttl, expected.ttl);
  EXPECT_EQ(view.fragment, expected.fragment);
  EXPECT_EQ(view.first_fragment, expected.first_fragment);
  EXPECT_EQ(view.dont_fragment, expected.dont_fragment);
  EXPECT_EQ(view.has_ports, expected.has_ports);
  EXPECT_EQ(view.ipv4_options, expected.ipv4_options);
  EXPECT_EQ(view.hop_by_hop, expected.hop_by_hop);
  EXPECT_EQ(view.total_length, expected.total_length);
  EXPECT_EQ(view.l4_offset, expected.l4_offset);
  EXPECT_EQ(view.source_port, expected.source_port);
  EXPECT_EQ(view.destination_port, expected.destination_port);
  EXPECT_EQ(view.fragment_id, expected.fragment_id);
}

TEST_P(KnownPacket, IsTheSameWithoutTheInlinePath) {
  EXPECT_EQ(detail::parse_any_ip_packet(GetParam().packet), parse_ip_packet(GetParam().packet));
}

TEST_P(KnownPacket, IgnoresLinkLayerPadding) {
  auto padded = GetParam().packet;
  padded.resize(padded.size() + 40, std::byte{0xff});
  EXPECT_EQ(parse_exact(padded), GetParam().view);
}

TEST_P(KnownPacket, IsTruncatedWhenCutAtAnyByte) {
  const std::span<const std::byte> whole = GetParam().packet;
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_EQ(parse_exact(whole.first(length)).fault, IpFault::Truncated) << length;
  }
}

// The packet's own length says that it ends earlier: what is cut off must not be looked at.
TEST_P(KnownPacket, NeverReadsPastADeclaredLength) {
  const auto& [name, expected, packet] = GetParam();
  const bool v4 = expected.version == 4;
  const std::size_t fixed = v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
  for (std::size_t length = fixed; length < packet.size(); ++length) {
    Bytes cut(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(length));
    const auto declared = v4 ? length : length - fixed;
    put(cut, v4 ? 2 : 4, static_cast<std::uint8_t>(declared >> 8));
    put(cut, v4 ? 3 : 5, static_cast<std::uint8_t>(declared));
    if (v4 && length >= expected.l4_offset) fix_ipv4_checksum(cut);
    const auto view = parse_exact(cut);
    if (length < expected.l4_offset) {
      EXPECT_EQ(view.fault, v4 ? IpFault::BadHeader : IpFault::Truncated) << length;
    } else {
      EXPECT_EQ(view.fault, IpFault::Ok) << length;
      EXPECT_EQ(view.total_length, length);
      EXPECT_EQ(view.has_ports, expected.has_ports && length - expected.l4_offset >= 4) << length;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(MadeByScapy, KnownPacket, ::testing::ValuesIn(known_packets()),
                         [](const auto& row) {
                           auto name = row.param.name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(ParseIpPacket, RefusesEveryOtherVersion) {
  for (unsigned version = 0; version < 16; ++version) {
    Bytes packet(64);
    put(packet, 0, static_cast<std::uint8_t>(version << 4 | 5));
    const auto fault = parse_exact(packet).fault;
    EXPECT_EQ(fault == IpFault::BadVersion, version != 4 && version != 6) << version;
  }
}

TEST(ParseIpPacket, NoticesEveryFlippedBitOfAnIpv4Header) {
  for (const auto* name : {"v4-tcp", "v4-options-udp", "v4-fragment-middle"}) {
    const auto packet = packet_named(name);
    const auto header_bits = (std::to_integer<std::size_t>(packet.at(0)) & 0xf) * 32;
    for (std::size_t bit = 0; bit < header_bits; ++bit) {
      auto flipped = packet;
      flipped[bit / 8] ^= std::byte{0x80} >> (bit % 8);
      EXPECT_NE(parse_exact(flipped).fault, IpFault::Ok) << name << " bit " << bit;
    }
  }
}

// RFC 1624 3: both 0000 and ffff are zero in one's complement; a header whose other words sum to
// ffff is stored with 0000 and some senders store ffff.
TEST(ParseIpPacket, AcceptsBothZerosOfTheChecksum) {
  auto packet = packet_named("v4-udp");
  put(packet, 4, 0);
  put(packet, 5, 0);
  fix_ipv4_checksum(packet);
  // The identification takes over what the checksum held, which leaves a checksum of zero.
  packet[4] = packet[10];
  packet[5] = packet[11];
  put(packet, 10, 0);
  put(packet, 11, 0);
  EXPECT_EQ(parse_exact(packet).fault, IpFault::Ok);
  put(packet, 10, 0xff);
  put(packet, 11, 0xff);
  EXPECT_EQ(parse_exact(packet).fault, IpFault::Ok);
  EXPECT_EQ(detail::parse_any_ip_packet(packet).fault, IpFault::Ok);
}

struct Edit {
  const char* description;
  const char* packet;
  std::vector<std::pair<std::size_t, std::uint8_t>> bytes;
  IpFault expected;
};

void PrintTo(const Edit& edit, std::ostream* out) {
  *out << edit.packet << ": " << edit.description;
}

class EditedPacket : public ::testing::TestWithParam<Edit> {};

TEST_P(EditedPacket, IsRefusedForItsFault) {
  const auto& row = GetParam();
  auto packet = packet_named(row.packet);
  for (const auto& [at, value] : row.bytes) put(packet, at, value);
  const bool v4 = (packet[0] & std::byte{0xf0}) == std::byte{0x40};
  if (v4 && row.expected != IpFault::BadChecksum) fix_ipv4_checksum(packet);
  EXPECT_EQ(parse_exact(packet).fault, row.expected) << row.description;
  EXPECT_EQ(detail::parse_any_ip_packet(packet).fault, row.expected) << row.description;
}

INSTANTIATE_TEST_SUITE_P(
    Ipv4, EditedPacket,
    ::testing::Values(
        Edit{"untouched", "v4-udp", {}, IpFault::Ok},
        Edit{"IHL 4", "v4-udp", {{0, 0x44}}, IpFault::BadHeader},
        Edit{"IHL 0", "v4-udp", {{0, 0x40}}, IpFault::BadHeader},
        Edit{"IHL past the total length", "v4-udp-empty", {{0, 0x48}}, IpFault::BadHeader},
        Edit{"total length 19", "v4-udp", {{3, 19}}, IpFault::BadHeader},
        Edit{"total length 0", "v4-udp", {{3, 0}}, IpFault::BadHeader},
        Edit{"total length one too many", "v4-udp", {{3, 37}}, IpFault::Truncated},
        Edit{"total length 65535", "v4-udp", {{2, 255}, {3, 255}}, IpFault::Truncated},
        Edit{"checksum", "v4-udp", {{10, 0}}, IpFault::BadChecksum},
        Edit{"checksum over options", "v4-options-udp", {{22, 1}}, IpFault::BadChecksum},
        Edit{"fragment past 65535", "v4-fragment-last", {{6, 0x1f}, {7, 0xff}}, IpFault::BadHeader},
        Edit{"source 0.0.0.0", "v4-udp", {{12, 0}, {13, 0}, {14, 0}, {15, 0}}, IpFault::BadAddress},
        Edit{"source 0.0.0.1", "v4-udp", {{12, 0}, {13, 0}, {14, 0}, {15, 1}}, IpFault::Ok},
        Edit{"source 127.0.0.1", "v4-udp", {{12, 127}}, IpFault::BadAddress},
        Edit{"source 223.0.2.1", "v4-udp", {{12, 223}}, IpFault::Ok},
        Edit{"source 224.0.2.1", "v4-udp", {{12, 224}}, IpFault::BadAddress},
        Edit{"source 239.0.2.1", "v4-udp", {{12, 239}}, IpFault::BadAddress},
        Edit{"source 240.0.2.1", "v4-udp", {{12, 240}}, IpFault::Ok},
        Edit{"source 255.255.255.255",
             "v4-udp",
             {{12, 255}, {13, 255}, {14, 255}, {15, 255}},
             IpFault::BadAddress},
        Edit{"destination 0.0.0.0",
             "v4-udp",
             {{16, 0}, {17, 0}, {18, 0}, {19, 0}},
             IpFault::BadAddress},
        Edit{"destination 127.51.100.2", "v4-udp", {{16, 127}}, IpFault::BadAddress},
        Edit{"bad source in a fragment", "v4-fragment-middle", {{12, 224}}, IpFault::BadAddress}));

INSTANTIATE_TEST_SUITE_P(
    Ipv6, EditedPacket,
    ::testing::Values(
        Edit{"untouched", "v6-udp", {}, IpFault::Ok},
        Edit{"payload length one too many", "v6-udp", {{5, 17}}, IpFault::Truncated},
        Edit{"payload length 65535", "v6-udp", {{4, 255}, {5, 255}}, IpFault::Truncated},
        Edit{"payload length 0 with a next header", "v6-hop-by-hop", {{5, 0}}, IpFault::Truncated},
        Edit{"nine extension headers", "v6-eight-extensions", {{96, 60}}, IpFault::TooManyHeaders},
        Edit{"extension past the end", "v6-hop-by-hop", {{41, 2}}, IpFault::Truncated},
        Edit{"extension length 255", "v6-routing", {{41, 255}}, IpFault::Truncated},
        Edit{"hop-by-hop in second place", "v6-eight-extensions", {{40, 0}}, IpFault::BadHeader},
        Edit{"fragment up to 65532", "v6-fragment-last", {{42, 0xff}, {43, 0xf8}}, IpFault::Ok},
        Edit{"fragment up to 65536",
             "v6-fragment-middle",
             {{42, 0xff}, {43, 0xf8}},
             IpFault::BadHeader},
        Edit{"multicast source", "v6-udp", {{8, 0xff}}, IpFault::BadAddress},
        Edit{"unspecified source to a host",
             "v6-solicitation-duplicate",
             {{24, 0xfe}, {25, 0x80}},
             IpFault::BadAddress},
        Edit{"unspecified source beyond the link",
             "v6-solicitation-duplicate",
             {{25, 0x05}},
             IpFault::BadAddress},
        Edit{"loopback source", "v6-udp", {{8, 0}, {9, 0}, {10, 0}, {11, 0}}, IpFault::BadAddress},
        Edit{"loopback destination",
             "v6-udp",
             {{24, 0}, {25, 0}, {26, 0}, {27, 0}, {28, 0}, {29, 0}, {39, 1}},
             IpFault::BadAddress},
        Edit{"unspecified destination",
             "v6-udp",
             {{24, 0}, {25, 0}, {26, 0}, {27, 0}, {28, 0}, {29, 0}, {39, 0}},
             IpFault::BadAddress}));

// 40 + 65535 does not fit in the 16 bits of total_length.
TEST(ParseIpPacket, RefusesAnIpv6PacketLongerThan65535) {
  auto packet = packet_named("v6-udp");
  packet.resize(70000);
  put(packet, 4, 0xff);
  put(packet, 5, 0xff);
  EXPECT_EQ(parse_ip_packet(packet).fault, IpFault::BadHeader);
  put(packet, 5, 0xff - 40);
  EXPECT_EQ(parse_ip_packet(packet).fault, IpFault::Ok);
  EXPECT_EQ(parse_ip_packet(packet).total_length, 65535);
}

}  // namespace
}  // namespace phalanx::net
