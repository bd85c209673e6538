// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/ipsec/spd.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string_view>
#include <vector>

#include "phalanx/net/address.hpp"
#include "support/esp_tunnel.hpp"

namespace phalanx::ipsec {
namespace {

Policy policy(PolicyAction action, std::string_view local, std::string_view remote,
              std::uint8_t protocol = 0, PortRange local_ports = {}, PortRange remote_ports = {}) {
  Policy made;
  made.action = action;
  made.selector = test::make_selector(local, remote);
  made.selector.protocol = protocol;
  made.selector.local_ports = local_ports;
  made.selector.remote_ports = remote_ports;
  return made;
}

FlowKey flow(std::string_view source, std::string_view destination, std::uint8_t protocol = 17,
             std::uint16_t source_port = 0, std::uint16_t destination_port = 0) {
  const auto from = net::parse_ip(source);
  const auto to = net::parse_ip(destination);
  FlowKey key;
  key.source = from->bytes;
  key.destination = to->bytes;
  key.family = static_cast<std::uint8_t>(from->family);
  key.protocol = protocol;
  key.source_port = source_port;
  key.destination_port = destination_port;
  key.has_ports = source_port != 0 || destination_port != 0 ? 1 : 0;
  return key;
}

constexpr std::uint32_t kNone = Spd::kNoPolicy;

TEST(Spd, FirstPolicyThatTakesThePacketDecides) {
  const std::vector<Policy> policies = {
      policy(PolicyAction::Discard, "10.1.5.0/24", "0.0.0.0/0"),
      policy(PolicyAction::Protect, "10.1.0.0/16", "10.2.0.0/16", 6, {}, {443, 443}),
      policy(PolicyAction::Protect, "10.1.0.0/16", "10.2.0.0/16", 17, {1000, 2000}),
      policy(PolicyAction::Protect, "10.1.0.0/16", "10.2.0.0/16"),
      policy(PolicyAction::Bypass, "10.0.0.0/8", "0.0.0.0/0", 1),
      policy(PolicyAction::Protect, "2001:db8:1::/48", "2001:db8:2::/48"),
  };
  const Spd spd(policies);
  struct Case {
    const char* what;
    FlowKey key;
    std::uint32_t position;
  };
  const std::vector<Case> outbound = {
      {"narrow before wide", flow("10.1.5.1", "10.2.0.1", 6, 9, 443), 0},
      {"remote port", flow("10.1.0.1", "10.2.0.1", 6, 9, 443), 1},
      {"other remote port", flow("10.1.0.1", "10.2.0.1", 6, 443, 9), 3},
      {"local port, low end", flow("10.1.0.1", "10.2.0.1", 17, 1000, 9), 2},
      {"local port, high end", flow("10.1.0.1", "10.2.0.1", 17, 2000, 9), 2},
      {"local port, outside", flow("10.1.0.1", "10.2.0.1", 17, 2001, 9), 3},
      {"other protocol", flow("10.1.0.1", "10.2.0.1", 132, 1000, 443), 3},
      {"echo elsewhere", flow("10.9.0.1", "203.0.113.1", 1), 4},
      {"nothing", flow("10.9.0.1", "203.0.113.1", 17, 1, 2), kNone},
      {"wrong side", flow("10.2.0.1", "10.1.0.1", 6, 443, 9), kNone},
      {"IPv6", flow("2001:db8:1::5", "2001:db8:2::6", 58), 5},
      {"IPv6 outside", flow("2001:db8:3::5", "2001:db8:2::6", 58), kNone},
  };
  for (const auto& test_case : outbound) {
    EXPECT_EQ(spd.lookup_outbound(test_case.key), test_case.position) << test_case.what;
  }
  const std::vector<Case> inbound = {
      {"the peer's port is the source", flow("10.2.0.1", "10.1.0.1", 6, 443, 9), 1},
      {"our port is the destination", flow("10.2.0.1", "10.1.0.1", 17, 9, 1500), 2},
      {"outbound packet", flow("10.1.0.1", "10.2.0.1", 6, 9, 443), kNone},
      {"IPv6", flow("2001:db8:2::6", "2001:db8:1::5", 58), 5},
  };
  for (const auto& test_case : inbound) {
    EXPECT_EQ(spd.lookup_inbound(test_case.key), test_case.position) << test_case.what;
  }
}

TEST(Spd, AnEmptyDatabaseDecidesNothing) {
  EXPECT_EQ(Spd({}).lookup_outbound(flow("10.1.0.1", "10.2.0.1")), kNone);
}

// RFC 4301 4.4.1.1 and 7.4.
TEST(Spd, AFragmentWithoutPortsNeverSlipsPastAPolicyThatWantsThem) {
  const auto fragment = flow("10.1.0.1", "10.2.0.1", 17);
  const PortRange some{53, 53};
  struct Case {
    const char* what;
    std::vector<Policy> policies;
    std::uint32_t position;
  };
  const auto all = [](PolicyAction action) { return policy(action, "0.0.0.0/0", "0.0.0.0/0"); };
  const auto ports = [&](PolicyAction action, std::uint8_t protocol = 17) {
    return policy(action, "10.1.0.0/16", "10.2.0.0/16", protocol, {}, some);
  };
  const std::vector<Case> cases = {
      {"protected ports, then bypass",
       {ports(PolicyAction::Protect), all(PolicyAction::Bypass)},
       kNone},
      {"discarded ports, then bypass",
       {ports(PolicyAction::Discard), all(PolicyAction::Bypass)},
       kNone},
      {"protected ports, then protect",
       {ports(PolicyAction::Protect), all(PolicyAction::Protect)},
       1},
      {"protected ports, then discard",
       {ports(PolicyAction::Protect), all(PolicyAction::Discard)},
       1},
      {"bypassed ports, then bypass", {ports(PolicyAction::Bypass), all(PolicyAction::Bypass)}, 1},
      {"bypass first", {all(PolicyAction::Bypass), ports(PolicyAction::Protect)}, 0},
      {"ports of another protocol",
       {ports(PolicyAction::Protect, 6), all(PolicyAction::Bypass)},
       1},
      {"ports only", {ports(PolicyAction::Protect)}, kNone},
  };
  for (const auto& test_case : cases) {
    EXPECT_EQ(Spd(test_case.policies).lookup_outbound(fragment), test_case.position)
        << test_case.what;
  }
}

TEST(FlowKey, IsMadeOfWhatThePacketCarries) {
  const auto packet = test::build({.family = 4, .protocol = 17, .payload_bytes = 8});
  const auto key =
      make_flow_key(net::parse_ip_packet(std::as_bytes(std::span(packet))), packet.data());
  EXPECT_EQ(key, flow("10.2.0.7", "10.1.0.9", 17, 4000, 5000));

  const auto packet6 = test::build({.family = 6, .protocol = 58, .payload_bytes = 8});
  const auto key6 =
      make_flow_key(net::parse_ip_packet(std::as_bytes(std::span(packet6))), packet6.data());
  EXPECT_EQ(key6, flow("2001:db8:2::7", "2001:db8:1::9", 58));

  const auto later = test::build({.family = 4, .payload_bytes = 8, .fragment_offset = 10});
  const auto key_later =
      make_flow_key(net::parse_ip_packet(std::as_bytes(std::span(later))), later.data());
  EXPECT_EQ(key_later.has_ports, 0);
  EXPECT_EQ(key_later.source_port, 0);
}

TEST(FlowKey, TellsEchoMessagesApartByTheirIdentifier) {
  const auto key_of = [](std::uint8_t type, std::uint16_t identifier) {
    auto packet = test::build({.family = 4, .protocol = 1, .payload_bytes = 8});
    packet[20] = type;
    packet[24] = static_cast<std::uint8_t>(identifier >> 8);
    packet[25] = static_cast<std::uint8_t>(identifier);
    return make_flow_key(net::parse_ip_packet(std::as_bytes(std::span(packet))), packet.data());
  };
  EXPECT_EQ(key_of(8, 0x1234).source_port, 0x1234);
  EXPECT_EQ(key_of(8, 0x1234).has_ports, 0);
  EXPECT_EQ(key_of(8, 0x1234), key_of(0, 0x1234));
  EXPECT_NE(key_of(8, 0x1234), key_of(8, 0x1235));
  EXPECT_EQ(key_of(3, 0x1234), key_of(3, 0x1235));  // unreachable: no identifier there
  EXPECT_NE(key_of(8, 0), key_of(3, 0));
}

TEST(FlowKey, OfAPlainIpv4HeaderIsTheSame) {
  for (const std::uint8_t protocol : std::initializer_list<std::uint8_t>{6, 17, 132, 47}) {
    for (const std::size_t payload_bytes : {0U, 3U, 4U, 8U}) {
      const auto packet =
          test::build({.family = 4, .protocol = protocol, .payload_bytes = payload_bytes});
      const auto view = net::parse_ip_packet(std::as_bytes(std::span(packet)));
      net::PlainIpv4 ip{};
      ASSERT_TRUE(net::read_plain_ipv4(packet.data(), packet.size(), ip));
      FlowKey key;
      write_flow_key(key, ip.source(), ip.destination, flow_fields(ip, packet.data() + 20, 3));
      FlowKey wanted;
      write_flow_key(wanted, view, packet.data(), 3);
      EXPECT_EQ(key, wanted) << unsigned{protocol} << " with " << payload_bytes;
      EXPECT_EQ(key.side, 3);
      EXPECT_EQ(key.has_ports, view.has_ports ? 1 : 0);
    }
  }
}

TEST(FlowKey, HashDependsOnEachByteAndOnTheSeed) {
  const auto base_key = flow("10.2.0.7", "10.1.0.9", 17, 4000, 5000);
  std::set<std::uint64_t> hashes = {hash_flow_key(base_key, 1), hash_flow_key(base_key, 2)};
  ASSERT_EQ(hashes.size(), 2U);
  for (std::size_t byte = 0; byte < sizeof(FlowKey); ++byte) {
    auto bytes = std::bit_cast<std::array<std::uint8_t, sizeof(FlowKey)>>(base_key);
    bytes[byte] ^= 0x10;
    EXPECT_TRUE(hashes.insert(hash_flow_key(std::bit_cast<FlowKey>(bytes), 1)).second)
        << "byte " << byte;
  }
}

}  // namespace
}  // namespace phalanx::ipsec
