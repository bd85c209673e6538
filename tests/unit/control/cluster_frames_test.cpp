// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/cluster_frames.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "phalanx/net/checksum.hpp"
#include "phalanx/net/packet_parser.hpp"

namespace phalanx::control {
namespace {

using Frame = std::vector<std::byte>;
using Kind = ClusterFrame::Kind;

const auto kSource = net::IpAddress::v4(0x0a090001);
const auto kOwn = net::IpAddress::v4(0x0a090002);
constexpr std::uint16_t kPort = 4510;
constexpr auto kNow = base::TimePoint(std::chrono::seconds(5));

UdpPath path() {
  return {{{2, 0, 0, 0, 0, 1}}, {{2, 0, 0, 0, 0, 2}}, kSource, kOwn, kPort};
}
Frame payload_of(std::size_t length) {
  Frame bytes(length);
  std::mt19937 random(static_cast<unsigned>(length));
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}
std::vector<Frame> frames_of(const Frame& payload, std::uint32_t id = 7, std::uint16_t mtu = 1500) {
  std::vector<Frame> frames;
  write_udp_frames(path(), payload, mtu, id,
                   [&](auto frame) { frames.emplace_back(frame.begin(), frame.end()); });
  return frames;
}
ClusterFrameReader reader() {
  ClusterFrameReader made(kOwn, kPort);
  made.set_members({kSource});
  return made;
}

TEST(ClusterFrames, CarryEveryLength) {
  for (const std::size_t length :
       std::initializer_list<std::size_t>{0, 1, 1471, 1472, 1473, 2920, 2921, 9000, 65000, 65507}) {
    const auto payload = payload_of(length);
    auto in = reader();
    const auto frames = frames_of(payload);
    EXPECT_EQ(frames.size(), length <= 1472 ? 1 : (length + 1459) / 1460) << length;
    for (std::size_t i = 0; i < frames.size(); ++i) {
      EXPECT_LE(frames[i].size(), 1514U);
      const auto view = net::parse_ip_packet(std::span(frames[i]).subspan(14));
      EXPECT_EQ(view.fault, net::IpFault::Ok);
      EXPECT_EQ(net::checksum(std::span(frames[i]).subspan(14, 20)), 0);
      const auto read = in.read(frames[i], kNow);
      if (i + 1 < frames.size()) {
        EXPECT_EQ(read.kind, Kind::Incomplete);
      } else {
        ASSERT_EQ(read.kind, Kind::Datagram) << length;
        EXPECT_EQ(read.payload, payload);
        EXPECT_EQ(read.from, kSource);
        EXPECT_EQ(read.from_mac, path().source_mac);
      }
    }
    EXPECT_EQ(in.partial(), 0U);
  }
}

TEST(ClusterFrames, ComeTogetherInAnyOrder) {
  const auto payload = payload_of(8000);
  auto frames = frames_of(payload);
  std::mt19937 random(3);
  for (int round = 0; round < 20; ++round) {
    std::shuffle(frames.begin(), frames.end(), random);
    auto in = reader();
    int datagrams = 0;
    for (const auto& frame : frames) {
      const auto read = in.read(frame, kNow);
      if (read.kind != Kind::Datagram) continue;
      ++datagrams;
      EXPECT_EQ(read.payload, payload);
    }
    EXPECT_EQ(datagrams, 1);
  }
}

TEST(ClusterFrames, DoNotMindCopiesOfPieces) {
  const auto payload = payload_of(4000);
  const auto frames = frames_of(payload);
  auto in = reader();
  for (int copies = 0; copies < 3; ++copies) {
    EXPECT_EQ(in.read(frames[0], kNow).kind, Kind::Incomplete);
    EXPECT_EQ(in.read(frames[1], kNow).kind, Kind::Incomplete);
  }
  const auto read = in.read(frames[2], kNow);
  ASSERT_EQ(read.kind, Kind::Datagram);
  EXPECT_EQ(read.payload, payload);
}

TEST(ClusterFrames, AreNotMadeOfPiecesThatDoNotFit) {
  const auto frames = frames_of(payload_of(4000));
  constexpr std::size_t kPiece = 14 + 20 + 8;
  struct Case {
    const char* what;
    std::size_t offset;
    std::byte value;
  };
  for (const auto& [what, offset, value] : std::initializer_list<Case>{
           {"too many", kPiece + 2, std::byte{1}},
           {"another count", kPiece + 3, std::byte{9}},
           {"none at all", kPiece + 3, std::byte{0}},
           {"beyond the last", kPiece + 5, std::byte{7}},
       }) {
    auto in = reader();
    EXPECT_EQ(in.read(frames[0], kNow).kind, Kind::Incomplete);
    EXPECT_EQ(in.read(frames[1], kNow).kind, Kind::Incomplete);
    auto wrong = frames[2];
    wrong[offset] = value;
    EXPECT_EQ(in.read(wrong, kNow).kind, Kind::Incomplete) << what;
    EXPECT_EQ(in.read(frames[2], kNow).kind, Kind::Datagram) << what;
  }
}

TEST(ClusterFrames, OfFewDatagramsWaitForAWhile) {
  auto in = reader();
  for (std::uint32_t id = 0; id < 100; ++id) {
    EXPECT_EQ(in.read(frames_of(payload_of(4000), id)[0], kNow).kind, Kind::Incomplete);
  }
  EXPECT_EQ(in.partial(), DatagramPieces::kMaxPartial);
  const auto later = kNow + DatagramPieces::kPatience + std::chrono::milliseconds(1);
  EXPECT_EQ(in.read(frames_of(payload_of(4000), 200)[0], later).kind, Kind::Incomplete);
  EXPECT_EQ(in.partial(), 1U);
}

TEST(ClusterFrames, OfOthersAreForeign) {
  const auto good = frames_of(payload_of(100))[0];
  struct Case {
    const char* what;
    std::size_t offset;
    std::byte value;
  };
  for (const auto& [what, offset, value] : std::initializer_list<Case>{
           {"another protocol", 14 + 9, std::byte{6}},
           {"another destination", 14 + 19, std::byte{9}},
           {"nobody we know", 14 + 15, std::byte{9}},
           {"options", 14, std::byte{0x46}},
           {"another port", 14 + 20 + 3, std::byte{1}},
           {"longer than it is", 14 + 20 + 4, std::byte{0xff}},
           {"not IPv4", 12, std::byte{0x86}},
           {"a fragment", 14 + 6, std::byte{0x60}},
       }) {
    auto frame = good;
    frame[offset] = value;
    EXPECT_EQ(reader().read(frame, kNow).kind, Kind::Foreign) << what;
  }
  for (std::size_t length = 0; length < good.size(); ++length) {
    EXPECT_EQ(reader().read(std::span(good).first(length), kNow).kind, Kind::Foreign) << length;
  }
}

TEST(ClusterFrames, AskForOurAddress) {
  net::ArpMessage message;
  message.sender_mac = {{2, 0, 0, 0, 0, 9}};
  message.sender = kSource;
  message.target = kOwn;
  const auto read =
      reader().read(net::write_arp_frame({{255, 255, 255, 255, 255, 255}}, message), kNow);
  EXPECT_EQ(read.kind, Kind::ArpRequest);
  EXPECT_EQ(read.from_mac, message.sender_mac);
  message.target = kSource;
  EXPECT_EQ(reader().read(net::write_arp_frame(message.sender_mac, message), kNow).kind,
            Kind::Foreign);
}

}  // namespace
}  // namespace phalanx::control
