// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <bitset>
#include <map>

#include "core.hpp"
#include "voter.hpp"

namespace phalanx::cluster {

// What only the master does: decide who is dead, freeze and level the streams of the dead, and
// propose allocations, one at a time.
//
//   owner silent -> freeze its stream here -> Freeze to all -> quorum of reports
//     -> fetch up to the longest report -> propose a step with that base -> quorum -> committed
//
// Planned moves go the other way round: MoveOrder -> the owner closes -> its closing record is
// agreed -> propose a step with that base.
class Master {
 public:
  Master(Core& core, Voter& voter) noexcept : core_(core), voter_(voter) {}

  // Elected: proposes what is newest again under our term, so that it commits or is superseded;
  // with `withdraw`, without the change of voters that is open in it.
  void begin(const std::vector<StreamId>& frozen, bool withdraw);
  void on(const Header& from, const ProposeAck& ack);
  void on(const Header& from, const FreezeReport& report);
  void tick();
  void on_table_moved();
  // Our disk has more leases: our own word on a proposal may wait for them.
  void on_disk() {
    if (core_.is_master()) check_committed();
  }
  void set_load(base::BucketIndex bucket, std::uint32_t load) noexcept {
    load_[bucket.value()] = load;
  }

 private:
  struct Freezing {
    std::map<VoterId, std::uint64_t> held;
    base::TimePoint asked_at{};
    bool frozen_here = false;
  };
  struct Order {
    BucketMove move;
    base::TimePoint since{};
    base::TimePoint sent_at{};
  };

  // What a look at all owners found.
  struct Homeless {
    bool any = false;
    bool all_live = true;
    std::bitset<base::kNumBuckets> pinned;  // not to be touched now
    std::map<StreamId, Base> bases;
  };

  // Why a node had better be given nothing, from the weakest reason on.
  enum class Reluctance : std::uint8_t { None, Drained, Leaving, Sick };
  // All that can serve; only those with the least reluctance have a weight.
  struct Servers {
    std::vector<Candidate> candidates;
    Reluctance least = Reluctance::Sick;
  };

  // A node whose stream had to be frozen while it was alive: given nothing for a while, longer each
  // time, so that a sick node does not take buckets again and again.
  struct Penalty {
    base::BootCount boot;
    base::TimePoint until{};
    base::Duration last{};
  };

  void propose(Allocation allocation);
  void send_proposal();
  void check_committed();
  void watch_own_stream();
  void penalise(const StreamId& stream);
  [[nodiscard]] bool is_sick(const StreamId& stream) const;
  [[nodiscard]] Reluctance reluctance(const StreamId& stream, Duty duty,
                                      std::uint32_t weight) const;
  [[nodiscard]] bool is_live(const StreamId& stream) const;
  [[nodiscard]] Servers servers() const;
  // Who lives; with `freeze`, the streams of the others are frozen.
  void look_at_owners(const OwnerTable& owners, bool freeze);
  void ask_freeze(const StreamId& stream, Freezing& freezing);
  [[nodiscard]] bool ready(const StreamId& stream, Base& base);
  [[nodiscard]] Homeless find_homeless(OwnerTable& owners);
  [[nodiscard]] std::vector<BucketMove> house(OwnerTable owners, const Homeless& homeless,
                                              const std::vector<Candidate>& candidates) const;
  void reassign(bool freeze);
  [[nodiscard]] bool change_voters();
  [[nodiscard]] bool owners_confirmed(const OwnerTable& owners, std::uint64_t version) const;
  [[nodiscard]] bool new_voters_silent() const;
  void withdraw_change();
  [[nodiscard]] bool wants_to_leave(base::NodeId node) const;
  [[nodiscard]] bool wants_to_vote(base::NodeId node) const;
  void propose_voters(VoterSet voters, bool new_version);
  void order_moves(const OwnerTable& owners, const Servers& servers);
  [[nodiscard]] Version everybody_applied() const;

  Core& core_;
  Voter& voter_;
  Agreement agreement_;  // on the newest allocation
  base::TimePoint proposed_at_{};
  base::TimePoint settled_at_{};     // when the newest allocation was last a committed one
  base::TimePoint begun_at_{};       // elected
  base::TimePoint looked_at_{};      // for dead owners and moves
  base::TimePoint planned_at_{};     // moves for balance
  base::TimePoint withdrawn_at_{};   // a change of voters
  std::map<StreamId, bool> living_;  // owners, as of the last look
  std::map<StreamId, Freezing> freezing_;
  std::map<base::NodeId, Penalty> penalties_;
  std::uint64_t own_held_ = 0;
  base::TimePoint own_progressed_{};  // when our own stream was last doing well
  std::map<base::BucketIndex, Order> orders_;
  std::array<std::uint32_t, base::kNumBuckets> load_{};
};

}  // namespace phalanx::cluster
