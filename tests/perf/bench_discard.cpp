// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
//
//   bench_discard KIND BUFFERS ROUNDS -- EAL...
//
// Prints one JSON line: what a worker spends on a packet that another node owns, from the poll that
// returns it to the buffer's return. KIND: esp, esp-packet (some SAs are in packet mode), clear4,
// clear6; cluster4: as clear4, in a live cluster, where the packet's policy is asked first, and
// known. The worker is the daemon's, with net_null devices whose receive function is ours, and
// every bucket somebody else's. Beside it the floor: receive, look at the headers, ask a table of
// 256 owners, free. See docs/performance.md.
#include <emmintrin.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "phalanx/dataplane/dataplane.hpp"
#include "phalanx/dpdk/eal.hpp"
#include "phalanx/net/checksum.hpp"
#include "phalanx/net/ethernet.hpp"
#include "phalanx/net/ip.hpp"

namespace phalanx::bench {
namespace {

using base::be16;
using base::be32;

constexpr std::uint16_t kBurst = 32;
constexpr std::uint32_t kWarmup = 3;  // rounds
constexpr std::uint16_t kPayload = 64;
constexpr net::MacAddress kOurMac{{0x02, 0, 0, 0, 1, 1}};
constexpr std::uint32_t kPacketModeSpis = 4096;  // the most there may be

enum class Kind : std::uint8_t { Esp, EspPacket, Clear4, Clear6, Cluster4 };

struct Plan {
  Kind kind = Kind::Esp;
  std::uint32_t buffers = 1024;
  std::uint32_t rounds = 100;
};

// Hands out rounds of packets as a driver would and takes the time until the poll after the last
// of them, when all have been freed. Belongs to the polling thread; `done` is for others.
class Feed {
 public:
  Feed(const Plan& plan, rte_mempool* pool) : plan_(plan), pool_(pool), buffers_(plan.buffers) {}

  std::uint16_t receive(rte_mbuf** packets, std::uint16_t wanted) {
    if (served_ == plan_.buffers) [[unlikely]]
      end_round();
    if (done_.load(std::memory_order_relaxed)) return 0;
    if (served_ == 0) [[unlikely]]
      begin_round();
    const auto count = static_cast<std::uint16_t>(
        std::min({std::uint32_t{wanted}, std::uint32_t{kBurst}, plan_.buffers - served_}));
    for (std::uint16_t i = 0; i < count; ++i) packets[i] = hand_out(served_ + i);
    served_ += count;
    return count;
  }

  [[nodiscard]] bool done() const { return done_.load(std::memory_order_acquire); }
  [[nodiscard]] std::uint64_t handed_out() const {
    return std::uint64_t{plan_.buffers} * (kWarmup + plan_.rounds);
  }
  // ns a packet, fastest round first.
  [[nodiscard]] std::vector<double> figures() const {
    std::vector<double> figures;
    for (const auto cycles : times_) {
      figures.push_back(static_cast<double>(cycles) * 1e9 / static_cast<double>(rte_get_tsc_hz()) /
                        plan_.buffers);
    }
    std::sort(figures.begin(), figures.end());
    return figures;
  }

 private:
  void begin_round() {
    if (rte_pktmbuf_alloc_bulk(pool_, buffers_.data(), plan_.buffers) != 0) {
      std::fputs("bench_discard: packets were not freed\n", stderr);
      std::_Exit(3);
    }
    if (plan_.kind == Kind::Cluster4) random_.seed(1);  // the flows of the round before
    std::uint16_t length = 0;
    for (auto* packet : buffers_) length = write(rte_pktmbuf_mtod(packet, std::uint8_t*));
    std::memcpy(&rearm_, &buffers_[0]->rearm_data, sizeof(rearm_));
    // Packet type, length, length of the first segment, VLAN, RSS hash.
    descriptor_ = _mm_set_epi32(0, length, length, 0);
    begin_ = rte_rdtsc();
  }

  void end_round() {
    if (rounds_ >= kWarmup) times_.push_back(rte_rdtsc() - begin_);
    served_ = 0;
    if (++rounds_ == kWarmup + plan_.rounds) done_.store(true, std::memory_order_release);
  }

  rte_mbuf* hand_out(std::uint32_t number) {
    auto* packet = buffers_[number];
    if (number + kBurst < plan_.buffers) rte_prefetch0(buffers_[number + kBurst]);
    // As drivers with vector instructions do it: two words of the header, and what the descriptor
    // says. The pool's buffers have the rest as it must be.
    std::memcpy(&packet->rearm_data, &rearm_, sizeof(rearm_));
    packet->ol_flags = 0;
    _mm_storeu_si128(reinterpret_cast<__m128i*>(&packet->rx_descriptor_fields1), descriptor_);
    return packet;
  }

