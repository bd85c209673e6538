// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "phalanx/base/result.hpp"
#include "phalanx/cluster/node_config.hpp"
#include "phalanx/control/lease_file.hpp"
#include "phalanx/control/lease_service.hpp"
#include "phalanx/control/lease_writer.hpp"

namespace phalanx::control {

// A voter's leases of static SAs on its disk (cluster/disk_leases.hpp), in the file that a gateway
// alone keeps its own in. A thread of its own waits for the disk. Control thread.
class DiskLeaseStore {
 public:
  // What was read is durable again when this returns.
  [[nodiscard]] static base::Result<std::unique_ptr<DiskLeaseStore>, StateError> open(
      LeaseFile file, const LeaseWriterFactory& writer = make_lease_thread);

  // At the start.
  [[nodiscard]] const std::vector<cluster::DiskLease>& found() const noexcept { return found_; }

  // False: it had to be waited for, and is not on the disk.
  [[nodiscard]] bool store(const cluster::StoreLeases& leases);
  // Appends the ids of what has become durable. False: the disk has refused something.
  [[nodiscard]] bool take_stored(std::vector<std::uint64_t>& ids);

 private:
  DiskLeaseStore(std::vector<cluster::DiskLease> found, std::unique_ptr<LeaseWriter> writer)
      : found_(std::move(found)), writer_(std::move(writer)) {}

  std::vector<cluster::DiskLease> found_;
  std::unique_ptr<LeaseWriter> writer_;
  std::deque<std::uint64_t> ids_;  // handed over, oldest first
  std::vector<LeaseOutcome> outcomes_;
};

}  // namespace phalanx::control
