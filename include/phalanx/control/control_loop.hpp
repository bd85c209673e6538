// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/control/dataplane_io.hpp"
#include "phalanx/control/host_stack.hpp"
#include "phalanx/control/load_watch.hpp"
#include "phalanx/control/sequence_leases.hpp"
#include "phalanx/dataplane/dataplane.hpp"

namespace phalanx::control {

class CaptureSession;

// The control thread's work: what workers punt, neighbors, leases, links. One thread
// calls poll() over and over; it also runs what other threads ask for by call().
class ControlLoop {
 public:
  // sa_names: by position, for what operators read.
  ControlLoop(dataplane::Dataplane& dataplane, SequenceLeases& leases, const base::Clock& clock,
              std::uint64_t seed, std::vector<std::string> sa_names);
  ~ControlLoop();
  ControlLoop(const ControlLoop&) = delete;
  ControlLoop& operator=(const ControlLoop&) = delete;

  // Before the workers start: gives each next hop its row, fills the routing table and points each
  // outbound SA at its peer. The SAs and the policies are in the tables already.
  base::Result<base::Ok, std::string> install_routes(
      const std::vector<dataplane::RouteConfig>& routes,
      const std::vector<dataplane::NeighborConfig>& neighbors,
      std::span<const ipsec::SaParams> sas);
  // In a cluster one node answers for the addresses that all share (HostConfig::answers).
  void set_answers(HostAnswers answers) { host_->set_answers(std::move(answers)); }
  // In a cluster in forward mode: whether this node is the receiver.
  void set_receives(HostReceives receives) { host_->set_receives(std::move(receives)); }
  void announce_all(base::TimePoint now) { host_->announce_all(now); }
  // Who takes what the nodes of a cluster send each other by data ports.
  using ClusterFrames = std::function<void(base::PortIndex, std::span<const std::byte>)>;
  void set_cluster_frames(ClusterFrames take) { cluster_frames_ = std::move(take); }
  // After the workers started.
  void announce_links();

  // One round; how many packets and requests it found.
  unsigned poll();
  // Frees what waits; after the workers stopped.
  void shutdown();

  // Any thread but the control thread: runs `work` on it and waits. False when it did not run
  // within a second (the daemon is stopping).
  bool call(const std::function<void()>& work);
  // From now on every call, those that wait included, returns false at once: poll() runs no more.
  void end_calls();

  // Any thread but the control thread: it would wait for a disk.
  [[nodiscard]] CaptureSession& capture() noexcept { return *capture_; }

  // Control thread, so only inside call() for others.
  [[nodiscard]] const HostStack& host() const noexcept { return *host_; }
  [[nodiscard]] const DataplaneIo& io() const noexcept { return io_; }
  [[nodiscard]] const LoadWatch& load() const noexcept { return *load_; }
  // Gives a bucket to another worker; see Dataplane::move_buckets().
  [[nodiscard]] bool move_bucket(const dataplane::BucketMove& move) {
    return dataplane_.move_buckets({&move, 1});
  }
  // Longest pause between two rounds so far.
  [[nodiscard]] base::Duration longest_stall() const noexcept { return longest_stall_; }

 private:
  unsigned take_punted(base::TimePoint now);
  void handle_punted(rte_mbuf* packet, base::TimePoint now);
  unsigned take_raises(base::TimePoint now);
  unsigned take_calls();
  void watch_links(base::TimePoint now);
  base::Result<base::Ok, std::string> point_sas(std::span<const ipsec::SaParams> sas);
  base::Result<dataplane::AdjacencyIndex, std::string> next_hop_row(std::uint8_t port,
                                                                    const net::IpAddress& address);

  dataplane::Dataplane& dataplane_;
  SequenceLeases& leases_;
  const base::Clock& clock_;
  DataplaneIo io_;
  std::unique_ptr<HostStack> host_;
  std::unique_ptr<CaptureSession> capture_;
  std::unique_ptr<LoadWatch> load_;
  ClusterFrames cluster_frames_;
  std::uint64_t seen_limits_ = 0;  // that the lease service has published
  std::vector<bool> link_up_;
  base::TimePoint next_link_check_{};
  base::TimePoint last_poll_{};
  base::Duration longest_stall_{};

  struct Call {
    const std::function<void()>* work;
    bool done = false;
  };
  std::mutex calls_mutex_;
  std::condition_variable calls_done_;
  std::vector<Call*> calls_;
  bool calls_ended_ = false;
  std::atomic<bool> calls_waiting_{false};
};

}  // namespace phalanx::control