  std::uint16_t write(std::uint8_t* frame) {
    const bool v6 = plan_.kind == Kind::Clear6;
    new (frame)
        net::EthernetHeader{kOurMac, {}, be16(v6 ? net::kEtherTypeIpv6 : net::kEtherTypeIpv4)};
    auto* ip = frame + sizeof(net::EthernetHeader);
    const auto header = v6 ? sizeof(net::Ipv6Header) : sizeof(net::Ipv4Header);
    if (v6) {
      write_v6(ip);
    } else {
      write_v4(ip);
    }
    const std::array<std::uint32_t, 2> words = {static_cast<std::uint32_t>(random_()),
                                                static_cast<std::uint32_t>(random_())};
    std::memcpy(ip + header, words.data(), sizeof(words));  // SPI and number, or ports
    if (plan_.kind == Kind::EspPacket) {
      const be32 spi(base::kMinSpi + words[0] % (2 * kPacketModeSpis));
      std::memcpy(ip + header, &spi, sizeof(spi));
    }
    return static_cast<std::uint16_t>(sizeof(net::EthernetHeader) + header + kPayload);
  }

  void write_v4(std::uint8_t* to) {
    const bool esp = plan_.kind == Kind::Esp || plan_.kind == Kind::EspPacket;
    auto* ip = new (to) net::Ipv4Header{};
    ip->version_ihl = 0x45;
    ip->total_length = be16(sizeof(net::Ipv4Header) + kPayload);
    ip->ttl = 64;
    ip->protocol = esp ? net::kProtoEsp : net::kProtoUdp;
    const auto host = static_cast<std::uint32_t>(random_());
    ip->source = {10, 64, static_cast<std::uint8_t>(host), static_cast<std::uint8_t>(host >> 8)};
    ip->destination = {192, 0, 2, 1};
    if (!esp) ip->destination = {10, 32, static_cast<std::uint8_t>(host >> 16), 1};
    ip->checksum = be16(net::checksum(std::as_bytes(std::span(to, sizeof(*ip)))));
  }

