// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "core.hpp"
#include "leveller.hpp"

namespace phalanx::cluster {

// How a majority of voters that all have no memory begins a new generation.
//
//   candidate --ColdRequest--> voters   on the disk: the generation, so that it is granted once
//             <--ColdReply----
//             --ColdFetch---->          for the disk leases of each that granted it
//             <--ColdLeases---
//   a majority has told all: the candidate has a memory, a table with the highest of these leases
//             --Propose------>
//             <--ColdFetch----          the same table
//             --ColdLeases--->  voter of the new generation
class ColdStart {
 public:
  ColdStart(Core& core, Leveller& leveller) noexcept : core_(core), leveller_(leveller) {}

  void on(const Header& from, const ColdRequest& request);
  void on(const Header& from, const ColdFetch& fetch);
  // True when this made us the first master of a new generation.
  [[nodiscard]] bool on(const Header& from, const ColdReply& reply);
  [[nodiscard]] bool on(const Header& from, const ColdLeases& leases);
  // A cold start that we granted has a master: we are its voter. True when we joined.
  [[nodiscard]] bool join(const Header& from, const Propose& proposal);
  // True when we alone are the quorum of a cold start.
  [[nodiscard]] bool tick();

 private:
  // What one node has told of a list of leases.
  struct Telling {
    VoterId from;
    std::vector<DiskLease> leases;
    bool complete = false;
  };
  // Takes one part. True: it was the last one.
  [[nodiscard]] static bool take(Telling& telling, const ColdLeases& part);
  void fetch(const Telling& telling);
  [[nodiscard]] bool ask();
  [[nodiscard]] bool begin();

  Core& core_;
  Leveller& leveller_;
  base::TimePoint waiting_since_{};
  base::TimePoint fetched_at_{};
  std::optional<VoterId> candidate_;  // whom we granted the newest generation
  base::Generation generation_;
  base::Term term_;
  Agreement votes_;  // of those whose leases are here
  bool asking_ = false;
  std::map<base::NodeId, Telling> tellings_;  // of those that granted us the generation
  Telling table_;                             // of the generation that we join
  std::vector<DiskLease> first_;              // the table our generation began with
};

}  // namespace phalanx::cluster
