// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>

#include "phalanx/base/ids.hpp"
#include "phalanx/cluster/types.hpp"

namespace phalanx::cluster {

// Static entries outlive a generation: their uids come from the configuration (docs/abi.md), with
// no node in them.
[[nodiscard]] constexpr bool is_static(base::Uid uid) noexcept {
  return (uid.value() >> 56) == 0;
}

// A voter's word, on its disk: "I have agreed to no lease of this entry above `number`."
struct DiskLease {
  base::Uid uid;
  base::BucketIndex bucket;
  Direction direction = Direction::Inbound;
  std::uint64_t number = 0;
  friend constexpr bool operator==(const DiskLease&, const DiskLease&) noexcept = default;
};

}  // namespace phalanx::cluster
