// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <algorithm>

#include "master.hpp"
#include "phalanx/cluster/planted.hpp"

// The master's part in changes of the voters (VoterSet): one at a time, each in three allocations.
namespace phalanx::cluster {
namespace {

// Heartbeats after a change was withdrawn before the next is tried.
constexpr int kPause = 20;

bool has(const std::vector<base::NodeId>& list, base::NodeId node) {
  return std::find(list.begin(), list.end(), node) != list.end();
}

}  // namespace

bool Master::wants_to_leave(base::NodeId node) const {
  const Wish wish{WishKind::Leave, node};
  if (core_.wish == wish) return true;
  for (const auto other : core_.contacts.known()) {
    const auto* contact = core_.contacts.find(other);
    if (contact->levelled && contact->last.wish == wish && core_.alive(other)) return true;
  }
  return false;
}

bool Master::wants_to_vote(base::NodeId node) const {
  const auto* contact = core_.contacts.find(node);
  return contact != nullptr && contact->levelled && contact->last.complete && core_.alive(node) &&
         contact->last.wish == Wish{WishKind::Vote, node} && is_live(contact->last.stream) &&
         contact->last.applied >= core_.memory.table.applied();
}

void Master::propose_voters(VoterSet voters, bool new_version) {
  auto next = core_.memory.latest();
  const Version version{core_.memory.generation, core_.memory.term,
                        base::Epoch(next.version.epoch.value() + 1)};
  if (new_version) voters.version = grant_of(version);
  next.voters = std::move(voters);
  propose(std::move(next));
}

// All that was agreed among the old voters is so among the new ones. Streams of the dead have been
// frozen and levelled by both, and the owners of the others say so.
bool Master::owners_confirmed(const OwnerTable& owners, std::uint64_t version) const {
  if (planted(Bug::VotersChangedUnlevelled)) return true;
  return std::all_of(owners.begin(), owners.end(), [&](const BucketOwner& owner) {
    const auto node = owner.stream.node;
    if (owner.stream == kNoStream) return true;
    if (node == core_.self.node) return core_.confirmed == version;
    const auto* contact = core_.contacts.find(node);
    return contact != nullptr && contact->last.stream == owner.stream &&
           contact->last.confirmed == version;
  });
}

// Only while the change can still be withdrawn.
bool Master::new_voters_silent() const {
  const auto& voters = core_.memory.latest().voters;
  if (!voters.changing() || voters.decided) return false;
  return std::any_of(voters.next.begin(), voters.next.end(), [&](base::NodeId node) {
    return !has(voters.current, node) && !core_.alive(node);
  });
}

void Master::withdraw_change() {
  withdrawn_at_ = core_.now;
  propose_voters(core_.memory.latest().voters.withdrawn(), true);
}

// The next allocation of a change that is open, or the first of one that is wanted. True: proposed.
bool Master::change_voters() {
  const auto owners = core_.memory.newest.owners();
  const auto owns = [&](base::NodeId node) {
    const auto is_owner = [&](const BucketOwner& owner) { return owner.stream.node == node; };
    const auto is_promised = [&](const auto& each) { return each.second.move.to.node == node; };
    return std::any_of(owners.begin(), owners.end(), is_owner) ||
           std::any_of(orders_.begin(), orders_.end(), is_promised);
  };
  auto voters = core_.memory.newest.voters;
  if (voters.changing()) {
    if (!voters.decided) {
      if (!owners_confirmed(owners, voters.version)) return false;
      voters.decided = true;
    } else {
      for (const auto node : voters.current) {
        const bool leaves = wants_to_leave(node) && !owns(node);
        if (!has(voters.next, node) && leaves) voters.left.push_back(node);
      }
      voters.current = std::exchange(voters.next, {});
      voters.decided = false;
    }
    propose_voters(std::move(voters), true);
    return true;
  }
  std::vector<base::NodeId> leaving;
  std::vector<base::NodeId> ready;
  auto members = core_.peers();
  members.push_back(core_.self.node);
  for (const auto node : members) {
    if (wants_to_leave(node) && !owns(node)) leaving.push_back(node);
    if (wants_to_vote(node)) ready.push_back(node);
  }
  // Who never voted, or does not vote any more, comes and goes without a change of voters.
  auto left = voters.left;
  std::erase_if(left, [&](base::NodeId node) { return has(ready, node); });
  for (const auto node : leaving) {
    if (!voters.contains(node) && !has(left, node)) left.push_back(node);
  }
  if (left != voters.left) {
    voters.left = std::move(left);
    propose_voters(std::move(voters), false);
    return true;
  }
  voters.next = wanted_voters(voters, leaving, ready);
  const bool again = core_.now - withdrawn_at_ < core_.config.heartbeat_interval * kPause;
  if (voters.next == voters.current || (again && withdrawn_at_ != base::TimePoint{})) return false;
  propose_voters(std::move(voters), true);
  return true;
}

}  // namespace phalanx::cluster
