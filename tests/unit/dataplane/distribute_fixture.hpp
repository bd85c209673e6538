// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

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
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "eal_for_tests.hpp"
#include "phalanx/dataplane/dataplane.hpp"
#include "phalanx/net/checksum.hpp"
#include "phalanx/net/ethernet.hpp"
#include "phalanx/net/icmp.hpp"
#include "phalanx/net/ip.hpp"
#include "support/esp_tunnel.hpp"

// A gateway whose one worker is fed by the test: frames of every kind, and their buckets by the
// functions for single packets. For one test program.
namespace phalanx::dataplane {

using base::be16;
using base::be32;
using Frame = std::vector<std::uint8_t>;

inline constexpr net::MacAddress kMac{{0x02, 0, 0, 0, 1, 1}};
inline constexpr std::uint16_t kVlan = 100;
inline constexpr std::uint32_t kStripedSpis = 1'000;  // SPIs from 256 on that are in packet mode
inline constexpr std::uint8_t kStripeShift = 4;
inline constexpr net::BucketHash::Key kKey = {1, 2, 3, 4, 5, 6, 7, 8, 9};
inline constexpr std::array<std::uint8_t, 4> kOurAddress = {192, 0, 2, 1};

// ---- the port that gives the packets
// -------------------------------------------------------------
struct Feed {
  std::vector<rte_mbuf*> packets;
  std::size_t given = 0;
  std::size_t pause_at = 0;                    // a burst ends here; 0: none
  std::function<void()> while_paused = [] {};  // by the worker's thread
  std::atomic<bool> done{false};
};
inline Feed feed;

inline std::uint16_t receive(void*, rte_mbuf** packets, std::uint16_t wanted) {
  if (feed.pause_at != 0 && feed.given == feed.pause_at) feed.while_paused();
  const auto end = feed.given < feed.pause_at ? feed.pause_at : feed.packets.size();
  const auto count = std::min<std::size_t>(wanted, end - feed.given);
  std::copy_n(feed.packets.begin() + static_cast<std::ptrdiff_t>(feed.given), count, packets);
  feed.given += count;
  // Asked again: what it was given last has been dealt with.
  if (count == 0) feed.done.store(true, std::memory_order_release);
  return static_cast<std::uint16_t>(count);
}
inline std::uint16_t receive_nothing(void*, rte_mbuf**, std::uint16_t) {
  return 0;
}

// ---- frames ------------------------------------------------------------------------------------
inline void append(Frame& frame, const void* from, std::size_t length) {
  const auto at = frame.size();
  frame.resize(at + length);
  std::memcpy(frame.data() + at, from, length);
}

inline Frame ethernet(std::uint16_t ether_type, bool tagged) {
  Frame frame;
  const net::EthernetHeader header{kMac, {}, be16(tagged ? net::kEtherTypeVlan : ether_type)};
  append(frame, &header, sizeof(header));
  const std::array<be16, 2> tag = {be16(kVlan), be16(ether_type)};
  if (tagged) append(frame, tag.data(), sizeof(tag));
  return frame;
}

inline void append_ipv4(Frame& frame, std::uint8_t protocol, std::uint16_t fragment,
                        std::uint16_t host, std::span<const std::uint8_t> payload) {
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

inline void append_ipv6(Frame& frame, std::uint8_t protocol, std::uint8_t hop_limit,
                        std::uint16_t host, std::span<const std::uint8_t> payload) {
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

inline Frame random_frame(std::mt19937& random) {
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
inline std::optional<base::BucketIndex> bucket_of(const net::BucketHash& hash, const Frame& frame) {
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

inline Config make_config(const char* null_device) {
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

inline void fill_tables(Dataplane& gateway) {
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

// A node of a cluster, number 1, that owns the even buckets. `change`: what else it is.
inline std::unique_ptr<Dataplane> open_node(
    const std::string& device, const std::function<void(Config&)>& change = [](Config&) {}) {
  static const base::SteadyClock clock;
  need_eal();
  EXPECT_EQ(rte_eal_hotplug_add("vdev", device.c_str(), ""), 0);
  auto config = make_config(device.c_str());
  config.cluster_node = base::NodeId(1);
  change(config);
  auto opened = Dataplane::open(config, clock);
  if (!opened) throw std::runtime_error(opened.error());
  fill_tables(**opened);
  (*opened)->tables().open_until_ns.store(Tables::kAlwaysOpen);
  return std::move(*opened);
}

inline std::uint64_t drops(const WorkerCounters& counters, DropReason reason) {
  return counters.drops[static_cast<std::size_t>(reason)].get();
}

// Gives the frames to the worker of a gateway and waits until it has judged them; those that wait
// for their bucket, after `then`.
inline void run(
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
  // Everything else went on to be judged: no policy, no SA, or the control thread's; or to others.
  std::uint64_t rest = counters.to_control.get() + counters.handed_on.get();
  for (const auto& drop : counters.drops) rest += drop.get();
  EXPECT_EQ(rest, frames.size());
}

}  // namespace phalanx::dataplane
