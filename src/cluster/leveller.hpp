// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <map>
#include <utility>

#include "core.hpp"
#include "owner.hpp"
#include "voter.hpp"

namespace phalanx::cluster {

// How a voter without memory gets one, and how a table that lags too far is replaced.
//
//   Asking: LevelRequest to all voters
//     -- a majority of the voter set, not counting ourselves (rule 5), has answered -->
//   Copying: allocation, term and freezes of all answers; the table from the best of them, bucket
//     snapshots first, then each stream up to the longest answer
//     -- all there --> levelled: from now on our answers count
//
// A majority of voters that all have no memory begins a new generation instead (ColdStart).
class Leveller {
 public:
  Leveller(Core& core, Voter& voter, Owner& owner) noexcept
      : core_(core), voter_(voter), owner_(owner) {}

  void on(const Header& from, const LevelRequest& request);
  void on(const Header& from, const LevelReply& reply);
  void on(const Header& from, const SnapshotRequest& request);
  void on(const Header& from, const SnapshotChunk& chunk);
  void tick();

  // Nobody has told us enough to have a memory yet.
  [[nodiscard]] bool is_asking() const noexcept { return whole_ && phase_ == Phase::Asking; }
  // Voters without memory whose disk was never lost, and when they said so.
  using Memoryless = std::map<base::NodeId, std::pair<VoterId, base::TimePoint>>;
  [[nodiscard]] const Memoryless& memoryless() const noexcept { return memoryless_; }
  // The memory is complete: from now on our answers count.
  void become_voter();

 private:
  enum class Phase : std::uint8_t { Idle, Asking, Copying };
  struct Answer {
    VoterId from;
    base::Generation generation;
    base::Term term;
    LevelReply reply;
  };
  struct Target {
    std::uint64_t held = 0;
    base::NodeId holder;
  };
  struct Served {
    base::BucketIndex bucket;
    std::uint32_t id = 0;
    Bytes blob;
    base::TimePoint made_at{};
  };

  void restart();
  void ask();
  void adopt();
  void copy();
  void call_owners();
  void request_snapshot();
  void finish_snapshot();
  void merge_old_entries();
  void try_finish();
  [[nodiscard]] bool install_starts();

  Core& core_;
  Voter& voter_;
  Owner& owner_;
  Phase phase_ = Phase::Idle;
  bool whole_ = true;  // a voter without memory; false: only the table is replaced
  std::uint32_t attempt_ = 0;
  std::map<base::NodeId, Answer> answers_;
  Memoryless memoryless_;
  Answer source_;
  std::map<StreamId, Target> targets_;
  Table incoming_;
  std::size_t next_bucket_ = 0;
  std::uint32_t snapshot_id_ = 0;
  Bytes blob_;
  base::TimePoint asked_at_{};
  base::TimePoint progress_at_{};
  base::TimePoint called_at_{};
  std::map<base::NodeId, Served> served_;
  std::uint32_t next_snapshot_ = 1;
};

}  // namespace phalanx::cluster
