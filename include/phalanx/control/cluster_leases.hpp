// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/cluster/lease_book.hpp"
#include "phalanx/cluster/node.hpp"
#include "phalanx/control/lease_service.hpp"

namespace phalanx::control {

// The same sizes as on disk, but inbound only as far ahead as an answer of the quorum needs: 40 ms
// of traffic with the usual heartbeat (docs/cluster-protocol.md), since a crash costs as much.
[[nodiscard]] cluster::LeaseBookConfig cluster_lease_sizes(base::Duration heartbeat_interval);

// How far ahead of `used` a promise of `number` reaches, as records say it.
[[nodiscard]] std::uint8_t lease_size_log2(std::uint64_t used, std::uint64_t number) noexcept;

// The number leases of those SAs that this node owns, between the workers' gates and the quorum:
// what LeaseService is for the disk of a gateway alone. An SA is open while its bucket is ours.
// Control thread.
class ClusterLeases {
 public:
  struct Hooks {
    // Asks the quorum. False: not now.
    std::function<bool(std::size_t index, const cluster::LeaseValue& lease)> promise;
    // What the quorum lets us use now.
    std::function<std::uint64_t(std::size_t index)> usable;
    QuiescenceProbe quiescence;
  };
  ClusterLeases(std::span<const LeaseSpec> specs, base::Duration heartbeat_interval, Hooks hooks,
                base::TimePoint now);

  // The SA exists; closed until open().
  void attach(std::size_t index, const LeaseSource& source);
  // Numbers up to `used` are gone, up to usable() they are ours.
  void open(std::size_t index, std::uint64_t used, base::TimePoint now);
  // No worker gets anything any more once it is quiescent.
  void shut(std::size_t index);
  [[nodiscard]] bool is_open(std::size_t index) const noexcept { return leases_[index].open; }
  // What the quorum allows has changed.
  void on_gate(std::size_t index, base::TimePoint now);

  void on_raise_request(std::size_t index, base::TimePoint now);
  void step(base::TimePoint now);

  [[nodiscard]] std::uint64_t published() const noexcept { return published_; }
  [[nodiscard]] const cluster::LeaseBookStats& stats() const noexcept { return book_.stats(); }

 private:
  struct Lease {
    LeaseSource source;
    bool open = false;
    std::optional<std::uint64_t> wanted;  // promised, and not known to be agreed yet
  };
  struct Waiting {
    std::uint64_t token = 0;
    std::vector<cluster::LeaseActions::Quiesce> leases;
  };
  [[nodiscard]] cluster::LeaseUse use_of(std::size_t index) const noexcept;
  void settle(std::size_t index, base::TimePoint now);
  void carry_out(base::TimePoint now);
  void scan(base::TimePoint now);

  Hooks hooks_;
  base::Duration scan_interval_;
  cluster::LeaseBook book_;
  std::vector<Lease> leases_;
  cluster::LeaseActions actions_;
  std::deque<Waiting> waiting_;
  base::TimePoint next_scan_;
  std::uint64_t published_ = 0;
};

}  // namespace phalanx::control
