// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "phalanx/base/ids.hpp"
#include "phalanx/cluster/types.hpp"

namespace phalanx::cluster {

// Who serves a bucket, and since which allocation. kNoStream: nobody yet.
struct BucketOwner {
  StreamId stream;
  Grant grant = 0;
  friend constexpr bool operator==(const BucketOwner&, const BucketOwner&) noexcept = default;
};
// Always base::kNumBuckets long.
using OwnerTable = std::vector<BucketOwner>;
[[nodiscard]] inline OwnerTable no_owners() {
  return OwnerTable(base::kNumBuckets);
}

// The bucket's history so far: everything in the old owner's stream up to and including `index`.
struct Base {
  StreamId stream;
  std::uint64_t index = 0;
  friend constexpr bool operator==(const Base&, const Base&) noexcept = default;
};
struct BucketMove {
  base::BucketIndex bucket;
  StreamId to;
  friend constexpr bool operator==(const BucketMove&, const BucketMove&) noexcept = default;
};
// One change of ownership. A moved bucket's new grant is that of `version`.
struct AllocationStep {
  Version version;
  std::vector<Base> bases;
  std::vector<BucketMove> moves;
  friend bool operator==(const AllocationStep&, const AllocationStep&) = default;
};

// Who must agree. A change goes through three allocations:
//
//   {1 2 3} -> {1 2 3} and {1 2 4}, open -> the same, decided -> {1 2 4}
//
// From the first to the third, majorities of both are needed. An open change can be withdrawn by
// the old majority alone, a decided one cannot.
struct VoterSet {
  std::uint64_t version = 0;  // grant of the allocation that brought it
  std::vector<base::NodeId> current;
  std::vector<base::NodeId> next{};
  bool decided = false;
  std::vector<base::NodeId> left{};  // no members any more; their ids are free for other machines
  friend bool operator==(const VoterSet&, const VoterSet&) = default;

  [[nodiscard]] bool contains(base::NodeId node) const noexcept;
  [[nodiscard]] bool has_left(base::NodeId node) const noexcept;
  [[nodiscard]] bool changing() const noexcept { return !next.empty(); }
  // Whether `agreeing` (sorted or not, without duplicates) holds the needed majorities.
  [[nodiscard]] bool is_quorum(std::span<const base::NodeId> agreeing) const noexcept;
  // Whether no majority, old or new, can be had without one of `nodes`: whatever was ever agreed
  // is known to one of them.
  [[nodiscard]] bool is_blocking(std::span<const base::NodeId> nodes) const noexcept;
  // Whether `agreeing` may withdraw the open change.
  [[nodiscard]] bool may_withdraw(std::span<const base::NodeId> agreeing) const noexcept;
  [[nodiscard]] VoterSet withdrawn() const;
  // All voters, old and new, each once.
  [[nodiscard]] std::vector<base::NodeId> all() const;
};

// The allocation document. It carries the steps that not every member has applied yet, so that an
// implied lease (cluster/table.hpp) can always be computed from what a voter stores. Each next
// version builds on the newest that its proposer made or met in votes, committed or not.
struct Allocation {
  Version version;  // of the document; the last step's version is not above it
  VoterSet voters;
  OwnerTable settled = no_owners();  // before the first step
  Version settled_version;
  std::vector<AllocationStep> steps;
  friend bool operator==(const Allocation&, const Allocation&) = default;

  // Owners after all steps.
  [[nodiscard]] OwnerTable owners() const;
  // Folds the steps up to and including `version` into the settled table.
  void settle(const Version& up_to);
};

// The voters to have next: without `leaving`, with as many of `ready` (complete learners that want
// to vote) as keep their number odd. One or two are left as they are. The same as now: no change.
[[nodiscard]] std::vector<base::NodeId> wanted_voters(const VoterSet& voters,
                                                      std::span<const base::NodeId> leaving,
                                                      std::span<const base::NodeId> ready);

// Applies one step to a table of owners.
void apply_owners(OwnerTable& table, const AllocationStep& step) noexcept;

// A node that can be given buckets.
struct Candidate {
  StreamId stream;
  std::uint32_t weight = 1;  // share of the work it should get; 0: none (witness, draining)
};

// Gives every bucket whose owner is not a candidate with weight to one that is, so that the load
// per weight stays even: heaviest bucket first, each to the candidate with the shortest queue. With
// `rebalance`, further buckets move from the fullest to the emptiest candidate until the spread is
// within `hysteresis_percent` of the mean or a move would not help. Never moves a bucket for
// nothing: all others stay. `load` is what each bucket costs; all zero counts buckets.
struct PlanOptions {
  bool rebalance = false;
  std::uint32_t hysteresis_percent = 10;
};
[[nodiscard]] std::vector<BucketMove> plan_moves(
    const OwnerTable& owners, std::span<const Candidate> candidates,
    std::span<const std::uint32_t, base::kNumBuckets> load, const PlanOptions& options);

}  // namespace phalanx::cluster
