// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "phalanx/base/result.hpp"
#include "phalanx/control/cluster_config.hpp"

namespace phalanx::control {

// Orders what operators say on different nodes: the later word wins, everywhere.
struct RosterStamp {
  std::uint64_t count = 0;  // 0: nobody has said anything, the config holds
  base::NodeId by;          // the node that was told
  friend constexpr auto operator<=>(const RosterStamp&, const RosterStamp&) noexcept = default;
};

enum class Membership : std::uint8_t {
  Member = 0,
  Leaving = 1,   // it was told to give up its buckets and its vote, and to stop
  Expelled = 2,  // it will not come back: the others take its vote
};

// What was said of one member.
struct RosterEntry {
  RosterStamp membership_stamp;
  Membership membership = Membership::Member;
  std::string name;  // with the address, as of the command that let it in
  net::IpAddress address;
  bool witness = false;
  RosterStamp share_stamp;
  std::optional<std::uint32_t> weight;  // none: that of its own config
  bool drained = false;
  friend bool operator==(const RosterEntry&, const RosterEntry&) = default;
};
using RosterEntries = std::map<base::NodeId, RosterEntry>;

inline constexpr std::uint32_t kMaxWeight = 1000;
inline constexpr std::size_t kMaxMembers = 32;
inline constexpr std::size_t kMaxMemberName = 32;

// The members of the cluster: those of the config, and what operators have changed since while it
// ran. Each node has a copy, on disk, and tells the others; of two words about one member the later
// one wins, so all copies become the same, whatever is lost or was down. It decides who is talked
// to and what is asked of whom, never who votes or owns: that is the core's. One thread.
class Roster {
 public:
  explicit Roster(const std::vector<ClusterMember>& configured, RosterEntries entries = {});

  // All who are known by address, also those who leave or have left.
  [[nodiscard]] const std::vector<ClusterMember>& members() const noexcept { return members_; }
  [[nodiscard]] const ClusterMember* find(base::NodeId id) const noexcept;
  [[nodiscard]] const RosterEntry& entry(base::NodeId id) const noexcept;
  [[nodiscard]] const RosterEntries& entries() const noexcept { return entries_; }

  // Operators' words, told to node `by`. An error is a sentence for the operator.
  using Said = base::Result<base::Ok, std::string>;
  // `member`: new, or one that left or was expelled; then its address may be another one.
  [[nodiscard]] Said join(const ClusterMember& member, base::NodeId by);
  [[nodiscard]] Said set_membership(base::NodeId id, Membership membership, base::NodeId by);
  [[nodiscard]] Said set_weight(base::NodeId id, std::uint32_t weight, base::NodeId by);
  [[nodiscard]] Said set_drained(base::NodeId id, bool drained, base::NodeId by);

  // Takes what is later than what we have. True: something was.
  bool merge(const RosterEntries& others);

 private:
  [[nodiscard]] RosterStamp next_stamp(base::NodeId by) const noexcept;
  void rebuild();

  std::vector<ClusterMember> configured_;
  RosterEntries entries_;
  std::vector<ClusterMember> members_;
};

// As bytes, for members (inside the secure channel) and for the disk: docs/cluster-protocol.md.
inline constexpr std::byte kRosterMark{0xe1};  // first byte; no message of the core begins with it
[[nodiscard]] std::vector<std::byte> write_roster(const RosterEntries& entries);
// nullopt: malformed, out of range, or of a later version.
[[nodiscard]] std::optional<RosterEntries> parse_roster(std::span<const std::byte> bytes);

// Letters, digits, '-', '_' and '.', 1..32 of them.
[[nodiscard]] bool is_member_name(std::string_view name) noexcept;

}  // namespace phalanx::control
