// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/net/ndp.hpp"

#include <gtest/gtest.h>

#include <string>

#include "phalanx/base/bytes.hpp"
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

struct Known {
  std::string name;
  NdpKind kind;
  std::string source, destination, target;
  std::string flags;  // r, s, o
  std::string mac;    // empty: no option
};

const Known kKnown[] = {
    {"ns", NdpKind::Solicitation, "2001:db8:1::9", "ff02::1:ff00:1", "2001:db8:1::1", "",
     "02:00:5e:00:53:99"},
    {"ns_two_options", NdpKind::Solicitation, "2001:db8:1::9", "ff02::1:ff00:1", "2001:db8:1::1",
     "", "02:00:5e:00:53:99"},
    {"ns_unicast", NdpKind::Solicitation, "2001:db8:1::9", "2001:db8:1::1", "2001:db8:1::1", "",
     ""},
    {"ns_dad", NdpKind::Solicitation, "::", "ff02::1:ff00:1", "2001:db8:1::1", "", ""},
    {"na_solicited", NdpKind::Advertisement, "2001:db8:1::9", "2001:db8:1::1", "2001:db8:1::9",
     "so", "02:00:5e:00:53:99"},
    {"na_solicited_no_option", NdpKind::Advertisement, "2001:db8:1::9", "2001:db8:1::1",
     "2001:db8:1::9", "so", ""},
    {"na_other_mac_no_override", NdpKind::Advertisement, "2001:db8:1::9", "ff02::1",
     "2001:db8:1::9", "", "02:00:5e:00:53:77"},
    {"na_our_announcement", NdpKind::Advertisement, "2001:db8:1::1", "ff02::1", "2001:db8:1::1",
     "ro", "02:00:5e:00:53:01"},
};

std::string flags_of(const NdpMessage& message) {
  return std::string(message.router ? "r" : "") + (message.solicited ? "s" : "") +
         (message.override_cache ? "o" : "");
}

TEST(Ndp, ReadsWhatScapyWrote) {
  for (const auto& known : kKnown) {
    const ExactBuffer packet(packet_of(known.name));
    const auto message = parse_ndp(packet.bytes());
    ASSERT_TRUE(message.ok()) << known.name;
    EXPECT_EQ(message->kind, known.kind) << known.name;
    EXPECT_EQ(to_string(message->source), known.source) << known.name;
    EXPECT_EQ(to_string(message->destination), known.destination) << known.name;
    EXPECT_EQ(to_string(message->target), known.target) << known.name;
    EXPECT_EQ(flags_of(*message), known.flags) << known.name;
    EXPECT_EQ(message->link_layer ? to_string(*message->link_layer) : "", known.mac) << known.name;
  }
}

TEST(Ndp, WritesTheBytesOfScapy) {
  for (const std::string name :
       {"ns_answer", "ns_link_local_answer", "ns_dad_answer", "na_our_announcement",
        "na_our_link_local_announcement", "ns_our_solicitation", "ns_our_probe", "ns_unicast"}) {
    const auto& frame = vectors()[name];
    const auto* ethernet = base::view_as<EthernetHeader>(std::span(frame));
    const auto message = parse_ndp(packet_of(name));
    ASSERT_TRUE(message.ok()) << name;
    const auto written = write_ndp_frame(ethernet->source, ethernet->destination, *message);
    EXPECT_EQ(to_hex(written.span()), to_hex(frame)) << name;
  }
}

struct Broken {
  std::string name;
  NdpFault fault;
};

// RFC 4861 7.1.1 and 7.1.2, rule by rule.
const Broken kBroken[] = {
    {"bad_ns_hop_limit", NdpFault::BadHopLimit},
    {"bad_ns_checksum", NdpFault::BadChecksum},
    {"bad_ns_code", NdpFault::BadCode},
    {"bad_ns_target_multicast", NdpFault::BadTarget},
    {"bad_ns_option_zero", NdpFault::BadOption},
    {"bad_ns_option_too_long", NdpFault::BadOption},
    {"bad_ns_option_group_mac", NdpFault::BadOption},
    {"bad_ns_dad_with_option", NdpFault::BadSource},
    {"bad_ns_dad_to_all_nodes", NdpFault::BadDestination},
    {"bad_na_hop_limit", NdpFault::BadHopLimit},
    {"bad_na_code", NdpFault::BadCode},
    {"bad_na_target_multicast", NdpFault::BadTarget},
    {"bad_na_solicited_to_group", NdpFault::BadDestination},
    {"bad_na_option_zero", NdpFault::BadOption},
    {"bad_ns_behind_extension_header", NdpFault::NotNeighborDiscovery},
    {"rs", NdpFault::NotNeighborDiscovery},
    {"ra", NdpFault::NotNeighborDiscovery},
    {"redirect", NdpFault::NotNeighborDiscovery},
    {"echo6_56", NdpFault::NotNeighborDiscovery},
};

TEST(Ndp, RefusesWhatBreaksARule) {
  for (const auto& broken : kBroken) {
    const auto message = parse_ndp(packet_of(broken.name));
    ASSERT_FALSE(message.ok()) << broken.name;
    EXPECT_EQ(message.error(), broken.fault) << broken.name;
  }
}

TEST(Ndp, RefusesPacketCutAtEachByte) {
  for (const std::string name : {"ns", "na_solicited", "ns_two_options"}) {
    const auto whole = packet_of(name);
    for (std::size_t length = 0; length < whole.size(); ++length) {
      const ExactBuffer cut(whole.first(length));
      EXPECT_FALSE(parse_ndp(cut.bytes()).ok()) << name << " " << length;
    }
  }
}

TEST(Ndp, RefusesPayloadLengthThatEndsAnywhereEarly) {
  // The packet claims to be shorter than it is, with a checksum that fits what it claims.
  const auto whole = packet_of("ns");
  for (std::size_t payload = 0; payload < whole.size() - sizeof(Ipv6Header); ++payload) {
    ExactBuffer cut(whole.first(sizeof(Ipv6Header) + payload));
    base::view_as<Ipv6Header>(cut.writable())->payload_length =
        base::be16(static_cast<std::uint16_t>(payload));
    const auto message = parse_ndp(cut.bytes());
    // 24 bytes are a solicitation without option, which scapy's checksum does not fit.
    EXPECT_FALSE(message.ok()) << payload;
  }
}

TEST(Ndp, DerivesGroupsAndLinkLocalAddresses) {
  // RFC 4291 2.7.1 and appendix A, RFC 2464 4 and 7: their own examples.
  EXPECT_EQ(to_string(solicited_node(*parse_ip("4037::1:800:200e:8c6c"))), "ff02::1:ff0e:8c6c");
  EXPECT_EQ(to_string(link_local_address(*parse_mac("34:56:78:9a:bc:de"))),
            "fe80::3656:78ff:fe9a:bcde");
  EXPECT_EQ(to_string(multicast_mac(*parse_ip("ff02::1:ff0e:8c6c"))), "33:33:ff:0e:8c:6c");
  EXPECT_EQ(to_string(all_nodes()), "ff02::1");
}

}  // namespace
}  // namespace phalanx::net
