// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dataplane/foreign_flows.hpp"

#include <bit>
#include <cassert>
#include <cstring>
#include <new>

namespace phalanx::dataplane {

ForeignFlows::ForeignFlows(std::uint32_t entries)
    : memory_(entries * sizeof(std::uint64_t)), mask_(entries / kWays - 1) {
  assert(std::has_single_bit(entries) && entries >= kWays);
  if (memory_.empty()) throw std::bad_alloc();
  slots_ = static_cast<std::uint64_t*>(static_cast<void*>(memory_.data()));
  // Also makes the pages be there before packets come.
  std::memset(slots_, 0, entries * sizeof(std::uint64_t));
}

void ForeignFlows::insert(std::uint64_t hash, base::BucketIndex bucket) noexcept {
  auto* set = set_of(hash);
  auto* end = set + kWays;
  auto* slot = std::find(set, end, std::uint64_t{0});
  // Bits of the hash that choose no set decide which one gives way.
  if (slot == end) slot = set + (hash >> 40) % kWays;
  *slot = tag(hash) | bucket.value();
}

}  // namespace phalanx::dataplane
