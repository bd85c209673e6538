// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/cluster_paths.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string_view>

namespace phalanx::control {
namespace {

using namespace std::chrono_literals;

constexpr base::NodeId kSelf{1};
constexpr base::NodeId kPeer{2};
constexpr base::NodeId kWitness{3};
constexpr net::MacAddress kMac{{2, 0, 0, 0, 0, 2}};
constexpr net::MacAddress kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
constexpr std::size_t kPrivate = 1;
constexpr std::size_t kPublic = 2;
constexpr base::TimePoint kStart{100s};

ClusterPaths paths_of_two() {
  ClusterPaths paths(10ms, 2);
  const ClusterPaths::Peer peers[] = {{kPeer, true}, {kWitness, false}};
  paths.set_members(peers);
  return paths;
}
std::vector<std::size_t> used(ClusterPaths& paths, base::TimePoint now, base::NodeId to = kPeer) {
  std::vector<std::size_t> used;
  for (const auto& way : paths.ways(to, now)) used.push_back(way.path);
  return used;
}
using Used = std::vector<std::size_t>;

TEST(ClusterPaths, UseTheClusterPortAloneWhileItWorks) {
  auto paths = paths_of_two();
  auto now = kStart;
  for (int i = 0; i < 50; ++i, now += 10ms) {
    paths.heard(kPeer, ClusterPaths::kCluster, kMac, false, now);
    EXPECT_EQ(used(paths, now + 11ms), Used{ClusterPaths::kCluster});
  }
  EXPECT_EQ(paths.ways(kPeer, now)[0].mac, kMac);
  EXPECT_EQ(paths.heard_by(kPeer, now), ClusterPaths::kCluster);
  EXPECT_TRUE(paths.ways(base::NodeId(9), now).empty()) << "nobody";
}

TEST(ClusterPaths, UseDataPortsBeforeAFenceWouldClose) {
  auto paths = paths_of_two();
  paths.heard(kPeer, ClusterPaths::kCluster, kMac, false, kStart);
  EXPECT_FALSE(paths.take_change(kStart + 11ms));
  EXPECT_TRUE(paths.take_change(kStart + 13ms)) << "somebody must be told, at once";
  EXPECT_FALSE(paths.take_change(kStart + 14ms)) << "once";
  EXPECT_EQ(used(paths, kStart + 13ms), (Used{ClusterPaths::kCluster, kPrivate, kPublic}));
  EXPECT_TRUE(paths.is_deaf_to(kPeer, kStart + 13ms));
  for (const auto& way : paths.ways(kPeer, kStart + 13ms)) {
    if (way.path == ClusterPaths::kCluster) continue;
    EXPECT_EQ(way.mac, kBroadcast) << "not known yet";
  }
  // Then by the first one that brings something.
  paths.heard(kPeer, kPublic, kMac, true, kStart + 14ms);
  EXPECT_EQ(used(paths, kStart + 15ms), (Used{ClusterPaths::kCluster, kPublic}));
  paths.heard(kPeer, kPrivate, kMac, true, kStart + 15ms);
  EXPECT_EQ(used(paths, kStart + 16ms), (Used{ClusterPaths::kCluster, kPrivate}));
  EXPECT_EQ(paths.heard_by(kPeer, kStart + 60ms), std::nullopt);
}

// A cable that is dead in one direction: only the other end notices.
TEST(ClusterPaths, BelieveWhoSaysThatItDoesNotHearUs) {
  auto paths = paths_of_two();
  for (auto now = kStart; now < kStart + 100ms; now += 10ms) {
    paths.heard(kPeer, ClusterPaths::kCluster, kMac, false, now);
    paths.heard(kPeer, kPrivate, kMac, true, now);
    EXPECT_EQ(used(paths, now + 9ms), (Used{ClusterPaths::kCluster, kPrivate}));
    EXPECT_FALSE(paths.is_deaf_to(kPeer, now + 9ms));
  }
  // It hears us again, and does not say so any more: both stop.
  for (auto now = kStart + 100ms; now < kStart + 200ms; now += 10ms) {
    paths.heard(kPeer, ClusterPaths::kCluster, kMac, false, now);
    paths.heard(kPeer, kPrivate, kMac, false, now);
  }
  EXPECT_EQ(used(paths, kStart + 200ms), Used{ClusterPaths::kCluster});
}

TEST(ClusterPaths, SeldomTryWhoIsHeardNowhere) {
  auto paths = paths_of_two();
  paths.heard(kPeer, ClusterPaths::kCluster, kMac, false, kStart);
  int by_data = 0;
  for (auto now = kStart + 200ms; now < kStart + 1200ms; now += 1ms) {
    by_data += used(paths, now).size() > 1 ? 1 : 0;
  }
  EXPECT_EQ(by_data, 10) << "every ten heartbeats";
}

TEST(ClusterPaths, HaveNoDataPortsForAWitness) {
  auto paths = paths_of_two();
  EXPECT_EQ(used(paths, kStart, kWitness), Used{ClusterPaths::kCluster});
  EXPECT_FALSE(paths.has_data_ports(kWitness));
  paths.forget(kPeer);
  EXPECT_EQ(paths.ways(kPeer, kStart)[0].mac, kBroadcast);
}

std::vector<std::byte> sample_frame(bool deaf = true) {
  constexpr std::string_view kText = "some bytes of a datagram";
  DataFrame frame;
  frame.from = kPeer;
  frame.deaf = deaf;
  frame.payload = std::as_bytes(std::span(kText)).first(4);
  return write_data_frame(kBroadcast, kMac, kSelf, frame,
                          std::as_bytes(std::span(kText)).subspan(4));
}

TEST(DataFrames, ComeBackAsWritten) {
  for (const bool deaf : {false, true}) {
    auto bytes = sample_frame(deaf);
    bytes.resize(bytes.size() + 20);  // short frames are padded
    const auto frame = parse_data_frame(bytes, kSelf);
    ASSERT_TRUE(frame.has_value());
    EXPECT_EQ(frame->from, kPeer);
    EXPECT_EQ(frame->deaf, deaf);
    EXPECT_EQ(frame->mac, kMac);
    EXPECT_EQ(frame->payload.size(), 24U);
    // The same with a VLAN tag.
    const std::array<std::byte, 4> tag = {std::byte{0x81}, std::byte{0}, std::byte{0},
                                          std::byte{7}};
    bytes.insert(bytes.begin() + 12, tag.begin(), tag.end());
    const auto tagged = parse_data_frame(bytes, kSelf);
    ASSERT_TRUE(tagged.has_value());
    EXPECT_EQ(tagged->payload.size(), 24U);
  }
}

TEST(DataFrames, AreRefusedWhenCutOrOfOthers) {
  const auto bytes = sample_frame();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_FALSE(parse_data_frame(std::span(bytes).first(i), kSelf).has_value()) << i;
  }
  EXPECT_FALSE(parse_data_frame(bytes, kWitness).has_value()) << "for another node";
  constexpr std::size_t kSourceAt = 6, kTypeAt = 12, kVersionAt = 14, kFromAt = 16;
  for (const auto at : {kSourceAt, kTypeAt, kVersionAt}) {
    auto changed = bytes;
    changed[at] ^= std::byte{1};
    EXPECT_FALSE(parse_data_frame(changed, kSelf).has_value()) << at;
  }
  auto own = bytes;
  own[kFromAt] = std::byte{kSelf.value()};
  EXPECT_FALSE(parse_data_frame(own, kSelf).has_value()) << "our own";
}

}  // namespace
}  // namespace phalanx::control
