// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dataplane/flow_cache.hpp"

#include <bit>
#include <cassert>

namespace phalanx::dataplane {

FlowCache::FlowCache(std::uint32_t entries, std::uint64_t seed)
    : entries_(std::make_unique<Entry[]>(entries)), mask_(entries - 1), seed_(seed | 1) {
  assert(std::has_single_bit(entries) && entries >= 2);
}

void FlowCache::insert(const ipsec::FlowKey& key, std::uint64_t hash,
                       const FlowVerdict& verdict) noexcept {
  auto slot = hash & mask_;
  if (entries_[slot].used) {
    // The set's other entry if it is free; else a bit of the hash that the index does not use
    // decides which one gives way.
    if (!entries_[slot ^ 1].used || ((hash >> 40) & 1) != 0) slot ^= 1;
  }
  entries_[slot] = {key, verdict, true};
}

}  // namespace phalanx::dataplane
