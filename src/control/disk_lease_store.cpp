// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/disk_lease_store.hpp"

#include <chrono>
#include <utility>

#include "phalanx/base/log.hpp"

namespace phalanx::control {
namespace {

// A disk that takes longer is as good as none.
constexpr auto kLongestWait = std::chrono::seconds(5);

cluster::LeaseDirection direction_of(cluster::Direction direction) noexcept {
  return direction == cluster::Direction::Inbound ? cluster::LeaseDirection::Inbound
                                                  : cluster::LeaseDirection::Outbound;
}

}  // namespace

base::Result<std::unique_ptr<DiskLeaseStore>, StateError> DiskLeaseStore::open(
    LeaseFile file, const LeaseWriterFactory& writer) {
  if (auto assigned = file.assign({}); !assigned) return assigned.error();
  std::vector<cluster::DiskLease> found;
  for (const auto& record : file.records()) {
    // What a gateway alone promised is of no bucket, and the cluster never knew of it.
    if (record.bucket == cluster::LeaseRecord::kWholeSa) continue;
    found.push_back({record.key.uid, base::BucketIndex(static_cast<std::uint8_t>(record.bucket)),
                     record.key.direction == cluster::LeaseDirection::Inbound
                         ? cluster::Direction::Inbound
                         : cluster::Direction::Outbound,
                     record.number});
  }
  return std::unique_ptr<DiskLeaseStore>(
      new DiskLeaseStore(std::move(found), writer(std::move(file))));
}

bool DiskLeaseStore::store(const cluster::StoreLeases& leases) {
  std::vector<LeaseFile::Write> writes;
  writes.reserve(leases.leases.size());
  for (const auto& lease : leases.leases) {
    cluster::LeaseRecord record;
    record.key = {lease.uid, direction_of(lease.direction)};
    record.bucket = lease.bucket.value();
    record.number = lease.number;
    writes.push_back({LeaseFile::kByKey, record});
  }
  ids_.push_back(leases.id);
  writer_->submit(std::move(writes));
  if (!leases.wait) return true;
  if (!writer_->wait_idle(kLongestWait)) {
    base::log_error("leases", "the disk does not answer");
    return false;
  }
  std::vector<std::uint64_t> stored;
  return take_stored(stored);
}

bool DiskLeaseStore::take_stored(std::vector<std::uint64_t>& ids) {
  outcomes_.clear();
  writer_->take_done(outcomes_);
  for (const auto& outcome : outcomes_) {
    const auto id = ids_.front();
    ids_.pop_front();
    if (outcome.error) {
      base::log_error("leases", "the disk refuses leases: " + to_string(*outcome.error));
      return false;
    }
    ids.push_back(id);
  }
  return true;
}

}  // namespace phalanx::control
