// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/net/hand_on_mac.hpp"

#include <gtest/gtest.h>

namespace phalanx::net {
namespace {

// docs/abi.md
TEST(HandOnMac, IsWhatAllNodesMakeOfTheSharedAddress) {
  struct Row {
    const char* shared;
    const char* first;
    const char* second;
    const char* next_hop;
    const char* all;
  };
  const Row rows[] = {
      {"02:50:48:00:00:79", "06:50:48:00:00:07", "0a:50:48:00:00:07", "0e:50:48:00:00:07",
       "03:50:48:00:00:79"},
      {"00:00:5e:00:01:20", "06:00:5e:00:01:07", "0a:00:5e:00:01:07", "0e:00:5e:00:01:07",
       "03:00:5e:00:01:20"},
      {"fe:ff:ff:ff:ff:ff", "fa:ff:ff:ff:ff:07", "f6:ff:ff:ff:ff:07", "f2:ff:ff:ff:ff:07",
       "ff:ff:ff:ff:ff:ff"},
  };
  for (const auto& row : rows) {
    const auto shared = parse_mac(row.shared).value();
    const base::NodeId node(7);
    EXPECT_EQ(to_string(hand_on_mac(shared, node, HandOnHop::First)), row.first);
    EXPECT_EQ(to_string(hand_on_mac(shared, node, HandOnHop::Second)), row.second);
    EXPECT_EQ(to_string(next_hop_mac(shared, node)), row.next_hop);
    EXPECT_EQ(to_string(all_nodes_mac(shared)), row.all);
  }
}

TEST(HandOnMac, IsALocalUnicastAddressOfItsOwn) {
  for (unsigned first = 0; first < 256; first += 2) {
    const MacAddress shared{{static_cast<std::uint8_t>(first), 1, 2, 3, 4, 9}};
    const auto once = hand_on_mac(shared, base::NodeId(9), HandOnHop::First);
    const auto twice = hand_on_mac(shared, base::NodeId(9), HandOnHop::Second);
    const auto next_hop = next_hop_mac(shared, base::NodeId(9));
    for (const auto& mac : {once, twice, next_hop}) {
      EXPECT_FALSE(mac.is_multicast());
      EXPECT_NE(mac.bytes[0] & 2, 0);
      EXPECT_NE(mac, shared);
    }
    EXPECT_NE(once, twice);
    EXPECT_NE(next_hop, once);
    EXPECT_NE(next_hop, twice);
    EXPECT_TRUE(all_nodes_mac(shared).is_multicast());
  }
}

}  // namespace
}  // namespace phalanx::net
