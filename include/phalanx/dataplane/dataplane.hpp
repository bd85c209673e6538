// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/base/result.hpp"
#include "phalanx/dataplane/capture_filter.hpp"
#include "phalanx/dataplane/config.hpp"
#include "phalanx/dataplane/tables.hpp"
#include "phalanx/dataplane/worker.hpp"
#include "phalanx/dpdk/device.hpp"
#include "phalanx/dpdk/mempool.hpp"
#include "phalanx/dpdk/quiescence.hpp"
#include "phalanx/dpdk/ring.hpp"

namespace phalanx::dataplane {

// The port whose role is cluster, if there is one. Its queues are the control thread's.
struct ClusterLink {
  std::uint16_t device_port = 0;  // DPDK's number
  rte_mempool* pool = nullptr;    // its own, so that data ports cannot starve it
  net::MacAddress mac;
  std::uint16_t mtu = 1500;
};

// Everything DPDK of one gateway: devices, buffers, queues, tables and workers. Made and destroyed
// by the control thread, in this order:
//   open() -> tables filled (set_*) -> start() -> traffic -> stop() -> destroyed.
class Dataplane {
 public:
  static base::Result<std::unique_ptr<Dataplane>, std::string> open(const Config& config,
                                                                    const base::Clock& clock);
  ~Dataplane();
  Dataplane(const Dataplane&) = delete;
  Dataplane& operator=(const Dataplane&) = delete;

  // Before start(). Routes and their targets come from the control thread, which has given each
  // gateway its row of the adjacency table.
  base::Result<base::Ok, std::string> set_routes(std::span<const Route> routes,
                                                 std::vector<RouteTarget> targets);
  base::Result<base::Ok, std::string> set_policies(std::span<const ipsec::Policy> policies);
  base::Result<base::Ok, std::string> set_sas(std::unique_ptr<ipsec::SaStore> sas);
  void set_bucket_key(const net::BucketHash::Key& key);
  void set_fixed_neighbor(AdjacencyIndex index, const FixedNeighbor& neighbor);

  // Launches a worker on each of its lcores. flow_seed: unpredictable.
  base::Result<base::Ok, std::string> start(std::uint64_t flow_seed);
  // Workers finish what they have and end. Idempotent.
  void stop() noexcept;
  // After stop(): devices give back the buffers in their rings. What the pool misses then is lost.
  void close_devices() noexcept { devices_.clear(); }

  [[nodiscard]] Tables& tables() noexcept { return tables_; }
  [[nodiscard]] const Tables& tables() const noexcept { return tables_; }
  [[nodiscard]] const Config& config() const noexcept { return config_; }
  [[nodiscard]] dpdk::Quiescence& quiescence() noexcept { return quiescence_; }
  [[nodiscard]] CaptureSwitch& capture() noexcept { return capture_; }
  [[nodiscard]] const CaptureSwitch& capture() const noexcept { return capture_; }
  [[nodiscard]] std::size_t num_workers() const noexcept { return links_.size(); }
  [[nodiscard]] const Worker& worker(std::size_t index) const noexcept {
    return *links_[index].worker;
  }
  [[nodiscard]] std::span<const dpdk::Device> devices() const noexcept { return devices_; }
  [[nodiscard]] const std::optional<ClusterLink>& cluster_link() const noexcept {
    return cluster_link_;
  }
  [[nodiscard]] dpdk::Mempool& pool() noexcept { return pool_; }
  [[nodiscard]] const dpdk::Mempool& pool() const noexcept { return pool_; }

  // Control thread's ends of the queues.
  unsigned pop_punted(std::size_t worker, std::span<rte_mbuf*> packets) noexcept;
  [[nodiscard]] bool push_to_worker(std::size_t worker, rte_mbuf* packet) noexcept;
  unsigned pop_captured(std::size_t worker, std::span<rte_mbuf*> packets) noexcept;
  [[nodiscard]] bool pop_raise(std::size_t worker, ipsec::Direction& direction,
                               std::uint32_t& index) noexcept;
  [[nodiscard]] bool pop_passed(std::size_t worker, PassedNote& note) noexcept {
    return links_[worker].passed && links_[worker].passed->pop(&note, 1) == 1;
  }
  // Held packets get another try; after leases were published.
  void announce_leases() noexcept;

  // The clock that WorkerCounters::busy_cycles counts.
  [[nodiscard]] static std::uint64_t cycles() noexcept;
  // Control thread: gives buckets to other workers, while they run. False: the move before is still
  // under way, or a worker that is named owns none by its role.
  [[nodiscard]] bool move_buckets(std::span<const BucketMove> moves);
  // Any thread. Before a move has settled, the new owner.
  [[nodiscard]] base::WorkerIndex owner(base::BucketIndex bucket) const noexcept {
    return base::WorkerIndex(owners_[bucket.value()].load(std::memory_order_relaxed));
  }

 private:
  struct Link {
    std::optional<dpdk::PacketRing> to_control;
    std::optional<dpdk::PacketRing> from_control;
    std::optional<dpdk::PacketRing> to_capture;
    std::optional<RaiseRing> raises;
    std::unique_ptr<PassedRing> passed;
    std::vector<std::unique_ptr<PeerLink>> to_peers;  // by worker
    std::unique_ptr<Worker> worker;
    Dataplane* owner = nullptr;
    unsigned lcore = 0;
    // writer: the worker's lcore, last of all; reader: stop(). What rte_eal_wait_lcore waits for is
    // invisible to ThreadSanitizer.
    std::atomic<bool> ended{false};
  };

  Dataplane(const Config& config, const base::Clock& clock, dpdk::Mempool pool,
            dpdk::Mempool capture_pool, dpdk::Quiescence quiescence);
  base::Result<base::Ok, std::string> open_devices();
  void fill_ports();
  base::Result<base::Ok, std::string> make_queues();
  void show_owners() noexcept;
  base::Result<base::Ok, std::string> make_worker(std::size_t index, std::uint64_t flow_seed);
  static int run_worker(void* link) noexcept;

  Config config_;
  const base::Clock& clock_;
  dpdk::Mempool pool_;
  dpdk::Mempool capture_pool_;
  std::optional<dpdk::Mempool> cluster_pool_;  // devices go first: they hold its buffers
  std::optional<ClusterLink> cluster_link_;
  dpdk::Quiescence quiescence_;
  std::vector<dpdk::Device> devices_;
  std::vector<std::string> device_names_;
  CaptureSwitch capture_;
  Tables tables_;
  // The table that workers use, and the one before, which a worker may still look at.
  std::unique_ptr<BucketTable> buckets_;
  std::unique_ptr<BucketTable> old_buckets_;
  std::array<std::atomic<std::uint8_t>, base::kNumBuckets>
      owners_{};  // of buckets_, for any thread
  std::vector<Link> links_;
  std::atomic<bool> stop_{false};
  bool running_ = false;
};

}  // namespace phalanx::dataplane
