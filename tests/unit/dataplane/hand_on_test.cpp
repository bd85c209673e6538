// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
//
// A node in forward mode: what becomes of a frame by the address it came to, by who owns its
// bucket, and by whether this node is the receiver.
#include "distribute_fixture.hpp"
#include "phalanx/net/hand_on_mac.hpp"

namespace phalanx::dataplane {
namespace {

using net::HandOnHop;

constexpr base::NodeId kSelf{1};
constexpr base::NodeId kOther{2};
constexpr base::NodeId kDead{3};  // we serve its next hop
constexpr net::MacAddress kFirst = net::hand_on_mac(kMac, kSelf, HandOnHop::First);
constexpr net::MacAddress kSecond = net::hand_on_mac(kMac, kSelf, HandOnHop::Second);

std::vector<Frame> sent;

std::uint16_t transmit(void*, rte_mbuf** packets, std::uint16_t count) {
  for (std::uint16_t i = 0; i < count; ++i) {
    const auto* bytes = rte_pktmbuf_mtod(packets[i], const std::uint8_t*);
    sent.emplace_back(bytes, bytes + packets[i]->data_len);
    rte_pktmbuf_free(packets[i]);
  }
  return count;
}

Frame with_macs(Frame frame, const net::MacAddress& destination, const net::MacAddress& source) {
  std::memcpy(frame.data(), destination.bytes.data(), destination.bytes.size());
  std::memcpy(frame.data() + 6, source.bytes.data(), source.bytes.size());
  return frame;
}

// Plain and tagged, encrypted and clear, all kinds: those that have a bucket of their own, in one
// of the buckets that are (not) ours.
std::vector<Frame> frames_of(bool ours) {
  const net::BucketHash hash(kKey);
  std::vector<Frame> chosen;
  std::mt19937 random(3);
  while (chosen.size() < 200) {
    auto frame = random_frame(random);
    const auto bucket = bucket_of(hash, frame);
    if (bucket && (bucket->value() % 2 == 0) == ours) chosen.push_back(std::move(frame));
  }
  return chosen;
}

struct Case {
  const char* name;
  net::MacAddress destination;
  bool receives;
  bool ours;
  // What is expected of all frames: sent to this address, or dropped, or judged as ours.
  std::optional<net::MacAddress> to;
  std::optional<DropReason> drop;
};

void PrintTo(const Case& test, std::ostream* out) {
  *out << test.name;
}

class HandOn : public testing::TestWithParam<Case> {};

TEST_P(HandOn, TreatsAFrameByItsAddress) {
  static int devices = 0;
  const auto opened = open_node("net_null_hand_on" + std::to_string(devices++), [](Config& config) {
    config.hand_on = true;
    for (auto& port : config.ports) port.next_hops = {{kDead, *net::parse_ip("192.0.2.77")}};
  });
  auto& tables = opened->tables();
  tables.distribution.serve(kDead, true);
  tables.distribution.receive(GetParam().receives, GetParam().receives);
  sent.clear();
  rte_eth_fp_ops[opened->devices()[0].port_id()].tx_pkt_burst = transmit;

  const auto original = frames_of(GetParam().ours);
  std::vector<Frame> frames;
  for (int round = 0; round < 2; ++round) {  // what is known of a flow by then changes nothing
    for (const auto& frame : original) {
      frames.push_back(with_macs(frame, GetParam().destination, {{2, 9, 9, 9, 9, 9}}));
    }
  }
  run(*opened, frames);

  const auto& counters = opened->worker(0).counters();
  EXPECT_EQ(counters.handed_on.get(), GetParam().to ? frames.size() : 0U);
  EXPECT_EQ(sent.size(), GetParam().to ? frames.size() : 0U);
  for (std::size_t i = 0; i < sent.size(); ++i) {
    // Clear packets come behind those of their burst whose own bucket decides.
    const auto expected = with_macs(sent[i], *GetParam().to, kFirst);
    EXPECT_EQ(sent[i], expected);
    const auto back = with_macs(sent[i], kMac, {});
    EXPECT_NE(std::find(original.begin(), original.end(), back), original.end());
  }
  if (GetParam().drop) {
    EXPECT_EQ(drops(counters, *GetParam().drop), frames.size());
  } else if (!GetParam().to) {
    EXPECT_EQ(drops(counters, DropReason::NotOurBucket), 0U);
    EXPECT_EQ(drops(counters, DropReason::NotOurMac), 0U);
  }
}

const Case kCases[] = {
    {"receiver, another's",
     kMac,
     true,
     false,
     net::hand_on_mac(kMac, kOther, HandOnHop::First),
     {}},
    {"receiver, its own", kMac, true, true, {}, {}},
    {"not the receiver, another's", kMac, false, false, {}, DropReason::NotReceiver},
    {"not the receiver, its own", kMac, false, true, {}, DropReason::NotReceiver},
    {"handed on, its own", kFirst, false, true, {}, {}},
    {"handed on, no longer its own",
     kFirst,
     false,
     false,
     net::hand_on_mac(kMac, kOther, HandOnHop::Second),
     {}},
    {"handed on twice, its own", kSecond, false, true, {}, {}},
    {"handed on twice, another's", kSecond, false, false, {}, DropReason::HandedOnTwice},
    {"spray, another's",
     net::next_hop_mac(kMac, kDead),
     false,
     false,
     net::hand_on_mac(kMac, kOther, HandOnHop::First),
     {}},
    {"spray, its own", net::next_hop_mac(kMac, kDead), false, true, {}, {}},
    {"spray, a next hop that others serve",
     net::next_hop_mac(kMac, kOther),
     true,
     true,
     {},
     DropReason::NotOurMac},
    {"to another node",
     net::hand_on_mac(kMac, kOther, HandOnHop::First),
     true,
     true,
     {},
     DropReason::NotOurMac},
};
INSTANTIATE_TEST_SUITE_P(ForwardMode, HandOn, testing::ValuesIn(kCases));

}  // namespace
}  // namespace phalanx::dataplane
