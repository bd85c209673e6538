// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "phalanx/cluster/node.hpp"

namespace phalanx::simulation {

using namespace phalanx::cluster;  // the simulator is about nothing else

// One process of a node: from start to crash.
struct Process {
  std::uint32_t id = 0;  // unique in the run
  base::NodeId node;
};
struct SaKey {
  base::Uid uid;
  Direction direction = Direction::Inbound;
  friend constexpr auto operator<=>(const SaKey&, const SaKey&) noexcept = default;
};

// The leases of static SAs on one disk.
using Disk = std::map<SaKey, DiskLease>;

// Sees everything, as no node can, and says which promise was broken. The numbers are those of
// docs/cluster-simulation.md.
class Checker {
 public:
  struct Violation {
    int invariant = 0;
    std::string text;
  };
  [[nodiscard]] const std::optional<Violation>& violation() const noexcept { return violation_; }

  // (1) a boot belongs to one process.
  void admitted(const Process& process, const Node& node);
  // (2, 3, 4, 5, 10, 17) a number was sent, or delivered.
  void used(const Node& node, const SaKey& key, base::BucketIndex bucket, std::uint64_t number,
            Grant grant, std::uint64_t worker_limit);
  // (13) a packet went through, in or out; `number` is the peer's, or which clear packet it was.
  void passed(const SaKey& key, std::uint64_t number);
  // (13) a packet came in that must go through. Only in runs with planned changes.
  void expect(const SaKey& key, std::uint64_t number) { expected_[key].insert(number); }
  void all_passed();
  // (5) a bucket changed hands: floors against what earlier owners used. (12) no dead entry lives.
  // (6) the allocation behind it is stored by a quorum.
  void opened(const Node& node, base::BucketIndex bucket);
  // (6, 9, 14) after every step of a node.
  void stepped(const Process& process, const Node& node);
  // (7, 8) what leaves a node.
  void sent(const Node& node, const Message& message);
  // (12) the tombstone is record `index` of the stream: final once that is agreed.
  void removed(base::Uid uid, const StreamId& stream, std::uint64_t index) {
    removed_[uid] = {stream, index};
  }
  // (9) a voter without memory counts again: nothing agreed may be missing in a quorum now.
  void levelled(const Node& node);
  // (12) no table anywhere holds what was deleted.
  void settled();
  // The process is gone; what it had acknowledged counts as acknowledged.
  void crashed(const Process& process, const Node& node);
  // Number that was used of this SA.
  [[nodiscard]] std::uint64_t highest(const SaKey& key) const {
    const auto found = uses_.find(key);
    return found == uses_.end() ? 0 : found->second.highest;
  }
  void fail(int invariant, std::string text) {
    if (!violation_) violation_ = Violation{invariant, std::move(text)};
  }

  base::TimePoint now{};        // of the world, as no node knows it
  base::TimePoint local_now{};  // of the node that takes a step
  // Who is running, for the checks that look at everybody.
  std::map<base::NodeId, const Node*> alive;
  // What is durable, of who runs and who does not. Not of who lost its disk.
  std::map<base::NodeId, const Disk*> disks;

 private:
  // A bucket's owner in the life of an SA: generations come before grants.
  using Era = std::pair<base::Generation, Grant>;
  struct Use {
    std::uint64_t highest = 0;
    std::map<Era, std::uint64_t> floors;    // who took over, with its floor
    std::map<Era, std::uint64_t> by_owner;  // highest number used by each
  };
  struct Progress {
    Version committed;
    std::map<StreamId, std::uint64_t> commit;
  };
  // What has been agreed in one generation.
  struct Agreed {
    std::map<StreamId, std::uint64_t> commit;
    Version allocation;
    VoterSet voters;
    std::map<Version, AllocationStep> steps;
  };
  struct Stuck {
    std::uint64_t commit = 0;
    base::TimePoint since{};
  };
  [[nodiscard]] Agreed& agreed(const Node& node);
  // Whether some quorum of voters that count now is without record `index` of the stream.
  [[nodiscard]] bool quorum_without(const Node& node, const StreamId& stream, std::uint64_t index);
  void check_prefix(const Node& node, const StreamId& stream, std::uint64_t index);
  void check_allocation(const Node& node, Agreed& agreed);
  void check_lease(const Node& node, const SaKey& key, base::BucketIndex bucket,
                   std::uint64_t number);
  void check_disks(const Node& node, const SaKey& key, std::uint64_t number);
  void check_advances(const Process& process, const Node& node);
  [[nodiscard]] bool is_deleted(base::Uid uid, base::Generation generation) const;
  [[nodiscard]] std::vector<base::NodeId> holders(const StreamId& stream,
                                                  std::uint64_t index) const;
  [[nodiscard]] std::vector<base::NodeId> storers(const Version& version) const;
  void check_frozen(const StreamId& stream);

  std::optional<Violation> violation_;
  std::map<SaKey, std::set<std::uint64_t>> expected_;
  std::map<SaKey, std::uint64_t> last_passed_;
  std::map<VoterId, std::uint32_t> boots_;
  std::map<SaKey, Use> uses_;
  std::set<std::pair<SaKey, std::uint64_t>> numbers_;
  std::map<base::Uid, std::pair<StreamId, std::uint64_t>> removed_;
  std::map<base::Generation, Agreed> agreed_;
  std::map<std::uint32_t, Stuck> stuck_;
  std::map<std::pair<Version, int>, Allocation> committed_;
  std::map<std::tuple<VoterId, base::Generation, base::Term>, VoterId> votes_;
  std::map<std::uint32_t, Progress> progress_;
  // What processes that are gone had stored, by node.
  std::map<base::NodeId, std::map<StreamId, std::uint64_t>> dead_held_;
  std::map<base::NodeId, Version> dead_stored_;
  std::map<StreamId, base::TimePoint> frozen_since_;  // a quorum froze it
};

}  // namespace phalanx::simulation
