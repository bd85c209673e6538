// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "phalanx/cluster/contacts.hpp"
#include "phalanx/cluster/disk_leases.hpp"
#include "phalanx/cluster/memory.hpp"
#include "phalanx/cluster/node_config.hpp"

namespace phalanx::cluster {

// What the parts of a Node share: who we are, what we remember, whom we hear, and where outputs go.
// Lives inside the Node; `now` and `out` are set for the length of one call.
struct Core {
  Config config;
  DiskState disk;
  VoterId self;
  bool admitted = false;  // our boot is stored by a quorum
  bool levelled = false;  // we count as a voter
  bool complete = false;  // our table is whole: we may own buckets
  bool stopped = false;   // superseded or refused
  Wish wish;
  std::uint64_t confirmed = 0;    // voter set among which all that we count as agreed is agreed
  bool table_moved = false;       // since the master last looked
  bool heartbeat_due = false;     // something changed that everybody should hear at once
  StreamId stream;                // the one we write
  std::uint64_t stream_held = 0;  // how far a quorum has it, on its disks or not yet
  std::optional<VoterId> master;
  base::TimePoint master_heard{};
  base::TimePoint shy_until{};  // others had better be master
  base::TimePoint now{};
  Outputs* out = nullptr;
  std::vector<Message> to_self;  // what we told ourselves, handled before the call returns
  Memory memory;
  DiskLeases disk_leases;
  Contacts contacts;
  std::map<base::NodeId, base::BootCount> boots;  // the boot of each node that we count

  [[nodiscard]] const VoterSet& voters() const noexcept {
    return memory.newest.version == Version{} ? disk.voters : memory.latest().voters;
  }
  [[nodiscard]] bool is_master() const noexcept { return master == self; }
  [[nodiscard]] bool alive(base::NodeId node) const {
    return node == self.node || contacts.alive(node, now, config.suspect_after());
  }
  [[nodiscard]] bool counts(const VoterId& voter) const noexcept {
    const auto found = boots.find(voter.node);
    return found != boots.end() && found->second == voter.boot;
  }
  // Answers of voters that know a later voter set than we do make no quorum of ours.
  [[nodiscard]] bool compatible(const Header& from) const noexcept {
    return from.voters_version <= voters().version;
  }
  // Everybody we talk to: voters of the disk and of the allocation, and whoever spoke to us.
  [[nodiscard]] std::vector<base::NodeId> peers() const;
  [[nodiscard]] std::vector<base::NodeId> other_voters() const;
  // And owners: one that does not vote may never have heard of us, nor we of it.
  [[nodiscard]] std::vector<base::NodeId> members() const;
  [[nodiscard]] std::vector<base::NodeId> others(std::vector<base::NodeId> nodes) const;

  void send(base::NodeId to, Body body);
  // The newest stream of `voter`, if we have frozen it.
  [[nodiscard]] StreamId frozen_of(const VoterId& voter) const;
  void send_all(const std::vector<base::NodeId>& to, const Body& body);
  void emit(const Event& event);
  void emit(EventKind kind) { emit(Event(kind)); }
  void persist();
  // All that our memory implies is on the disk before what comes behind: our word counts then.
  void cover_memory();
  // Takes the voters of the newest allocation to disk, and the boots that we know with them: before
  // the allocation is acknowledged.
  void keep_voters();
  // Without memory: somebody knows a later voter set. True: we took it over.
  bool learn_voters(const Version& at, const VoterSet& voters);
  // A new boot of `node` proves the old one dead: from now on only the new one counts.
  void learn_boot(base::NodeId node, base::BootCount boot);
};

// Voters that agree, each counted once and only in the boot that counts now.
class Agreement {
 public:
  void add(const VoterId& voter) { voters_[voter] += 1; }
  void clear() noexcept { voters_.clear(); }
  [[nodiscard]] bool is_quorum(const Core& core) const;
  [[nodiscard]] bool may_withdraw(const Core& core) const;

 private:
  [[nodiscard]] std::vector<base::NodeId> nodes(const Core& core) const;
  std::map<VoterId, int> voters_;  // and how often it said so
};

}  // namespace phalanx::cluster
