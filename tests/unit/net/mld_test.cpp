// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/net/mld.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "phalanx/net/packet_parser.hpp"
#include "support/exact_buffer.hpp"
#include "support/hex.hpp"
#include "support/named_vectors.hpp"

namespace phalanx::net {
namespace {

using namespace std::chrono_literals;
using test::ExactBuffer;
using test::to_hex;

const test::NamedVectors& vectors() {
  static const test::NamedVectors loaded("host.txt");
  return loaded;
}

std::span<const std::byte> packet_of(const std::string& name) {
  return std::span(vectors()[name]).subspan(sizeof(EthernetHeader));
}

struct Known {
  std::string name;
  std::uint8_t version;
  std::chrono::milliseconds max_delay;
  std::string group;  // empty: all
};

const Known kKnown[] = {
    {"mld_query", 2, 10'000ms, ""},
    {"mld_query_v1", 1, 1000ms, ""},
    {"mld_query_group", 2, 1000ms, "ff02::1:ff00:1"},
    {"mld_query_long_delay", 2, 54'752ms, ""},  // 0x1abc << 3
};

TEST(Mld, ReadsQueriesOfScapy) {
  for (const auto& known : kKnown) {
    const ExactBuffer packet(packet_of(known.name));
    const auto query = parse_mld_query(packet.bytes(), 48);
    ASSERT_TRUE(query) << known.name;
    EXPECT_EQ(query->version, known.version) << known.name;
    EXPECT_EQ(query->max_delay, known.max_delay) << known.name;
    EXPECT_EQ(query->group ? to_string(*query->group) : "", known.group) << known.name;
  }
}

TEST(Mld, RefusesQueriesThatBreakARule) {
  for (const std::string name :
       {"bad_mld_hop_limit", "bad_mld_no_alert", "bad_mld_source", "bad_mld_length"}) {
    EXPECT_FALSE(parse_mld_query(packet_of(name), 48)) << name;
  }
  EXPECT_FALSE(parse_mld_query(packet_of("mld_joined"), 48)) << "a report is no query";
}

TEST(Mld, RefusesQueryCutAtEachByte) {
  const auto whole = packet_of("mld_query");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const ExactBuffer cut(whole.first(length));
    // 24 bytes are a query of version 1.
    EXPECT_EQ(parse_mld_query(cut.bytes(), 48).has_value(), length == 48 + 24) << length;
  }
}

TEST(Mld, WritesReportsOfScapy) {
  const auto mac = *parse_mac("02:00:5e:00:53:01");
  const auto source = *parse_ip("fe80::5eff:fe00:5301");
  const std::vector<IpAddress> groups = {*parse_ip("ff02::1:ff00:1"),
                                         *parse_ip("ff02::1:ff00:5301")};
  const auto joined = write_mld_report(mac, source, MldRecord::ChangeToExclude, groups);
  EXPECT_EQ(to_hex(joined.span()), to_hex(vectors()["mld_joined"]));
  const auto present = write_mld_report(mac, source, MldRecord::ModeIsExclude, groups);
  EXPECT_EQ(to_hex(present.span()), to_hex(vectors()["mld_present"]));
  for (std::size_t i = 0; i < groups.size(); ++i) {
    EXPECT_EQ(to_hex(write_mld_report_v1(mac, source, groups[i]).span()),
              to_hex(vectors()["mld_v1_report_" + std::to_string(i)]));
  }
}

TEST(Mld, LargestReportFitsTheMinimumMtu) {
  const std::vector<IpAddress> groups(kMaxMldGroups, *parse_ip("ff02::1:ff00:1"));
  const auto frame = write_mld_report(*parse_mac("02:00:5e:00:53:01"), *parse_ip("fe80::1"),
                                      MldRecord::ModeIsExclude, groups);
  const auto packet = frame.span().subspan(sizeof(EthernetHeader));
  EXPECT_LE(packet.size(), 1280U);
  EXPECT_EQ(parse_ip_packet(packet).fault, IpFault::Ok);
  EXPECT_EQ(parse_ip_packet(packet).total_length, packet.size());
}

}  // namespace
}  // namespace phalanx::net
