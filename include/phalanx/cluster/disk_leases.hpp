// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/base/ids.hpp"
#include "phalanx/cluster/disk_lease.hpp"
#include "phalanx/cluster/lease_keeper.hpp"
#include "phalanx/cluster/memory.hpp"
#include "phalanx/cluster/types.hpp"

namespace phalanx::cluster {

// The table that a new generation begins with: each entry at the highest of these leases.
[[nodiscard]] Table table_of(std::span<const DiskLease> leases);

// What lets static entries survive the death of all nodes (design: coarse leases on disk). A voter
// says that it holds a lease, written or implied, only when its disk has one at least as high. So
// every number that was ever used lies at or below the disk lease of somebody in each majority of
// voters, and a generation that a majority without memory begins goes on above the highest of
// theirs. Raised ahead of need, so that nobody waits for a disk in steady state; lowered when what
// is promised has become much less. One batch is on its way to the disk at a time. Pure.
class DiskLeases {
 public:
  using Key = LeaseKeeper::Key;
  struct Batch {
    std::uint64_t id = 0;
    std::vector<DiskLease> leases;
  };

  // What the disk held at the start.
  void load(std::span<const DiskLease> leases);
  [[nodiscard]] std::vector<DiskLease> list() const;

  // Looks at records that are new in `log`, asks for what the disk lacks, and moves the log's
  // covered() on.
  void note(StreamLog& log, base::TimePoint now);
  // Buckets changed hands in the table: what their new owners may use now.
  void note_moved(Memory& memory, base::TimePoint now);
  // Whether the disk covers what the steps of `allocation` imply that are not applied yet, and, if
  // it changes the voters, all that was asked of it. Else that is asked for.
  [[nodiscard]] bool covers(const Memory& memory, const Allocation& allocation,
                            base::TimePoint now);

  // What should go to the disk now; empty: nothing. When it is there, stored() is called.
  [[nodiscard]] Batch take_batch(base::TimePoint now, base::Duration gather);
  // All that this memory implies: it, and what was taken before, is on the disk before anything
  // else is done. Id 0: there is nothing to wait for.
  [[nodiscard]] Batch take_all(const Memory& memory, base::TimePoint now);
  void stored(std::uint64_t id);

  // Now and then: asks for lower leases where much less is promised by now. Only for a voter that
  // has its memory.
  void lower(const Memory& memory, base::TimePoint now);

 private:
  struct Slot {
    base::BucketIndex bucket;
    std::uint64_t low = 0;     // least that the disk can hold now
    std::uint64_t wanted = 0;  // to be written next; 0: nothing
    std::uint64_t owed = 0;    // needed, and not on the disk
    std::uint64_t margin = 0;  // how far ahead of need the last one went
    base::TimePoint asked_at{};
  };
  // The highest that an entry may be promised, and how far ahead it is.
  using Needs = std::map<Key, std::pair<base::BucketIndex, LeaseValue>>;

  Slot& slot(const Key& key, base::BucketIndex bucket);
  void need(const Key& key, base::BucketIndex bucket, const LeaseValue& lease, base::TimePoint now);
  void ask(const Key& key, Slot& slot, const LeaseValue& lease, base::TimePoint now);
  void cover(StreamLog& log);
  [[nodiscard]] bool is_covered(const Record& record) const;
  [[nodiscard]] std::uint64_t low_of(const Key& key) const;
  [[nodiscard]] static Needs unapplied(const Memory& memory);
  [[nodiscard]] static Needs implied(const Memory& memory, const Allocation& allocation);

  std::map<Key, Slot> slots_;
  std::set<Key> wanted_;
  std::set<Key> owed_;
  std::map<Key, std::uint64_t> writing_;  // on its way to the disk
  std::uint64_t writing_id_ = 0;          // 0: nothing is
  std::uint64_t next_id_ = 1;
  base::TimePoint sent_at_{};
  Key cursor_;  // of the look for what may be lowered
};

}  // namespace phalanx::cluster