  void write_v6(std::uint8_t* to) {
    auto* ip = new (to) net::Ipv6Header{};
    ip->version_class_flow = be32(0x6000'0000);
    ip->payload_length = be16(kPayload);
    ip->next_header = net::kProtoUdp;
    ip->hop_limit = 64;
    ip->source = {0x20, 0x01, 0x0d, 0xb8, static_cast<std::uint8_t>(random_())};
    ip->destination = {0x20, 0x01, 0x0d, 0xb8, 1, static_cast<std::uint8_t>(random_())};
  }

  Plan plan_;
  rte_mempool* pool_;
  std::vector<rte_mbuf*> buffers_;
  std::vector<std::uint64_t> times_;
  std::mt19937 random_{1};
  std::uint64_t begin_ = 0;
  std::uint32_t served_ = 0;
  std::uint32_t rounds_ = 0;
  std::uint64_t rearm_ = 0;
  __m128i descriptor_{};
  std::atomic<bool> done_{false};
};

Feed* feed = nullptr;  // what the receiving port serves; set while nobody polls

std::uint16_t receive_packets(void*, rte_mbuf** packets, std::uint16_t wanted) {
  return feed->receive(packets, wanted);
}
std::uint16_t receive_nothing(void*, rte_mbuf**, std::uint16_t) {
  return 0;
}

struct FloorWork {
  std::uint16_t port;
  std::array<std::uint8_t, base::kNumBuckets> owners;
};

// What cannot be done without: the headers that tell ESP or UDP and where to, and the owner by a
// hash that costs nothing. Keyed hash, checksum, counters and all other duties left out.
int run_floor(void* argument) {
  const auto& work = *static_cast<const FloorWork*>(argument);
  std::array<rte_mbuf*, kBurst> packets;
  while (!feed->done()) {
    const auto count = rte_eth_rx_burst(work.port, 0, packets.data(), kBurst);
    for (std::uint16_t i = 0; i < count; ++i) {
      rte_prefetch0(rte_pktmbuf_mtod(packets[i], const void*));
    }
    unsigned foreign = 0;
    for (std::uint16_t i = 0; i < count; ++i) {
      const auto* frame = rte_pktmbuf_mtod(packets[i], const std::uint8_t*);
      const auto* ethernet = base::wire_at<net::EthernetHeader>(frame);
      const bool v4 = ethernet->ether_type.host() == net::kEtherTypeIpv4;
      const auto* l4 = frame + sizeof(net::EthernetHeader) + (v4 ? 20 : 40);
      if (ethernet->destination == kOurMac && work.owners[l4[3]] != 0) {
        packets[foreign++] = packets[i];
      }
    }
    if (foreign != 0) rte_pktmbuf_free_bulk(packets.data(), foreign);
  }
  return 0;
}

int fail(const std::string& reason) {
  std::fprintf(stderr, "bench_discard: %s\n", reason.c_str());
  return 1;
}

dataplane::Config make_config(const Plan& plan) {
  dataplane::Config config;
  const auto port = [](const char* name, const char* device, dataplane::PortRole role,
                       const char* address) {
    dataplane::PortConfig made;
    made.name = name;
    made.device = device;
    made.role = role;
    made.addresses = {*net::parse_interface_address(address)};
    made.mac = kOurMac;
    return made;
  };
  config.ports = {port("outside", "net_null0", dataplane::PortRole::Public, "192.0.2.1/24"),
                  port("inside", "net_null1", dataplane::PortRole::Private, "10.0.0.1/24")};
  config.workers.resize(1);
  config.limits.mbufs = plan.buffers + 1024;
  return config;
}

// A gateway without SAs and policies: no packet gets so far.
base::Result<base::Ok, std::string> fill_tables(dataplane::Dataplane& gateway, Kind kind) {
  net::BucketHash::Key key{};
  std::iota(key.begin(), key.end(), std::uint8_t{1});
  gateway.set_bucket_key(key);
  if (auto done = gateway.set_routes({}, {}); !done) return done.error();
  if (auto done = gateway.set_policies({}); !done) return done.error();
  auto sas = ipsec::SaStore::create({}, {}, {}, base::NodeId(1), base::BootCount(1));
  if (!sas) return std::string("no SA store");
  if (auto done = gateway.set_sas(std::move(*sas)); !done) return done.error();
  auto& tables = gateway.tables();
  if (kind == Kind::Cluster4) tables.distribution.join(base::NodeId(1));
  for (std::size_t i = 0; i < base::kNumBuckets; ++i) {
    tables.distribution.assign(base::BucketIndex(static_cast<std::uint8_t>(i)), base::NodeId(2));
  }
  if (kind != Kind::EspPacket) return base::Ok{};
  for (std::uint32_t i = 0; i < kPacketModeSpis; ++i) {
    if (!tables.stripes.insert(base::Spi(base::kMinSpi + 2 * i), 6)) return std::string("no room");
  }
  return base::Ok{};
}

double at_permille(const std::vector<double>& figures, std::size_t permille) {
  return figures[(figures.size() - 1) * permille / 1000];
}

int run(const char* name, const Plan& plan) {
  const base::SteadyClock clock;
  auto opened = dataplane::Dataplane::open(make_config(plan), clock);
  if (!opened) return fail(opened.error());
  auto& gateway = **opened;
  if (auto filled = fill_tables(gateway, plan.kind); !filled) return fail(filled.error());
  const bool esp = plan.kind == Kind::Esp || plan.kind == Kind::EspPacket;
  const auto source = gateway.devices()[esp ? 0 : 1].port_id();
  const auto other = gateway.devices()[esp ? 1 : 0].port_id();
  rte_eth_fp_ops[source].rx_pkt_burst = receive_packets;
  rte_eth_fp_ops[other].rx_pkt_burst = receive_nothing;
  const unsigned lcore = rte_get_next_lcore(static_cast<unsigned>(-1), 1, 0);
  if (lcore == RTE_MAX_LCORE) return fail("needs a second lcore");

  FloorWork floor_work{source, {}};
  floor_work.owners.fill(2);
  Feed floor_feed(plan, gateway.pool().get());
  feed = &floor_feed;
  if (rte_eal_remote_launch(run_floor, &floor_work, lcore) != 0) return fail("no lcore");
  rte_eal_wait_lcore(lcore);

  Feed worker_feed(plan, gateway.pool().get());
  feed = &worker_feed;
  if (auto started = gateway.start(1); !started) return fail(started.error());
  while (!feed->done()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  gateway.stop();
  const auto& drops = gateway.worker(0).counters().drops;
  const auto foreign = drops[static_cast<std::size_t>(dataplane::DropReason::NotOurBucket)].get();
  if (foreign != worker_feed.handed_out()) return fail("packets went another way");
  const auto costs = worker_feed.figures();
  std::printf(
      "{\"bench\": \"discard\", \"kind\": \"%s\", \"buffers\": %u, \"ns_per_packet\": %.2f, "
      "\"floor_ns\": %.2f, \"median_ns\": %.2f, \"rounds\": %u, \"packets\": %llu}\n",
      name, plan.buffers, at_permille(costs, 100), at_permille(floor_feed.figures(), 100),
      at_permille(costs, 500), plan.rounds, static_cast<unsigned long long>(foreign));
  return 0;
}

}  // namespace
}  // namespace phalanx::bench

int main(int argc, char** argv) {
  using namespace phalanx;
  using bench::Kind;
  const std::string_view kind = argc < 6 ? "" : argv[1];
  bench::Plan plan;
  if (kind == "esp") {
    plan.kind = Kind::Esp;
  } else if (kind == "esp-packet") {
    plan.kind = Kind::EspPacket;
  } else if (kind == "clear4") {
    plan.kind = Kind::Clear4;
  } else if (kind == "clear6") {
    plan.kind = Kind::Clear6;
  } else if (kind == "cluster4") {
    plan.kind = Kind::Cluster4;
  } else {
    return bench::fail("usage: bench_discard KIND BUFFERS ROUNDS -- EAL...");
  }
  plan.buffers = static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10));
  plan.rounds = static_cast<std::uint32_t>(std::strtoul(argv[3], nullptr, 10));
  std::vector<std::string> arguments{argv[0]};
  arguments.insert(arguments.end(), argv + 5, argv + argc);
  const auto eal = dpdk::Eal::start(arguments);
  if (!eal) return bench::fail(eal.error());
  return bench::run(argv[1], plan);
}
