// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/net/arp.hpp"

#include <gtest/gtest.h>

#include <string>

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

std::span<const std::byte> body(const std::string& name) {
  return std::span(vectors()[name]).subspan(sizeof(EthernetHeader));
}

struct Known {
  std::string name;
  ArpOperation operation;
  std::string sender_mac, sender, target_mac, target;
};

const Known kKnown[] = {
    {"arp_request", ArpOperation::Request, "02:00:5e:00:53:99", "192.0.2.9", "00:00:00:00:00:00",
     "192.0.2.1"},
    {"arp_probe", ArpOperation::Request, "02:00:5e:00:53:99", "0.0.0.0", "00:00:00:00:00:00",
     "192.0.2.1"},
    {"arp_reply", ArpOperation::Reply, "02:00:5e:00:53:99", "192.0.2.9", "02:00:5e:00:53:01",
     "192.0.2.1"},
    {"arp_gratuitous_reply", ArpOperation::Reply, "02:00:5e:00:53:77", "192.0.2.9",
     "ff:ff:ff:ff:ff:ff", "192.0.2.9"},
};

TEST(Arp, ReadsWhatScapyWrote) {
  for (const auto& known : kKnown) {
    const ExactBuffer packet(body(known.name));
    const auto message = parse_arp(packet.bytes());
    ASSERT_TRUE(message) << known.name;
    EXPECT_EQ(message->operation, known.operation) << known.name;
    EXPECT_EQ(to_string(message->sender_mac), known.sender_mac) << known.name;
    EXPECT_EQ(to_string(message->sender), known.sender) << known.name;
    EXPECT_EQ(to_string(message->target_mac), known.target_mac) << known.name;
    EXPECT_EQ(to_string(message->target), known.target) << known.name;
  }
}

TEST(Arp, WritesTheBytesOfScapy) {
  for (const std::string name : {"arp_request_answer", "arp_probe_answer", "arp_our_announcement",
                                 "arp_our_request", "arp_our_poll"}) {
    const auto& frame = vectors()[name];
    const auto message = parse_arp(body(name));
    ASSERT_TRUE(message) << name;
    MacAddress destination;
    std::copy_n(reinterpret_cast<const std::uint8_t*>(frame.data()), 6, destination.bytes.begin());
    EXPECT_EQ(to_hex(write_arp_frame(destination, *message)), to_hex(frame)) << name;
  }
}

TEST(Arp, RefusesWhatIsNotEthernetAndIpv4) {
  for (const std::string name :
       {"arp_bad_hardware_type", "arp_bad_protocol_type", "arp_bad_hardware_length",
        "arp_bad_protocol_length", "arp_bad_operation", "arp_group_sender", "arp_zero_sender"}) {
    EXPECT_FALSE(parse_arp(body(name))) << name;
  }
}

TEST(Arp, RefusesPacketCutAtEachByte) {
  const auto whole = body("arp_request");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const ExactBuffer cut(whole.first(length));
    EXPECT_FALSE(parse_arp(cut.bytes())) << length;
  }
}

TEST(Arp, IgnoresPaddingOfShortFrames) {
  auto padded = vectors()["arp_request"];
  padded.resize(60);
  EXPECT_TRUE(parse_arp(std::span<const std::byte>(padded).subspan(sizeof(EthernetHeader))));
}

}  // namespace
}  // namespace phalanx::net
