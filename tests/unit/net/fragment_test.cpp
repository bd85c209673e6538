// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/net/fragment.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "phalanx/base/bytes.hpp"
#include "phalanx/net/checksum.hpp"
#include "phalanx/net/packet_parser.hpp"
#include "support/exact_buffer.hpp"
#include "support/hex.hpp"
#include "support/named_vectors.hpp"

namespace phalanx::net {
namespace {

using Bytes = std::vector<std::byte>;
using test::ExactBuffer;
using test::to_hex;

const test::NamedVectors& vectors() {
  static const test::NamedVectors loaded("fragments.txt");
  return loaded;
}

std::uint16_t mtu_of(const std::string& name) {
  return static_cast<std::uint16_t>(std::stoul(name.substr(name.find('@') + 1)));
}

// With a header checksum that fits.
Bytes mended(Bytes packet) {
  auto* ip = base::view_as<Ipv4Header>(std::span(packet));
  ip->checksum = base::be16(0);
  ip->checksum = base::be16(checksum(std::span(packet).first((ip->version_ihl & 15U) * 4U)));
  return packet;
}

TEST(Fragment, CutsAsScapyDoes) {
  std::size_t packets = 0;
  for (const auto& [name, bytes] : vectors().all()) {
    if (name.find('.') != std::string::npos) continue;
    const ExactBuffer packet(bytes);
    const auto plan = Ipv4Fragments::plan(packet.bytes(), mtu_of(name));
    ASSERT_TRUE(plan.ok()) << name;
    EXPECT_FALSE(vectors().all().contains(name + "." + std::to_string(plan->count()))) << name;
    for (std::size_t i = 0; i < plan->count(); ++i) {
      const auto& wanted = vectors()[name + "." + std::to_string(i)];
      ExactBuffer out(wanted);
      EXPECT_EQ(plan->write(i, out.writable()), wanted.size()) << name << " " << i;
      EXPECT_EQ(to_hex(out.bytes()), to_hex(wanted)) << name << " " << i;
      ExactBuffer small(std::span<const std::byte>(wanted).first(wanted.size() - 1));
      EXPECT_EQ(plan->write(i, small.writable()), 0U) << name << " " << i;
    }
    ++packets;
  }
  EXPECT_EQ(packets, 17U);
}

TEST(Fragment, FragmentsAreWholePacketsWhoseDataAddsUp) {
  const auto& packet = vectors()["udp@576"];
  for (std::uint16_t mtu = kMinIpv4Mtu; mtu < packet.size(); ++mtu) {
    const auto plan = Ipv4Fragments::plan(packet, mtu);
    ASSERT_TRUE(plan.ok()) << mtu;
    Bytes data;
    for (std::size_t i = 0; i < plan->count(); ++i) {
      Bytes out(mtu);
      out.resize(plan->write(i, out));
      const auto view = parse_ip_packet(out);
      ASSERT_EQ(view.fault, IpFault::Ok) << mtu;
      EXPECT_EQ(view.total_length, out.size());
      const auto field = base::view_as<Ipv4Header>(std::span<const std::byte>(out))->fragment;
      EXPECT_EQ((field.host() & Ipv4Header::kOffsetMask) * 8U, data.size()) << mtu;
      EXPECT_EQ((field.host() & Ipv4Header::kMoreFragments) != 0, i + 1 < plan->count()) << mtu;
      data.insert(data.end(), out.begin() + view.l4_offset, out.end());
    }
    EXPECT_EQ(to_hex(data), to_hex(std::span(packet).subspan(20))) << mtu;
  }
}

TEST(Fragment, IgnoresLinkPadding) {
  auto padded = vectors()["udp@576"];
  const auto size = padded.size();
  padded.resize(size + 50);
  EXPECT_EQ(Ipv4Fragments::plan(padded, 576)->count(),
            Ipv4Fragments::plan(vectors()["udp@576"], 576)->count());
  const auto fits = Ipv4Fragments::plan(padded, static_cast<std::uint16_t>(size));
  ASSERT_FALSE(fits.ok());
  EXPECT_EQ(fits.error(), FragmentFault::Fits);
}

TEST(Fragment, RefusesWhatMustNotBeCut) {
  const auto& packet = vectors()["udp@576"];
  auto dont_fragment = packet;
  dont_fragment[6] |= std::byte{0x40};
  auto bad_checksum = packet;
  bad_checksum[10] ^= std::byte{1};
  Bytes v6(1400);
  v6[0] = std::byte{0x60};
  v6[4] = std::byte{(1400 - 40) >> 8};
  v6[5] = std::byte{(1400 - 40) & 0xff};
  v6[6] = std::byte{17};
  v6[8] = v6[24] = std::byte{0x20};
  const struct {
    std::string what;
    Bytes packet;
    std::uint16_t mtu;
    FragmentFault fault;
  } rows[] = {
      {"fits exactly", packet, 1500, FragmentFault::Fits},
      {"DF", mended(dont_fragment), 576, FragmentFault::DontFragment},
      {"tiny MTU", packet, 67, FragmentFault::MtuTooSmall},
      {"no MTU", packet, 0, FragmentFault::MtuTooSmall},
      {"bad checksum", bad_checksum, 576, FragmentFault::Malformed},
      {"IPv6", v6, 1280, FragmentFault::NotIpv4},
      {"nothing", {}, 576, FragmentFault::Malformed},
  };
  for (const auto& row : rows) {
    const auto plan = Ipv4Fragments::plan(row.packet, row.mtu);
    ASSERT_FALSE(plan.ok()) << row.what;
    EXPECT_EQ(plan.error(), row.fault) << row.what;
  }
}

TEST(Fragment, RefusesOptionsThatDoNotParse) {
  // 4 bytes of options behind the header of a packet of 324 bytes.
  const std::pair<std::string, bool> rows[] = {
      {"01010101", true},  {"00ffffff", true},  {"94040000", true},
      {"0703ff00", true},  {"94000000", false}, {"94010000", false},
      {"94050000", false}, {"01010194", false}, {"07ff0000", false},
  };
  for (const auto& [options, good] : rows) {
    Bytes packet = test::unhex(
        "460001440001000040110000"
        "0a010005"
        "0a020007" +
        options);
    packet.resize(324);
    const auto plan = Ipv4Fragments::plan(mended(packet), 100);
    ASSERT_EQ(plan.ok(), good) << options;
    if (good) continue;
    EXPECT_EQ(plan.error(), FragmentFault::Malformed) << options;
  }
}

TEST(Fragment, RefusesPacketCutAtEachByte) {
  const auto& whole = vectors()["mixed@200"];
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const ExactBuffer cut(std::span<const std::byte>(whole).first(length));
    const auto plan = Ipv4Fragments::plan(cut.bytes(), 200);
    ASSERT_FALSE(plan.ok()) << length;
    EXPECT_EQ(plan.error(), FragmentFault::Malformed) << length;
  }
}

}  // namespace
}  // namespace phalanx::net
