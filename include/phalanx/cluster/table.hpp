// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <span>

#include "phalanx/cluster/allocation.hpp"
#include "phalanx/cluster/record.hpp"

namespace phalanx::cluster {

// One direction of an entry. `lease` is the newest promise of the bucket's owner: written by it, or
// implied by the allocation that made it the owner. Nothing below `floor` may be used any more:
// earlier owners may have used it.
struct DirectionState {
  std::uint64_t floor = 1;
  LeaseValue lease;
  Bytes window;  // exact replay state of a closing record, for the next owner; else empty
  friend bool operator==(const DirectionState&, const DirectionState&) = default;
};

struct Entry {
  EntryKind kind = EntryKind::None;
  Bytes payload;
  std::array<DirectionState, kNumDirections> directions;
  friend bool operator==(const Entry&, const Entry&) = default;
};

// Uids that were deleted, the newest of them. A uid is never given out twice and a bucket's history
// is one line, so nothing can bring back what has left the list; it bounds memory (P8).
class Tombstones {
 public:
  static constexpr std::size_t kMax = 1024;

  void insert(base::Uid uid) {
    if (!known_.insert(uid).second) return;
    order_.push_back(uid);
    if (order_.size() <= kMax) return;
    known_.erase(order_.front());
    order_.pop_front();
  }
  [[nodiscard]] bool contains(base::Uid uid) const { return known_.contains(uid); }
  [[nodiscard]] std::size_t size() const noexcept { return order_.size(); }
  // Oldest first.
  [[nodiscard]] auto begin() const noexcept { return order_.begin(); }
  [[nodiscard]] auto end() const noexcept { return order_.end(); }
  friend bool operator==(const Tombstones&, const Tombstones&) = default;

 private:
  std::set<base::Uid> known_;
  std::deque<base::Uid> order_;
};

// The state of one bucket after a walk along its history: a pure function of that history, so equal
// on everybody who has come as far.
struct Bucket {
  BucketOwner owner;           // whose records count now
  std::uint64_t position = 0;  // applied up to here in the owner's stream
  bool closed = false;         // the owner closed it: exact, and not served
  std::map<base::Uid, Entry> entries;
  Tombstones tombstones;
  friend bool operator==(const Bucket&, const Bucket&) = default;
};

// The common table: every entry of the cluster, by bucket. Holds only what a quorum has agreed on.
class Table {
 public:
  enum class Applied : std::uint8_t { Done, Skipped, TooEarly };

  // Record `index` of `stream`. TooEarly: it belongs to an allocation that is not applied yet.
  Applied apply(const StreamId& stream, std::uint64_t index, const Record& record);
  // A committed step whose bases have been applied. Implies the first lease of every entry that
  // changes hands (design: floor and lease follow from the history, no message per entry).
  void apply(const AllocationStep& step);

  [[nodiscard]] const Bucket& bucket(base::BucketIndex index) const noexcept {
    return buckets_[index.value()];
  }
  [[nodiscard]] const Version& applied() const noexcept { return applied_; }
  void set_applied(const Version& version) noexcept { applied_ = version; }
  void replace(base::BucketIndex index, Bucket bucket) {
    buckets_[index.value()] = std::move(bucket);
  }

 private:
  std::array<Bucket, base::kNumBuckets> buckets_;
  Version applied_;  // newest step applied
};

// A bucket as bytes, for learners and voters without memory.
[[nodiscard]] Bytes write_bucket(const Bucket& bucket);
// False when the bytes are not what write_bucket writes.
[[nodiscard]] bool parse_bucket(std::span<const std::byte> bytes, Bucket& bucket);

}  // namespace phalanx::cluster
