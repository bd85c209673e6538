// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <map>
#include <optional>

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
// A majority of voters that all have no memory begins a new generation instead (cold start).
class Leveller {
 public:
  Leveller(Core& core, Voter& voter, Owner& owner) noexcept
      : core_(core), voter_(voter), owner_(owner) {}

  void on(const Header& from, const LevelRequest& request);
  void on(const Header& from, const LevelReply& reply);
  void on(const Header& from, const SnapshotRequest& request);
  void on(const Header& from, const SnapshotChunk& chunk);
  void on(const Header& from, const ColdRequest& request);
  // True when this reply made us the first master of a new generation.
  [[nodiscard]] bool on(const Header& from, const ColdReply& reply);
  // A cold start that we granted has a master: we are its voter. True when we joined.
  [[nodiscard]] bool join_generation(const Header& from, const Propose& proposal);
  // True when we alone are the quorum of a cold start.
  [[nodiscard]] bool tick();

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
  [[nodiscard]] bool start_generation();
  void become_voter();
  [[nodiscard]] bool try_cold_start();

  Core& core_;
  Voter& voter_;
  Owner& owner_;
  Phase phase_ = Phase::Idle;
  bool whole_ = true;  // a voter without memory; false: only the table is replaced
  std::uint32_t attempt_ = 0;
  std::map<base::NodeId, Answer> answers_;
  std::map<base::NodeId, std::pair<VoterId, base::TimePoint>> memoryless_;
  Answer source_;
  std::map<StreamId, Target> targets_;
  Table incoming_;
  std::size_t next_bucket_ = 0;
  std::uint32_t snapshot_id_ = 0;
  Bytes blob_;
  base::TimePoint asked_at_{};
  base::TimePoint progress_at_{};
  base::TimePoint called_at_{};
  base::TimePoint waiting_since_{};
  std::map<base::NodeId, Served> served_;
  std::uint32_t next_snapshot_ = 1;
  std::optional<VoterId> cold_candidate_;
  base::Generation cold_generation_;
  base::Term cold_term_;
  Agreement cold_votes_;
  bool cold_asking_ = false;
};

}  // namespace phalanx::cluster
