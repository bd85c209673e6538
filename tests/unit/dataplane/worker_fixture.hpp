// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "eal_for_tests.hpp"
#include "phalanx/base/clock.hpp"
#include "phalanx/dataplane/worker.hpp"
#include "phalanx/dpdk/mempool.hpp"

namespace phalanx::dataplane {

class StillClock final : public base::Clock {
 public:
  [[nodiscard]] base::TimePoint now() const noexcept override { return time; }
  base::TimePoint time{std::chrono::hours(1)};
};

inline constexpr std::uint8_t kPrivatePort = 0;
inline constexpr std::uint8_t kPublicPort = 1;

// One worker without devices: tasks come by the control thread's ring, frames leave for another
// worker, and whatever needs the control thread goes to its ring.
//
//   10.1.0.1/24 -- private port | worker | public port -- 192.0.2.1/24     0.0.0.0/0 via 10.1.0.9
class WorkerTest : public testing::Test {
 protected:
  static constexpr AdjacencyIndex kGateway{0};

  void SetUp() override {
    need_eal();
    pool_ = taken(dpdk::Mempool::create({"worker_test", 511, kPacketMetaBytes, 2048}));
    quiescence_ = taken(dpdk::Quiescence::create(1));
    for (auto* ring : {&to_control_, &from_control_, &to_capture_}) {
      *ring = taken(dpdk::PacketRing::create("worker_test_" + std::to_string(rings_++), 64));
    }
    raises_ = taken(RaiseRing::create("worker_test_raises", 1));
    fill_tables();
    tables.handover.publish(buckets_);
    WorkerSetup setup;
    setup.tables = &tables;
    setup.quiescence = &*quiescence_;
    setup.clock = &clock;
    setup.capture = &capture_;
    setup.pool = setup.capture_pool = pool_->get();
    // No queue of its own for either device: frames go to worker 1.
    setup.tx_paths = {TxPath{false, 0, 0, 1}, TxPath{false, 0, 0, 1}};
    setup.to_control = &*to_control_;
    setup.from_control = &*from_control_;
    setup.to_capture = &*to_capture_;
    setup.raises = &*raises_;
    setup.to_peers = {nullptr, &to_peer_};
    setup.from_peers = {nullptr, &from_peer_};
    setup.encrypts = 1;
    setup.limits.flow_cache_entries = 16;
    worker = taken(Worker::create(std::move(setup)));
  }

  void TearDown() override {
    if (worker) (*worker)->drain();
    worker.reset();
    ASSERT_TRUE(pool_);
    EXPECT_EQ(pool_->in_use(), 0U) << "a packet buffer is lost";
  }

  [[nodiscard]] rte_mbuf* packet(std::span<const std::byte> bytes) {
    auto* made = rte_pktmbuf_alloc(pool_->get());
    std::memcpy(rte_pktmbuf_mtod(made, void*), bytes.data(), bytes.size());
    made->data_len = static_cast<std::uint16_t>(bytes.size());
    made->pkt_len = made->data_len;
    meta_of(made) = PacketMeta{};
    return made;
  }
  void from_control(rte_mbuf* task) {
    ASSERT_EQ(from_control_->push(&task, 1), 1U);
    (*worker)->poll();
  }
  // What went out by any port since the last call: whole frames.
  [[nodiscard]] std::vector<std::vector<std::byte>> frames() {
    std::vector<std::vector<std::byte>> sent;
    rte_mbuf* one = nullptr;
    while (to_peer_.packets.pop(&one, 1) == 1) {
      const auto* bytes = rte_pktmbuf_mtod(one, const std::byte*);
      sent.emplace_back(bytes, bytes + one->data_len);
      rte_pktmbuf_free(one);
    }
    return sent;
  }
  // What the control thread was given next; nullopt: nothing.
  [[nodiscard]] std::optional<PacketMeta> punted() {
    rte_mbuf* one = nullptr;
    if (to_control_->pop(&one, 1) != 1) return std::nullopt;
    const auto meta = meta_of(one);
    rte_pktmbuf_free(one);
    return meta;
  }
  void publish(AdjacencyIndex index, std::uint8_t port, const std::string& address,
               const std::string& mac) {
    auto row = std::make_unique<Adjacency>();
    row->port = port;
    row->address = *net::parse_ip(address);
    row->mac = *net::parse_mac(mac);
    std::memcpy(row->l2.data(), &row->mac, sizeof(row->mac));
    tables.adjacencies->publish(index, std::move(row));
  }
  [[nodiscard]] std::uint64_t drops(DropReason reason) const {
    return (*worker)->counters().drops[static_cast<std::size_t>(reason)].get();
  }

  Tables tables;
  StillClock clock;
  std::optional<std::unique_ptr<Worker>> worker;

 private:
  template <typename T>
  [[nodiscard]] static std::optional<T> taken(base::Result<T, std::string> result) {
    if (!result) throw std::runtime_error(result.error());
    return std::move(*result);
  }
  void fill_tables() {
    const auto add_port = [&](const char* name, PortRole role, const char* address) {
      Port port;
      port.name = name;
      port.role = role;
      port.device = static_cast<std::uint8_t>(tables.ports.size());
      port.addresses = {*net::parse_interface_address(address)};
      tables.local.add(port.addresses[0].address);
      tables.ports.push_back(port);
      tables.devices.push_back({port.device, {}});
    };
    add_port("private", PortRole::Private, "10.1.0.1/24");
    add_port("public", PortRole::Public, "192.0.2.1/24");
    tables.adjacencies = std::make_unique<AdjacencyTable>(16, *quiescence_);
    tables.hosts = std::make_unique<HostTable>(std::move(*taken(HostTable::create(16))));
    RouteTarget gateway;
    gateway.on_link = false;
    gateway.adjacency = kGateway;
    const std::vector<Route> routes = {{*net::parse_prefix("0.0.0.0/0"), 0}};
    tables.fib = std::make_unique<Fib>(std::move(*taken(Fib::create(routes, {gateway}))));
    tables.fixed_neighbors = {{kPrivatePort, *net::parse_ip("10.1.0.9")}};
    tables.spd = std::make_unique<SpdClassifier>(std::move(*taken(SpdClassifier::create({}))));
    auto sas = ipsec::SaStore::create({}, {}, {}, base::NodeId(1), base::BootCount(1));
    tables.sas = std::move(*sas);
    tables.sad = std::make_unique<ipsec::Sad>(std::move(*ipsec::Sad::create({})));
    tables.bucket_hash = std::make_unique<net::BucketHash>(net::BucketHash::Key{});
  }

  int rings_ = 0;
  CaptureSwitch capture_;
  std::optional<dpdk::Mempool> pool_;
  std::optional<dpdk::Quiescence> quiescence_;
  std::optional<dpdk::PacketRing> to_control_, from_control_, to_capture_;
  PeerLink to_peer_, from_peer_;
  const BucketTable buckets_{};  // all of worker 0
  std::optional<RaiseRing> raises_;
};

}  // namespace phalanx::dataplane
