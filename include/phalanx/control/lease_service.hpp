// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/base/result.hpp"
#include "phalanx/cluster/lease_book.hpp"
#include "phalanx/control/lease_file.hpp"
#include "phalanx/control/lease_writer.hpp"
#include "phalanx/control/sequence_leases.hpp"
#include "phalanx/control/state_dir.hpp"
#include "phalanx/control/token_bucket.hpp"
#include "phalanx/ipsec/lease_gate.hpp"
#include "phalanx/ipsec/sa.hpp"

namespace phalanx::control {

// One SA, as far as its lease is concerned. Its position in the list given to open() names it.
struct LeaseSpec {
  cluster::LeaseKey key;
  bool esn = false;
};

// Where an SA begins: what ipsec::SaStart wants.
struct LeaseStart {
  std::uint64_t first = 1;  // first number to send, or lowest to accept; 2^32 without ESN: none
  std::uint64_t limit = 0;  // durable
  std::uint64_t raise_at = 0;
  bool exhausted = false;  // all numbers may have been used: the SA needs new keys
};

// How the service looks at an SA that runs, and reaches its gate. Both outlive the service, or
// close() at least.
struct LeaseSource {
  const void* sa = nullptr;
  // Any thread. Covers every number that the gate has let through.
  cluster::LeaseUse (*use)(const void* sa) noexcept = nullptr;
  ipsec::LeaseGate* gate = nullptr;

  [[nodiscard]] static LeaseSource of(ipsec::InboundSa& sa) noexcept;
  [[nodiscard]] static LeaseSource of(ipsec::OutboundSa& sa) noexcept;
};

// Tells when no worker can have an old value in hand: dpdk::Quiescence in the daemon.
struct QuiescenceProbe {
  std::function<std::uint64_t()> start;
  std::function<bool(std::uint64_t token)> passed;
};

struct LeaseServiceConfig {
  cluster::LeaseBookConfig sizes;
  base::Duration scan_interval = std::chrono::milliseconds(20);
  // Every SA is looked at this often; a part of them at each interval.
  base::Duration scan_period = std::chrono::milliseconds(200);
};

struct LeaseServiceStats {
  cluster::LeaseBookStats book;
  std::uint64_t published = 0;       // limits given to gates: held packets may get another try
  std::uint64_t records = 0;         // on the disk
  std::uint64_t batches = 0;         // handed to the storage thread
  std::uint64_t failed_batches = 0;  // the disk refused them
  std::size_t waiting = 0;           // batches that it has not answered yet
  base::Duration last_store{};       // from handing over the last finished batch to its answer
};

using LeaseWriterFactory = std::function<std::unique_ptr<LeaseWriter>(LeaseFile)>;
[[nodiscard]] std::unique_ptr<LeaseWriter> make_lease_thread(LeaseFile file);

// Carries the number leases of static SAs between the workers' gates and the disk (P2, P3). Control
// thread only; a thread of its own waits for the disk. When the disk fails nothing is published:
// SAs go on to the end of what is durable and stop there, until it works again.
class LeaseService final : public SequenceLeases {
 public:
  // Reads what earlier runs promised, and makes a first lease of every SA durable.
  [[nodiscard]] static base::Result<std::unique_ptr<LeaseService>, StateError> open(
      LeaseFile file, std::span<const LeaseSpec> specs, QuiescenceProbe quiescence,
      base::TimePoint now, const LeaseServiceConfig& config = {},
      const LeaseWriterFactory& writer = make_lease_thread);

  [[nodiscard]] std::size_t size() const noexcept { return sources_.size(); }
  [[nodiscard]] const LeaseStart& start(std::size_t index) const noexcept { return starts_[index]; }
  // The SA exists and its workers may run: publishes its first limit.
  void attach(std::size_t index, const LeaseSource& source) noexcept;

  // The SA's worker asked for more (ipsec::LeaseRaise).
  void on_raise_request(std::size_t index, base::TimePoint now) override;
  // Each round of the control loop; cheap when there is nothing to do.
  void step(base::TimePoint now) override;
  [[nodiscard]] std::uint64_t published() const override { return stats_.published; }

  // After all workers have stopped and before the SAs are destroyed: makes every lease exact, so
  // that a restart loses no number. Waits for the disk, but not longer than `limit`; false: not all
  // are exact, the old leases stand.
  [[nodiscard]] bool close(base::TimePoint now, base::Duration limit);

  [[nodiscard]] LeaseServiceStats stats() const noexcept;

 private:
  struct Batch {
    base::TimePoint submitted;
    std::vector<cluster::LeaseIndex> leases;
  };
  struct Waiting {
    std::uint64_t token = 0;
    std::vector<cluster::LeaseActions::Quiesce> leases;
  };

  LeaseService(std::vector<std::uint32_t> slots, cluster::LeaseBook book,
               QuiescenceProbe quiescence, const LeaseServiceConfig& config);
  [[nodiscard]] cluster::LeaseUse use_of(cluster::LeaseIndex lease) const noexcept;
  void collect_outcomes(base::TimePoint now);
  void collect_quiescence(base::TimePoint now);
  void scan(base::TimePoint now);
  void carry_out();
  void submit(base::TimePoint now);
  void report_failure(const FileError& error, base::TimePoint now);

  std::vector<std::uint32_t> slots_;  // in the file, by index
  std::vector<LeaseSource> sources_;
  std::vector<LeaseStart> starts_;
  cluster::LeaseBook book_;
  QuiescenceProbe quiescence_;
  LeaseServiceConfig config_;
  std::unique_ptr<LeaseWriter> writer_;

  cluster::LeaseActions actions_;
  std::vector<cluster::LeaseActions::Store> pending_;  // decided, not handed over yet
  bool urgent_ = false;                                // one of them is
  std::deque<Batch> batches_;                          // handed over, oldest first
  std::deque<Waiting> waiting_;                        // for quiescence, oldest first
  std::vector<LeaseOutcome> outcomes_;
  std::size_t cursor_ = 0;
  base::TimePoint next_scan_;

  TokenBucket log_budget_{1, 1};
  bool failing_ = false;
  LeaseServiceStats stats_;
};

}  // namespace phalanx::control
