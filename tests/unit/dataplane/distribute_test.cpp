// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
//
// A worker whose node owns half of the buckets, fed with packets of every kind: what it drops as
// another node's must be what the bucket of each packet says.
#include <gtest/gtest.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "eal_for_tests.hpp"
#include "phalanx/dataplane/dataplane.hpp"
#include "phalanx/net/checksum.hpp"
#include "phalanx/net/ethernet.hpp"
#include "phalanx/net/icmp.hpp"
#include "phalanx/net/ip.hpp"
#include "support/esp_tunnel.hpp"

namespace phalanx::dataplane {
namespace {

using base::be16;
using base::be32;
using Frame = std::vector<std::uint8_t>;

constexpr net::MacAddress kMac{{0x02, 0, 0, 0, 1, 1}};
constexpr std::uint16_t kVlan = 100;
constexpr std::uint32_t kStripedSpis = 1'000;  // SPIs from 256 on that are in packet mode
constexpr std::uint8_t kStripeShift = 4;
constexpr net::BucketHash::Key kKey = {1, 2, 3, 4, 5, 6, 7, 8, 9};
constexpr std::array<std::uint8_t, 4> kOurAddress = {192, 0, 2, 1};

// ---- the port that gives the packets
// -------------------------------------------------------------
struct Feed {
  std::vector<rte_mbuf*> packets;
  std::size_t given = 0;
  std::atomic<bool> done{false};
};
Feed feed;

std::uint16_t receive(void*, rte_mbuf** packets, std::uint16_t wanted) {
  const auto count = std::min<std::size_t>(wanted, feed.packets.size() - feed.given);
  std::copy_n(feed.packets.begin() + static_cast<std::ptrdiff_t>(feed.given), count, packets);
  feed.given += count;
  // Asked again: what it was given last has been dealt with.
  if (count == 0) feed.done.store(true, std::memory_order_release);
  return static_cast<std::uint16_t>(count);
}
std::uint16_t receive_nothing(void*, rte_mbuf**, std::uint16_t) {
  return 0;
}

// ---- frames ------------------------------------------------------------------------------------
void append(Frame& frame, const void* from, std::size_t length) {
  const auto at = frame.size();
  frame.resize(at + length);
  std::memcpy(frame.data() + at, from, length);
}

Frame ethernet(std::uint16_t ether_type, bool tagged) {
  Frame frame;
  const net::EthernetHeader header{kMac, {}, be16(tagged ? net::kEtherTypeVlan : ether_type)};
  append(frame, &header, sizeof(header));
  const std::array<be16, 2> tag = {be16(kVlan), be16(ether_type)};
  if (tagged) append(frame, tag.data(), sizeof(tag));
  return frame;
}

void append_ipv4(Frame& frame, std::uint8_t protocol, std::uint16_t fragment, std::uint16_t host,
                 std::span<const std::uint8_t> payload) {
  net::Ipv4Header header{};
  header.version_ihl = 0x45;
  header.total_length = be16(static_cast<std::uint16_t>(sizeof(header) + payload.size()));
  header.identification = be16(host);
  header.fragment = be16(fragment);
  header.ttl = 64;
  header.protocol = protocol;
  header.source = {10, 64, static_cast<std::uint8_t>(host >> 8), static_cast<std::uint8_t>(host)};
  header.destination = kOurAddress;
  if (protocol != net::kProtoEsp) header.destination = {10, 32, 0, 1};
  header.checksum = be16(net::checksum(std::as_bytes(std::span(&header, 1))));
  append(frame, &header, sizeof(header));
  append(frame, payload.data(), payload.size());
}

void append_ipv6(Frame& frame, std::uint8_t protocol, std::uint8_t hop_limit, std::uint16_t host,
                 std::span<const std::uint8_t> payload) {
  net::Ipv6Header header{};
  header.version_class_flow = be32(0x6000'0000);
  header.payload_length = be16(static_cast<std::uint16_t>(payload.size()));
  header.next_header = protocol;
  header.hop_limit = hop_limit;
  header.source = {0x20, 0x01, 0x0d, 0xb8, 1, static_cast<std::uint8_t>(host)};
  header.destination = {0x20, 0x01, 0x0d, 0xb8, 2, static_cast<std::uint8_t>(host >> 8)};
  append(frame, &header, sizeof(header));
  append(frame, payload.data(), payload.size());
}

Frame random_frame(std::mt19937& random) {
  std::array<std::uint8_t, 32> payload{};
  for (auto& byte : payload) byte = static_cast<std::uint8_t>(random());
  const auto host = static_cast<std::uint16_t>(random());
  const bool tagged = random() % 4 == 0;
  auto v4 = ethernet(net::kEtherTypeIpv4, tagged);
  auto v6 = ethernet(net::kEtherTypeIpv6, tagged);
  switch (random() % 9) {
    case 0: append_ipv4(v4, net::kProtoTcp, 0, host, payload); return v4;
    case 1: append_ipv4(v4, net::kProtoUdp, 0, host, payload); return v4;
    case 2:
      append_ipv4(v4, net::kProtoUdp, random() % 2 == 0 ? 0x2000 : 5, host, payload);
      return v4;
    case 3: append_ipv4(v4, 47, 0, host, payload); return v4;
    case 4:
      payload[0] = 8;  // echo request
      append_ipv4(v4, net::kProtoIcmp, 0, host, payload);
      return v4;
    case 5: append_ipv6(v6, net::kProtoTcp, 64, host, payload); return v6;
    case 6:
      payload[0] = 136;  // neighbor advertisement, which is everybody's
      append_ipv6(v6, net::kProtoIcmpv6, 255, host, payload);
      return v6;
    default: {
      const be32 spi(base::kMinSpi + static_cast<std::uint32_t>(random() % (2 * kStripedSpis)));
      std::memcpy(payload.data(), &spi, sizeof(spi));
      append_ipv4(v4, net::kProtoEsp, 0, host, payload);
      return v4;
    }
  }
}

// The bucket of a frame by the functions for single packets; nullopt: every node's.
std::optional<base::BucketIndex> bucket_of(const net::BucketHash& hash, const Frame& frame) {
  const bool tagged = frame[12] == 0x81;
  const auto* ip = frame.data() + sizeof(net::EthernetHeader) + (tagged ? 4 : 0);
  const auto length = static_cast<std::size_t>(frame.data() + frame.size() - ip);
  const auto view = net::parse_ip_packet({reinterpret_cast<const std::byte*>(ip), length});
  EXPECT_EQ(view.fault, net::IpFault::Ok);
  if (view.protocol == net::kProtoEsp) {
    const auto* esp = base::wire_at<net::EspHeader>(ip + view.l4_offset);
    const auto spi = esp->spi.host();
    if (spi >= base::kMinSpi + kStripedSpis) return hash.esp_session(base::Spi(spi));
    return hash.esp_packet(base::Spi(spi), esp->sequence.host() >> kStripeShift);
  }
  if (view.protocol == net::kProtoIcmpv6 && view.ttl == 255) return std::nullopt;
  const bool v4 = view.version == 4;
  const auto a = v4 ? net::IpAddress::v4_from(ip + 12) : net::IpAddress::v6_from(ip + 8);
  const auto b = v4 ? net::IpAddress::v4_from(ip + 16) : net::IpAddress::v6_from(ip + 24);
  if (view.fragment) return hash.fragment(a, b, view.fragment_id);
  if (view.has_ports) {
    return hash.flow(a, b, view.protocol, view.source_port, view.destination_port);
  }
  if (const auto identifier = net::echo_identifier(view, ip)) return hash.icmp(a, b, *identifier);
  return hash.other(a, b, view.protocol);
}

Config make_config(const char* null_device) {
  Config config;
  const auto port = [](const char* name, const char* device, std::uint16_t vlan,
                       const char* address) {
    PortConfig made;
    made.name = name;
    made.device = device;
    made.role = PortRole::Both;
    made.addresses = {*net::parse_interface_address(address)};
    made.mac = kMac;
    made.vlan = vlan;
    return made;
  };
  config.ports = {port("plain", null_device, 0, "192.0.2.1/24"),
                  port("tagged", null_device, kVlan, "10.0.0.1/24")};
  config.workers.resize(1);
  config.limits.mbufs = 8192;
  return config;
}

void fill_tables(Dataplane& gateway) {
  gateway.set_bucket_key(kKey);
  ASSERT_TRUE(gateway.set_routes({}, {}).ok());
  ASSERT_TRUE(gateway.set_policies({}).ok());
  auto sas = ipsec::SaStore::create({}, {}, {}, base::NodeId(1), base::BootCount(1));
  ASSERT_TRUE(sas.ok());
  ASSERT_TRUE(gateway.set_sas(std::move(*sas)).ok());
  auto& tables = gateway.tables();
  for (std::size_t i = 0; i < base::kNumBuckets; ++i) {
    tables.distribution.assign(base::BucketIndex(static_cast<std::uint8_t>(i)),
                               base::NodeId(i % 2 == 0 ? 1 : 2));
  }
  for (std::uint32_t i = 0; i < kStripedSpis; ++i) {
    ASSERT_TRUE(tables.stripes.insert(base::Spi(base::kMinSpi + i), kStripeShift));
  }
}

std::uint64_t drops(const WorkerCounters& counters, DropReason reason) {
  return counters.drops[static_cast<std::size_t>(reason)].get();
}

// Gives the frames to the worker of a gateway and waits until it has judged them; those that wait
// for their bucket, after `then`.
void run(
    Dataplane& gateway, const std::vector<Frame>& frames,
    const std::function<void()>& then = [] {}) {
  feed.packets.clear();
  feed.given = 0;
  feed.done.store(false);
  for (const auto& frame : frames) {
    auto* packet = rte_pktmbuf_alloc(gateway.pool().get());
    ASSERT_NE(packet, nullptr);
    std::memcpy(rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size())), frame.data(),
                frame.size());
    feed.packets.push_back(packet);
  }
  auto& port = rte_eth_fp_ops[gateway.devices()[0].port_id()];
  port.rx_pkt_burst = receive;
  ASSERT_TRUE(gateway.start(1).ok());
  while (!feed.done.load(std::memory_order_acquire)) std::this_thread::yield();
  then();
  while (gateway.worker(0).counters().held.get() != 0) std::this_thread::yield();
  gateway.stop();
  port.rx_pkt_burst = receive_nothing;
  const auto& counters = gateway.worker(0).counters();
  std::uint64_t received = 0;
  for (const auto& one : counters.ports) received += one.rx_packets.get();
  EXPECT_EQ(received, frames.size());
  // Everything else went on to be judged: no policy, no SA, or the control thread's.
  std::uint64_t rest = counters.to_control.get();
  for (const auto& drop : counters.drops) rest += drop.get();
  EXPECT_EQ(rest, frames.size());
}

std::vector<Frame> random_frames(unsigned count) {
  std::mt19937 random(1);
  std::vector<Frame> frames;
  for (unsigned i = 0; i < count; ++i) frames.push_back(random_frame(random));
  return frames;
}

TEST(Distribute, DropsExactlyWhatIsInOtherNodesBuckets) {
  need_eal();
  ASSERT_EQ(rte_eal_hotplug_add("vdev", "net_null_distribute", ""), 0);
  const base::SteadyClock clock;
  auto opened = Dataplane::open(make_config("net_null_distribute"), clock);
  ASSERT_TRUE(opened.ok()) << opened.error();
  fill_tables(**opened);
  const auto frames = random_frames(4'000);
  const net::BucketHash hash(kKey);
  std::uint64_t foreign = 0;
  for (const auto& frame : frames) {
    const auto bucket = bucket_of(hash, frame);
    foreign += bucket && bucket->value() % 2 == 1 ? 1 : 0;
  }
  run(**opened, frames);
  EXPECT_EQ(drops((*opened)->worker(0).counters(), DropReason::NotOurBucket), foreign);
  EXPECT_GT(foreign, 1'000U);
}

// Where all nodes see all frames, policy is asked first. Here it knows no SA, so that the bucket of
// each packet decides in the end; what is everybody's by its kind is then somebody's, too.
TEST(Distribute, AsksPolicyBeforeItDropsWhatIsInClear) {
  need_eal();
  ASSERT_EQ(rte_eal_hotplug_add("vdev", "net_null_distribute2", ""), 0);
  const base::SteadyClock clock;
  auto config = make_config("net_null_distribute2");
  config.cluster_node = base::NodeId(1);
  auto opened = Dataplane::open(config, clock);
  ASSERT_TRUE(opened.ok()) << opened.error();
  fill_tables(**opened);
  (*opened)->tables().open_until_ns.store(Tables::kAlwaysOpen);
  const auto frames = random_frames(4'000);
  const net::BucketHash hash(kKey);
  std::uint64_t foreign = 0;
  std::uint64_t everybodys = 0;
  for (const auto& frame : frames) {
    const auto bucket = bucket_of(hash, frame);
    foreign += bucket && bucket->value() % 2 == 1 ? 1 : 0;
    everybodys += bucket ? 0 : 1;
  }
  run(**opened, frames);
  const auto& counters = (*opened)->worker(0).counters();
  EXPECT_GE(drops(counters, DropReason::NotOurBucket), foreign);
  EXPECT_LE(drops(counters, DropReason::NotOurBucket), foreign + everybodys);
  EXPECT_GT(counters.flow_misses.get(), 1'000U) << "policy was not asked";
}

TEST(Distribute, KnowsTheInboundSasInPacketMode) {
  need_eal();
  ASSERT_EQ(rte_eal_hotplug_add("vdev", "net_null_distribute4", ""), 0);
  const base::SteadyClock clock;
  auto opened = Dataplane::open(make_config("net_null_distribute4"), clock);
  ASSERT_TRUE(opened.ok()) << opened.error();
  (*opened)->set_bucket_key(kKey);
  struct Row {
    std::uint32_t spi;
    ipsec::Direction direction;
    ipsec::SaMode mode;
    std::uint8_t shift;
    std::uint32_t wanted;
  };
  constexpr auto kPacket = ipsec::SaMode::Packet;
  const std::vector<Row> rows = {
      {0x1001, ipsec::Direction::Inbound, kPacket, 3, 3},
      {0x1002, ipsec::Direction::Inbound, ipsec::SaMode::Session, 3, StripeTable::kSession},
      {0x1003, ipsec::Direction::Outbound, kPacket, 3, StripeTable::kSession},
      {0x1004, ipsec::Direction::Inbound, kPacket, 5, 5}};
  std::vector<ipsec::SaParams> params;
  std::vector<std::uint32_t> spis;
  for (const auto& row : rows) {
    test::TunnelOptions options;
    options.key_seed = options.spi = row.spi;
    options.mode = row.mode;
    options.stripe_shift = row.shift;
    params.push_back(test::make_params(options, row.direction));
    spis.push_back(row.spi);
  }
  ipsec::IvCounter ivs;
  const std::vector<ipsec::SaStart> starts(rows.size(), {1, 10, 5, &ivs});
  auto sas = ipsec::SaStore::create(params, {}, starts, base::NodeId(1), base::BootCount(1));
  ASSERT_TRUE(sas.ok());
  EXPECT_TRUE((*opened)->tables().stripes.empty());
  ASSERT_TRUE((*opened)->set_sas(std::move(*sas)).ok());
  std::vector<std::uint32_t> shifts(rows.size());
  (*opened)->tables().stripes.lookup_bulk(spis.data(), spis.size(), shifts.data());
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(shifts[i], rows[i].wanted) << i;
}

TEST(Distribute, ForwardsNothingWithoutContactToAQuorum) {
  need_eal();
  ASSERT_EQ(rte_eal_hotplug_add("vdev", "net_null_distribute3", ""), 0);
  const base::SteadyClock clock;
  auto config = make_config("net_null_distribute3");
  config.cluster_node = base::NodeId(1);
  auto opened = Dataplane::open(config, clock);
  ASSERT_TRUE(opened.ok()) << opened.error();
  fill_tables(**opened);
  (*opened)->tables().distribution.take_all();
  const auto past = clock.now() - std::chrono::milliseconds(1);
  (*opened)->tables().open_until_ns.store(past.time_since_epoch().count());
  auto frames = random_frames(1'000);
  frames.push_back(ethernet(net::kEtherTypeArp, false));
  frames.back().resize(60);
  run(**opened, frames);
  const auto& counters = (*opened)->worker(0).counters();
  EXPECT_EQ(drops(counters, DropReason::Fenced), 1'000U);
  EXPECT_EQ(counters.to_control.get(), 1U);  // neighbors are still learnt
}

// ---- buckets that come from another node
template <typename Do>
void for_others_buckets(const Do& action) {
  for (unsigned i = 1; i < base::kNumBuckets; i += 2) {
    action(base::BucketIndex(static_cast<std::uint8_t>(i)));
  }
}

TEST(ComingBuckets, TheirPacketsWaitAndGoOnWhenTheyAreOurs) {
  need_eal();
  ASSERT_EQ(rte_eal_hotplug_add("vdev", "net_null_coming1", ""), 0);
  const base::SteadyClock clock;
  auto config = make_config("net_null_coming1");
  config.coming_hold = std::chrono::hours(1);
  auto opened = Dataplane::open(config, clock);
  ASSERT_TRUE(opened.ok()) << opened.error();
  fill_tables(**opened);
  auto& tables = (*opened)->tables();
  const auto phase = [&](NodeMoves::Phase to) {
    for_others_buckets([&](base::BucketIndex bucket) { tables.moves.set(bucket, to); });
  };
  phase(NodeMoves::Phase::Coming);
  const auto frames = random_frames(4'000);
  const net::BucketHash hash(kKey);
  std::uint64_t foreign = 0;
  for (const auto& frame : frames) {
    const auto bucket = bucket_of(hash, frame);
    foreign += bucket && bucket->value() % 2 == 1 ? 1 : 0;
  }
  run(**opened, frames, [&] {
    EXPECT_EQ((*opened)->worker(0).counters().held.get(), foreign);
    tables.distribution.take_all();
    phase(NodeMoves::Phase::None);
  });
  const auto& counters = (*opened)->worker(0).counters();
  EXPECT_EQ(counters.coming_released.get(), foreign);
  EXPECT_EQ(drops(counters, DropReason::NotOurBucket), 0U);
  EXPECT_EQ(drops(counters, DropReason::HoldTimeout), 0U);
}

TEST(ComingBuckets, TheirPacketsAreDroppedWhenTheyDoNotCome) {
  need_eal();
  ASSERT_EQ(rte_eal_hotplug_add("vdev", "net_null_coming2", ""), 0);
  const base::SteadyClock clock;
  auto config = make_config("net_null_coming2");
  config.coming_hold = std::chrono::hours(1);
  auto opened = Dataplane::open(config, clock);
  ASSERT_TRUE(opened.ok()) << opened.error();
  fill_tables(**opened);
  auto& moves = (*opened)->tables().moves;
  for_others_buckets([&](auto bucket) { moves.set(bucket, NodeMoves::Phase::Coming); });
  std::uint64_t held = 0;
  run(**opened, random_frames(1'000), [&] {
    held = (*opened)->worker(0).counters().held.get();
    for_others_buckets([&](auto bucket) { moves.set(bucket, NodeMoves::Phase::None); });
  });
  EXPECT_GT(held, 100U);
  EXPECT_EQ(drops((*opened)->worker(0).counters(), DropReason::HoldTimeout), held);
}

// Every second packet was sent by the last owner, which noted it; each of them came twice and was
// sent once.
TEST(ComingBuckets, WhatTheLastOwnerSentIsNotSentAgain) {
  need_eal();
  ASSERT_EQ(rte_eal_hotplug_add("vdev", "net_null_coming3", ""), 0);
  const base::SteadyClock clock;
  auto config = make_config("net_null_coming3");
  config.cluster_node = base::NodeId(1);
  config.coming_hold = std::chrono::hours(1);
  auto opened = Dataplane::open(config, clock);
  ASSERT_TRUE(opened.ok()) << opened.error();
  fill_tables(**opened);
  auto& tables = (*opened)->tables();
  tables.open_until_ns.store(Tables::kAlwaysOpen);
  const net::BucketHash hash(kKey);
  std::vector<Frame> frames;
  std::map<base::BucketIndex, std::vector<std::uint64_t>> noted;
  std::uint64_t sent = 0;
  for (std::uint16_t host = 0; frames.size() < 1'000; ++host) {
    auto frame = ethernet(net::kEtherTypeIpv4, false);
    append_ipv4(frame, net::kProtoUdp, 0, host, std::array<std::uint8_t, 32>{1, 2, 3, 4});
    const auto bucket = bucket_of(hash, frame);
    ASSERT_TRUE(bucket);
    if (bucket->value() % 2 == 0) continue;
    if (host % 4 < 2) {
      noted[*bucket].push_back(
          tables.digest.of(std::span(frame).subspan(sizeof(net::EthernetHeader))));
      ++sent;
    }
    frames.push_back(frame);
    frames.push_back(frame);
  }
  std::vector<std::unique_ptr<PassedPackets>> passed;
  for_others_buckets([&](auto bucket) { tables.moves.set(bucket, NodeMoves::Phase::Coming); });
  run(**opened, frames, [&] {
    for_others_buckets([&](auto bucket) {
      passed.push_back(std::make_unique<PassedPackets>(noted[bucket]));
      tables.moves.set_passed(bucket, passed.back().get());
    });
    tables.distribution.take_all();
    for_others_buckets([&](auto bucket) { tables.moves.set(bucket, NodeMoves::Phase::None); });
  });
  const auto& counters = (*opened)->worker(0).counters();
  EXPECT_GT(sent, 100U);
  EXPECT_EQ(drops(counters, DropReason::NotOurBucket), sent);
  EXPECT_EQ(counters.coming_released.get(), frames.size() - sent);
}

TEST(ComingBuckets, WhatLeavesIsNoted) {
  need_eal();
  ASSERT_EQ(rte_eal_hotplug_add("vdev", "net_null_coming4", ""), 0);
  const base::SteadyClock clock;
  auto config = make_config("net_null_coming4");
  config.cluster_node = base::NodeId(1);
  auto opened = Dataplane::open(config, clock);
  ASSERT_TRUE(opened.ok()) << opened.error();
  fill_tables(**opened);
  auto& tables = (*opened)->tables();
  tables.open_until_ns.store(Tables::kAlwaysOpen);
  tables.distribution.take_all();
  for_others_buckets([&](auto bucket) { tables.moves.set(bucket, NodeMoves::Phase::Noting); });
  auto frame = ethernet(net::kEtherTypeIpv4, false);
  append_ipv4(frame, net::kProtoUdp, 0, 0, std::array<std::uint8_t, 32>{1, 2, 3, 4});
  const net::BucketHash hash(kKey);
  std::uint16_t host = 0;
  while (bucket_of(hash, frame)->value() % 2 == 0) {
    frame = ethernet(net::kEtherTypeIpv4, false);
    append_ipv4(frame, net::kProtoUdp, 0, ++host, std::array<std::uint8_t, 32>{1, 2, 3, 4});
  }
  run(**opened, {frame});
  PassedNote note;
  ASSERT_TRUE((*opened)->pop_passed(0, note));
  EXPECT_EQ(note.bucket, *bucket_of(hash, frame));
  EXPECT_EQ(note.digest, tables.digest.of(std::span(frame).subspan(sizeof(net::EthernetHeader))));
  EXPECT_FALSE((*opened)->pop_passed(0, note));
}

}  // namespace
}  // namespace phalanx::dataplane
