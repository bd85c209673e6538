// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <map>

#include "core.hpp"
#include "owner.hpp"
#include "voter.hpp"

namespace phalanx::cluster {

// A node's part in planned moves, before the closing record:
//
//   master --Note--> old owner: notes what it sends --Hold--> new owner: holds what comes
//     --Close--> old owner: stops, closes
//
// So every packet that is held came after the old owner began to note, and is either among what it
// noted or was not served by it. Orders are repeated by the master until the bucket has moved.
class Mover {
 public:
  Mover(Core& core, Owner& owner, const Voter& voter) noexcept
      : core_(core), owner_(owner), voter_(voter) {}

  void on(const Header& from, const MoveOrder& order);
  // The gateway has done what the last event asked for: MoveWanted or MoveComing.
  void ready(base::BucketIndex bucket);

 private:
  struct Next {
    base::NodeId to;
    MoveOrder order;
  };
  [[nodiscard]] bool is_current(const MoveOrder& order, base::BucketIndex bucket) const;
  void note(const MoveOrder& order, const BucketMove& move);
  void hold(const Header& from, const MoveOrder& order, const BucketMove& move);
  void close(const Header& from, const BucketMove& move);

  Core& core_;
  Owner& owner_;
  const Voter& voter_;
  std::map<base::BucketIndex, Next> next_;  // what follows when the gateway is ready
};

}  // namespace phalanx::cluster
