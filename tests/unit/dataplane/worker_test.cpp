// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dataplane/worker.hpp"

#include "support/hex.hpp"
#include "support/named_vectors.hpp"
#include "worker_fixture.hpp"

namespace phalanx::dataplane {
namespace {

constexpr AdjacencyIndex kRow{3};
const std::string kMacA = "02:00:5e:00:53:0a";
const std::string kMacB = "02:00:5e:00:53:0b";

const test::NamedVectors& fragment_vectors() {
  static const test::NamedVectors loaded("fragments.txt");
  return loaded;
}

class HeldPackets : public WorkerTest {
 protected:
  // As the control thread gives back a packet that waited for 10.1.0.5.
  rte_mbuf* waited() {
    auto* made = packet(fragment_vectors()["udp@576.2"]);
    auto& meta = meta_of(made);
    meta.task = PacketTask::SendAdjacent;
    meta.adjacency = kRow;
    meta.port = kPrivatePort;
    meta.next_hop = *net::parse_ip("10.1.0.5");
    meta.ingress = kPublicPort;
    meta.from_tunnel = true;
    return made;
  }
  void expect_asked_again() {
    EXPECT_TRUE(frames().empty());
    const auto meta = punted();
    ASSERT_TRUE(meta);
    EXPECT_EQ(meta->punt, PuntReason::NeighborMiss);
    EXPECT_EQ(meta->port, kPrivatePort);
    EXPECT_EQ(meta->next_hop, *net::parse_ip("10.1.0.5"));
    EXPECT_EQ(meta->ingress, kPublicPort);
    EXPECT_TRUE(meta->from_tunnel);
  }
};

TEST_F(HeldPackets, GoToTheNeighborTheyWaitedFor) {
  publish(kRow, kPrivatePort, "10.1.0.5", kMacA);
  from_control(waited());
  const auto sent = frames();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(test::to_hex(std::span(sent[0]).first(6)), "02005e00530a");
  EXPECT_FALSE(punted());
}

// Between the answer and the worker's turn the row may have become another neighbor's.
TEST_F(HeldPackets, DoNotGoToAnotherNeighborOfTheirRow) {
  publish(kRow, kPrivatePort, "10.1.0.6", kMacB);
  from_control(waited());
  expect_asked_again();
}

TEST_F(HeldPackets, DoNotGoToTheSameAddressBehindAnotherPort) {
  publish(kRow, kPublicPort, "10.1.0.5", kMacB);
  from_control(waited());
  expect_asked_again();
}

TEST_F(HeldPackets, AskAgainWhenTheirRowIsGone) {
  from_control(waited());
  expect_asked_again();
}

class OwnPackets : public WorkerTest {
 protected:
  // A packet of the gateway itself, through the default route.
  void send(std::span<const std::byte> bytes, std::uint16_t mtu) {
    tables.ports[kPrivatePort].mtu = mtu;
    auto* made = packet(bytes);
    meta_of(made).task = PacketTask::Route;
    meta_of(made).own = true;
    from_control(made);
  }
};

TEST_F(OwnPackets, AreCutAsScapyDoesWhenTheyMayBe) {
  publish(kGateway, kPrivatePort, "10.1.0.9", kMacA);
  std::uint64_t cut = 0;
  std::uint64_t refused = 0;
  for (const auto& [name, bytes] : fragment_vectors().all()) {
    if (name.find('.') != std::string::npos) continue;
    send(bytes, static_cast<std::uint16_t>(std::stoul(name.substr(name.find('@') + 1))));
    const auto sent = frames();
    if (fragment_vectors().all().contains(name + ".16")) {  // more pieces than are made of one
      EXPECT_TRUE(sent.empty()) << name;
      ++refused;
      continue;
    }
    for (std::size_t i = 0; i < sent.size(); ++i) {
      EXPECT_EQ(test::to_hex(std::span(sent[i]).subspan(14)),
                test::to_hex(fragment_vectors()[name + "." + std::to_string(i)]))
          << name;
    }
    EXPECT_GE(sent.size(), 2U) << name;
    EXPECT_FALSE(fragment_vectors().all().contains(name + "." + std::to_string(sent.size())));
    ++cut;
  }
  EXPECT_EQ(cut + refused, 17U);
  EXPECT_GE(cut, 10U);
  EXPECT_EQ((*worker)->counters().fragmented.get(), cut);
  EXPECT_EQ(drops(DropReason::EspTooBig), refused);
}

TEST_F(OwnPackets, AreNeitherCutNorComplainedAboutWhenTheyMayNotBe) {
  publish(kGateway, kPrivatePort, "10.1.0.9", kMacA);
  // DF set, header checksum adjusted: 0x4000 more in the header is 0x4000 less in its complement.
  auto bytes = fragment_vectors()["udp@576"];
  bytes[6] |= std::byte{0x40};
  bytes[10] = std::byte{static_cast<unsigned char>(std::to_integer<unsigned>(bytes[10]) - 0x40)};
  send(bytes, 576);
  EXPECT_TRUE(frames().empty());
  EXPECT_FALSE(punted());
  EXPECT_EQ(drops(DropReason::EspTooBig), 1U);
}

TEST_F(OwnPackets, WaitForTheirGateway) {
  send(fragment_vectors()["udp@576.2"], 1500);
  const auto meta = punted();
  ASSERT_TRUE(meta);
  EXPECT_EQ(meta->punt, PuntReason::NeighborMiss);
  EXPECT_EQ(meta->port, kPrivatePort);
  EXPECT_EQ(meta->next_hop, *net::parse_ip("10.1.0.9"));
}

}  // namespace
}  // namespace phalanx::dataplane
