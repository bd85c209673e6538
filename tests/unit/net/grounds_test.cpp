// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/net/grounds.hpp"

#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "phalanx/net/bucket_hash.hpp"
#include "support/hex.hpp"

namespace phalanx::net {
namespace {

// As much of an IP packet as its grounds are taken from.
struct Packet {
  IpView view;
  std::array<std::uint8_t, 64> bytes{};
};

Packet packet_between(const IpAddress& source, const IpAddress& destination) {
  Packet packet;
  const bool v4 = source.is_v4();
  packet.view.version = v4 ? 4 : 6;
  packet.view.l4_offset = v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
  packet.view.total_length = packet.bytes.size();
  std::memcpy(&packet.bytes[v4 ? 12 : 8], source.bytes.data(), source.size());
  std::memcpy(&packet.bytes[v4 ? 16 : 24], destination.bytes.data(), destination.size());
  return packet;
}

Packet flow_packet(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                   std::uint16_t source_port, std::uint16_t destination_port) {
  auto packet = packet_between(source, destination);
  packet.view.protocol = protocol;
  packet.view.has_ports = true;
  packet.view.source_port = source_port;
  packet.view.destination_port = destination_port;
  const std::array<base::be16, 2> ports = {base::be16(source_port), base::be16(destination_port)};
  std::memcpy(&packet.bytes[packet.view.l4_offset], ports.data(), sizeof(ports));
  return packet;
}

Packet echo_packet(const IpAddress& source, const IpAddress& destination,
                   std::uint16_t identifier) {
  auto packet = packet_between(source, destination);
  packet.view.protocol = source.is_v4() ? kProtoIcmp : kProtoIcmpv6;
  auto* message = &packet.bytes[packet.view.l4_offset];
  message[0] = source.is_v4() ? 8 : 128;
  message[4] = static_cast<std::uint8_t>(identifier >> 8);
  message[5] = static_cast<std::uint8_t>(identifier);
  return packet;
}

Packet other_packet(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol) {
  auto packet = packet_between(source, destination);
  packet.view.protocol = protocol;
  return packet;
}

Packet fragment_packet(const IpAddress& source, const IpAddress& destination, std::uint32_t id) {
  // The first one, which shows ports as well: they must not count.
  auto packet = flow_packet(source, destination, kProtoUdp, 4000, 5000);
  packet.view.fragment = true;
  packet.view.fragment_id = id;
  return packet;
}

BucketHash::Key key_from(const std::string& text) {
  const auto bytes = test::unhex(text);
  BucketHash::Key key{};
  std::memcpy(key.data(), bytes.data(), key.size());
  return key;
}

// Adds what a line of the vectors describes. False: a kind that a burst does not hold.
bool add(GroundsBurst& burst, std::size_t at, const std::string& kind,
         const std::vector<std::string>& arguments) {
  const auto number = [&](std::size_t i) {
    return static_cast<std::uint32_t>(std::stoull(arguments.at(i), nullptr, 0));
  };
  const auto u16 = [&](std::size_t i) { return static_cast<std::uint16_t>(number(i)); };
  if (kind == "esp_session") {
    burst.put_esp_session(at, base::Spi(number(0)));
    return true;
  }
  if (kind == "esp_packet") {
    burst.put_esp_packet(at, base::Spi(number(0)), number(1));
    return true;
  }
  if (kind == "ike") return false;
  const auto a = *parse_ip(arguments.at(0));
  const auto b = *parse_ip(arguments.at(1));
  const auto protocol = static_cast<std::uint8_t>(number(2));
  Packet packet;
  if (kind == "flow") packet = flow_packet(a, b, protocol, u16(3), u16(4));
  if (kind == "icmp") packet = echo_packet(a, b, u16(2));
  if (kind == "other") packet = other_packet(a, b, protocol);
  if (kind == "fragment") packet = fragment_packet(a, b, number(2));
  burst.put_clear(at, packet.view, packet.bytes.data());
  return true;
}

// Made by the openssl command; the file says how. Packets of all kinds share a burst.
TEST(GroundsBurst, MatchesFrozenVectors) {
  std::ifstream file(PHALANX_TESTS_DIR "/vectors/bucket_hash.txt");
  std::string burst_key;
  GroundsBurst burst;
  burst.clear();
  std::vector<unsigned long> expected;
  std::size_t compared = 0;
  const auto compare = [&] {
    if (expected.empty()) return;
    std::vector<base::BucketIndex> buckets(expected.size());
    BucketHash(key_from(burst_key)).burst(burst, buckets.size(), buckets.data());
    for (std::size_t i = 0; i < buckets.size(); ++i) EXPECT_EQ(buckets[i].value(), expected[i]);
    compared += buckets.size();
    burst.clear();
    expected.clear();
  };
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream columns(line);
    std::string key, kind;
    columns >> key >> kind;
    std::vector<std::string> arguments(std::istream_iterator<std::string>(columns), {});
    const auto bucket = std::stoul(arguments.back());
    arguments.pop_back();
    if (key != burst_key || expected.size() == GroundsBurst::kCapacity) compare();
    burst_key = key;
    if (add(burst, expected.size(), kind, arguments)) expected.push_back(bucket);
  }
  compare();
  EXPECT_GE(compared, 330U);
}

// The single functions have their own vectors; here they are the reference for any mix and size.
TEST(GroundsBurst, EqualsSingleHashesForAnyMixAndSize) {
  const auto key = key_from("2b7e151628aed2a6abf7158809cf4f3c");
  const BucketHash hash(key);
  std::mt19937 random(1);
  GroundsBurst burst;
  const auto address = [&](bool v4) {
    // Some equal, so that ports decide the order.
    const auto host = static_cast<std::uint32_t>(random() % 3);
    return v4 ? IpAddress::v4(0xc0000200 + host) : *parse_ip("2001:db8::" + std::to_string(host));
  };
  for (int round = 0; round < 2'000; ++round) {
    const auto size = random() % (GroundsBurst::kCapacity + 1);
    std::vector<base::BucketIndex> expected;
    burst.clear();
    for (std::size_t i = 0; i < size; ++i) {
      const bool v4 = random() % 2 == 0;
      const auto a = address(v4);
      const auto b = address(v4);
      const auto word = static_cast<std::uint32_t>(random());
      const auto half = static_cast<std::uint16_t>(word);
      const auto other_half = static_cast<std::uint16_t>(word >> 16);
      Packet packet;
      switch (random() % 6) {
        case 0:
          burst.put_esp_session(i, base::Spi(word));
          expected.push_back(hash.esp_session(base::Spi(word)));
          continue;
        case 1:
          burst.put_esp_packet(i, base::Spi(word), word ^ 0x5555);
          expected.push_back(hash.esp_packet(base::Spi(word), word ^ 0x5555));
          continue;
        case 2:
          packet = flow_packet(a, b, kProtoTcp, half, other_half);
          expected.push_back(hash.flow(a, b, kProtoTcp, half, other_half));
          if (!v4 || word % 2 == 0) break;
          burst.put_flow4(i, packet.bytes.data(), kProtoTcp);
          continue;
        case 3:
          packet = echo_packet(a, b, half);
          expected.push_back(hash.icmp(a, b, half));
          break;
        case 4:
          packet = other_packet(a, b, 47);
          expected.push_back(hash.other(a, b, 47));
          break;
        default:
          packet = fragment_packet(a, b, v4 ? half : word);
          expected.push_back(hash.fragment(a, b, v4 ? half : word));
      }
      burst.put_clear(i, packet.view, packet.bytes.data());
    }
    std::vector<base::BucketIndex> buckets(size);
    hash.burst(burst, size, buckets.data());
    ASSERT_EQ(buckets, expected);
  }
}

}  // namespace
}  // namespace phalanx::net
