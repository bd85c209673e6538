// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <bitset>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "phalanx/cluster/allocation.hpp"
#include "phalanx/cluster/stream_log.hpp"
#include "phalanx/cluster/table.hpp"

namespace phalanx::cluster {

// What a voter remembers while it runs, and loses when it stops: that is why a new boot counts for
// nothing until it has been levelled. The table is the agreed part of the streams, in the order of
// the committed allocations.
struct Memory {
  base::Generation generation;
  base::Term term;                   // highest seen or voted in
  std::optional<VoterId> voted_for;  // in `term`
  // Accepted: the prefixes that it names are here. Committed or not.
  Allocation newest;
  // Newer, but its prefixes are not all here. What nobody but the dead could complete was never
  // agreed: it neither counts nor goes into votes, or nobody could ever build on it.
  std::optional<Allocation> pending;
  Version committed;
  std::map<StreamId, StreamLog> streams;
  Table table;
  std::bitset<base::kNumBuckets> moved;  // by steps that were applied, since it was looked at

  // A higher term forgets the vote of the lower one. False: the term is not higher.
  bool raise_term(base::Term higher);
  // Takes a newer allocation, at once or as pending. False: not newer.
  bool store(const Allocation& allocation);
  // Accepts what was pending if its prefixes have come.
  bool accept();
  [[nodiscard]] const Allocation& latest() const noexcept { return pending ? *pending : newest; }
  // Whether `agreeing` is a quorum of every voter set that may be in force: the latest, and those
  // heard of before it since the last one that is known to be agreed. What was once confirmed of a
  // set must stay true until it is certain that the set is over.
  [[nodiscard]] bool is_quorum(std::span<const base::NodeId> agreeing) const noexcept;

  // Named prefixes that are not all here.
  [[nodiscard]] std::vector<Base> missing(const Allocation& allocation) const;
  // The newest allocation begins after what the table has: only a snapshot helps.
  [[nodiscard]] bool table_lags() const noexcept {
    return latest().settled_version > table.applied();
  }
  // Applies whatever is agreed, records and steps in their order. True: the table changed.
  bool advance();
  // Streams whose records the newest allocation still builds on.
  [[nodiscard]] std::set<StreamId> needed_streams() const;
  // Drops the records of streams that no step and no bucket needs any more.
  void forget_dead_streams();

 private:
  void remember_voters();
  bool apply_up_to(const StreamId& id, StreamLog& log, std::uint64_t target);
  bool apply_next_step();

  std::map<Version, VoterSet> earlier_voters_;  // by the allocation that had them
};

}  // namespace phalanx::cluster
