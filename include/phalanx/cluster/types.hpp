// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "phalanx/base/ids.hpp"

namespace phalanx::cluster {

using Bytes = std::vector<std::byte>;
using MachineId = std::array<std::byte, 16>;
using BootNonce = std::array<std::byte, 16>;

// One boot of a node or witness: what votes, acknowledges and reports. A new boot proves that the
// old one is dead, and remembers nothing of it.
struct VoterId {
  base::NodeId node;
  base::BootCount boot;
  friend constexpr auto operator<=>(const VoterId&, const VoterId&) noexcept = default;
};

// One ordered log of one boot of one node. A node whose stream was frozen while it was alive goes
// on with the next incarnation of the same boot and keeps its voter identity.
struct StreamId {
  base::NodeId node;
  base::BootCount boot;
  std::uint16_t incarnation = 0;
  friend constexpr auto operator<=>(const StreamId&, const StreamId&) noexcept = default;
};
inline constexpr StreamId kNoStream{};

// Version of an allocation. A generation begins with a cold start and forgets all before it.
struct Version {
  base::Generation generation;
  base::Term term;
  base::Epoch epoch;
  friend constexpr auto operator<=>(const Version&, const Version&) noexcept = default;
};

// Names the allocation that gave a bucket to its owner, within one generation: term << 32 | epoch.
// Terms and epochs only grow, so grants compare as integers.
using Grant = std::uint64_t;
[[nodiscard]] constexpr Grant grant_of(const Version& version) noexcept {
  return (Grant{version.term.value()} << 32) | version.epoch.value();
}

enum class Direction : std::uint8_t { Inbound = 0, Outbound = 1 };
inline constexpr std::size_t kNumDirections = 2;

}  // namespace phalanx::cluster
