// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/net/address.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace phalanx::net {
namespace {

TEST(MacAddress, ParsesAndFormatsRoundTrip) {
  for (const std::string_view text : {"00:00:00:00:00:00", "02:00:5e:10:00:ff"}) {
    const auto mac = parse_mac(text);
    ASSERT_TRUE(mac) << text;
    EXPECT_EQ(to_string(*mac), text);
  }
  EXPECT_EQ(parse_mac("AA:BB:CC:DD:EE:0F"), parse_mac("aa:bb:cc:dd:ee:0f"));
  EXPECT_EQ(parse_mac("01:02:03:04:05:06")->bytes, (std::array<std::uint8_t, 6>{1, 2, 3, 4, 5, 6}));
}

TEST(MacAddress, RefusesWhatIsNotSixHexPairs) {
  for (const std::string_view text :
       {"", "02:00:5e:10:00", "02:00:5e:10:00:ff:", "02:00:5e:10:00:ff:00", "2:0:5e:10:0:ff",
        "02-00-5e-10-00-ff", "02:00:5e:10:00:fg", "02:00:5e:10:00: f", " 2:00:5e:10:00:ff",
        "0200:5e:10:00:ff:", "02:00:5e:10:00+ff"}) {
    EXPECT_FALSE(parse_mac(text)) << '"' << text << '"';
  }
}

TEST(MacAddress, KnowsItsKind) {
  struct Row {
    std::string_view text;
    bool multicast;
    bool broadcast;
    bool zero;
  };
  for (const auto& row :
       {Row{"00:00:00:00:00:00", false, false, true}, Row{"02:00:00:00:00:01", false, false, false},
        Row{"33:33:00:00:00:01", true, false, false}, Row{"01:00:5e:00:00:01", true, false, false},
        Row{"ff:ff:ff:ff:ff:fe", true, false, false},
        Row{"ff:ff:ff:ff:ff:ff", true, true, false}}) {
    const auto mac = parse_mac(row.text).value();
    EXPECT_EQ(mac.is_multicast(), row.multicast) << row.text;
    EXPECT_EQ(mac.is_broadcast(), row.broadcast) << row.text;
    EXPECT_EQ(mac.is_zero(), row.zero) << row.text;
  }
}

struct Text {
  std::string_view in;
  std::string_view out;
};

TEST(IpAddress, FormatsAsRfc5952Says) {
  for (const auto& row : {
           // RFC 5952 section 1: many ways to write one address.
           Text{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
           Text{"2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
           Text{"2001:db8::1:0:0:1", "2001:db8::1:0:0:1"},
           Text{"2001:db8::0:1:0:0:1", "2001:db8::1:0:0:1"},
           Text{"2001:0db8::1:0:0:1", "2001:db8::1:0:0:1"},
           Text{"2001:db8:0:0:1::1", "2001:db8::1:0:0:1"},
           Text{"2001:DB8:0:0:1::1", "2001:db8::1:0:0:1"},
           // 4.1: no leading zeros.
           Text{"2001:0db8::0001", "2001:db8::1"},
           // 4.2.1: "::" as long as it can be.
           Text{"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
           // 4.2.2: "::" never for one field.
           Text{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
           Text{"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
           // 4.2.3: the longest run, the first of equals.
           Text{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
           Text{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
           // 4.3: lower case.
           Text{"2001:DB8::AAAA", "2001:db8::aaaa"},
           // 5: mixed notation of a known prefix.
           Text{"::ffff:c000:201", "::ffff:192.0.2.1"},
           Text{"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
           Text{"0:0:0:0:0:0:0:0", "::"},
           Text{"0:0:0:0:0:0:0:1", "::1"},
           Text{"fe80:0:0:0:0:0:0:0", "fe80::"},
           Text{"192.0.2.1", "192.0.2.1"},
           Text{"0.0.0.0", "0.0.0.0"},
           Text{"255.255.255.255", "255.255.255.255"},
       }) {
    const auto address = parse_ip(row.in);
    ASSERT_TRUE(address) << row.in;
    EXPECT_EQ(to_string(*address), row.out) << row.in;
    EXPECT_EQ(parse_ip(row.out), address) << row.out;
  }
}

TEST(IpAddress, RefusesOtherText) {
  using namespace std::string_view_literals;
  for (const auto text : {""sv,
                          " 10.0.0.1"sv,
                          "10.0.0.1 "sv,
                          "10.0.0"sv,
                          "10.0.0.0.1"sv,
                          "10.0.0.256"sv,
                          "10.0.0.01"sv,
                          "10.0.0.0x1"sv,
                          "10.1"sv,
                          "10.0.0.-1"sv,
                          "10.0.0.1/32"sv,
                          "10..0.1"sv,
                          "10.0.0.1\0"sv,
                          "::1\0tail"sv,
                          ":"sv,
                          ":::"sv,
                          "1:2:3:4:5:6:7"sv,
                          "1:2:3:4:5:6:7:8:9"sv,
                          "1::2::3"sv,
                          "12345::"sv,
                          "::g"sv,
                          "fe80::1%eth0"sv,
                          "[::1]"sv,
                          "1:2:3:4:5:6:7:8:"sv,
                          "::1.2.3"sv,
                          "::1.2.3.256"sv,
                          "localhost"sv,
                          "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"sv}) {
    EXPECT_FALSE(parse_ip(text)) << '"' << text << '"';
  }
}

TEST(IpAddress, BuildsFromHostOrderAndWire) {
  const auto address = IpAddress::v4(0xc0000201);
  EXPECT_EQ(to_string(address), "192.0.2.1");
  EXPECT_EQ(address.v4_host_order(), 0xc0000201U);
  EXPECT_EQ(address.size(), 4U);
  EXPECT_EQ(IpAddress::v4_from(address.bytes.data()), address);
  const auto six = parse_ip("2001:db8::1").value();
  EXPECT_EQ(IpAddress::v6_from(six.bytes.data()), six);
  EXPECT_EQ(six.size(), 16U);
}

TEST(IpAddress, IsNotEqualAcrossFamilies) {
  EXPECT_NE(parse_ip("0.0.0.0"), parse_ip("::"));
  EXPECT_NE(parse_ip("192.0.2.1"), parse_ip("::ffff:192.0.2.1"));
}

TEST(IpAddress, KnowsItsKind) {
  enum Kind : unsigned { Plain = 0, Unspecified = 1, Multicast = 2, Loopback = 4, LinkLocal = 8 };
  struct Row {
    std::string_view text;
    unsigned kind;
  };
  for (const auto& row : {Row{"0.0.0.0", Unspecified},
                          Row{"0.0.0.1", Plain},
                          Row{"126.255.255.255", Plain},
                          Row{"127.0.0.0", Loopback},
                          Row{"127.255.255.255", Loopback},
                          Row{"128.0.0.1", Plain},
                          Row{"169.253.255.255", Plain},
                          Row{"169.254.0.1", LinkLocal},
                          Row{"169.255.0.1", Plain},
                          Row{"223.255.255.255", Plain},
                          Row{"224.0.0.1", Multicast},
                          Row{"239.255.255.255", Multicast},
                          Row{"240.0.0.1", Plain},
                          Row{"::", Unspecified},
                          Row{"::1", Loopback},
                          Row{"::2", Plain},
                          Row{"1::1", Plain},
                          Row{"100::", Plain},
                          Row{"fe7f::1", Plain},
                          Row{"fe80::1", LinkLocal},
                          Row{"febf::1", LinkLocal},
                          Row{"fec0::1", Plain},
                          Row{"feff::1", Plain},
                          Row{"ff00::", Multicast},
                          Row{"ff02::1", Multicast}}) {
    const auto address = parse_ip(row.text).value();
    const unsigned kind =
        (address.is_unspecified() ? Unspecified : 0U) | (address.is_multicast() ? Multicast : 0U) |
        (address.is_loopback() ? Loopback : 0U) | (address.is_link_local() ? LinkLocal : 0U);
    EXPECT_EQ(kind, row.kind) << row.text;
  }
}

TEST(Prefix, ParsesAndFormats) {
  for (const auto& row :
       {Text{"0.0.0.0/0", "0.0.0.0/0"}, Text{"10.0.0.0/8", "10.0.0.0/8"},
        Text{"10.128.0.0/9", "10.128.0.0/9"}, Text{"192.0.2.254/31", "192.0.2.254/31"},
        Text{"192.0.2.1", "192.0.2.1/32"}, Text{"::/0", "::/0"},
        Text{"2001:DB8::/32", "2001:db8::/32"}, Text{"2001:db8:8000::/33", "2001:db8:8000::/33"},
        Text{"2001:db8::1", "2001:db8::1/128"}, Text{"2001:db8::2/127", "2001:db8::2/127"}}) {
    const auto prefix = parse_prefix(row.in);
    ASSERT_TRUE(prefix) << row.in;
    EXPECT_EQ(to_string(*prefix), row.out);
  }
}

TEST(Prefix, RefusesHostBitsAndBadLengths) {
  for (const std::string_view text :
       {"10.0.0.1/8", "10.128.0.0/8", "192.0.2.1/31", "2001:db8::1/127", "2001:db8:8000::/32",
        "10.0.0.0/33", "10.0.0.0/256", "::/129", "::/256", "10.0.0.0/", "10.0.0.0/ 8",
        "10.0.0.0/+8", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/8/8", "10.0.0.0/8 ", "/8", "/"}) {
    EXPECT_FALSE(parse_prefix(text)) << '"' << text << '"';
  }
}

TEST(Prefix, ContainsItsBlockOnly) {
  struct Row {
    std::string_view prefix;
    std::string_view address;
    bool contained;
  };
  for (const auto& row :
       {Row{"0.0.0.0/0", "255.255.255.255", true}, Row{"0.0.0.0/0", "::", false},
        Row{"::/0", "2001:db8::1", true}, Row{"::/0", "10.0.0.1", false},
        Row{"10.0.0.0/8", "10.255.255.255", true}, Row{"10.0.0.0/8", "11.0.0.0", false},
        Row{"10.0.0.0/8", "9.255.255.255", false}, Row{"10.64.0.0/10", "10.127.255.255", true},
        Row{"10.64.0.0/10", "10.128.0.0", false}, Row{"192.0.2.1/32", "192.0.2.1", true},
        Row{"192.0.2.1/32", "192.0.2.0", false}, Row{"2001:db8::/47", "2001:db8:1:ffff::", true},
        Row{"2001:db8::/47", "2001:db8:2::", false}, Row{"2001:db8::1/128", "2001:db8::1", true},
        Row{"2001:db8::1/128", "2001:db8::3", false}}) {
    EXPECT_EQ(parse_prefix(row.prefix)->contains(*parse_ip(row.address)), row.contained)
        << row.prefix << ' ' << row.address;
  }
}

TEST(Prefix, OverlapsWhatItContainsOrIsContainedIn) {
  struct Row {
    std::string_view a;
    std::string_view b;
    bool overlap;
  };
  for (const auto& row :
       {Row{"10.0.0.0/8", "10.1.0.0/16", true}, Row{"10.0.0.0/8", "10.0.0.0/8", true},
        Row{"10.0.0.0/9", "10.128.0.0/9", false}, Row{"10.0.0.0/8", "11.0.0.0/16", false},
        Row{"0.0.0.0/0", "192.0.2.1/32", true}, Row{"0.0.0.0/0", "::/0", false},
        Row{"2001:db8::/32", "2001:db8:1::/48", true},
        Row{"2001:db8::/48", "2001:db8:1::/48", false}}) {
    const auto a = *parse_prefix(row.a);
    const auto b = *parse_prefix(row.b);
    EXPECT_EQ(a.overlaps(b), row.overlap) << row.a << ' ' << row.b;
    EXPECT_EQ(b.overlaps(a), row.overlap) << row.b << ' ' << row.a;
  }
}

// Against a bit-by-bit definition of "same first n bits".
TEST(Prefix, MasksAtEveryLength) {
  for (const std::string_view text :
       {"255.255.255.255", "170.85.170.85", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "aa55:aa55:aa55:aa55:aa55:aa55:aa55:aa55"}) {
    const auto address = *parse_ip(text);
    for (unsigned length = 0; length <= address.size() * 8; ++length) {
      const auto prefix = make_prefix(address, static_cast<std::uint8_t>(length));
      EXPECT_EQ(prefix.length, length);
      for (unsigned bit = 0; bit < address.size() * 8; ++bit) {
        const auto of = [bit](const IpAddress& a) { return a.bytes[bit / 8] >> (7 - bit % 8) & 1; };
        ASSERT_EQ(of(prefix.address), bit < length ? of(address) : 0) << text << '/' << length;
      }
    }
  }
  EXPECT_EQ(make_prefix(IpAddress::v4(0x0a000001), 200).length, 32);
}

TEST(InterfaceAddress, KeepsTheHostPart) {
  const auto parsed = parse_interface_address("192.0.2.17/28");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(to_string(*parsed), "192.0.2.17/28");
  EXPECT_EQ(to_string(parsed->subnet()), "192.0.2.16/28");
  EXPECT_EQ(to_string(parse_interface_address("2001:db8::5/64")->subnet()), "2001:db8::/64");
  for (const std::string_view text : {"192.0.2.17", "192.0.2.17/33", "192.0.2/24", "::1/129"}) {
    EXPECT_FALSE(parse_interface_address(text)) << text;
  }
}

}  // namespace
}  // namespace phalanx::net
