// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dataplane/flow_cache.hpp"

#include <bit>
#include <cassert>
#include <memory>
#include <new>

namespace phalanx::dataplane {

FlowCache::FlowCache(std::uint32_t entries, std::uint64_t seed)
    : memory_(entries * sizeof(Entry)), mask_(entries - 1), seed_(seed | 1) {
  assert(std::has_single_bit(entries) && entries >= kWays);
  if (memory_.empty()) throw std::bad_alloc();
  entries_ = static_cast<Entry*>(static_cast<void*>(memory_.data()));
  // Also makes the pages be there before packets come.
  std::uninitialized_default_construct_n(entries_, entries);
}

void FlowCache::insert(const ipsec::FlowKey& key, std::uint64_t hash,
                       const FlowVerdict& verdict) noexcept {
  const auto home = hash & mask_;
  for (std::uint64_t way = 0; way < kWays; ++way) {
    auto& entry = entries_[home ^ way];
    if (entry.used) continue;
    entry = {key, verdict, true};
    return;
  }
  // Bits of the hash that the index does not use decide which one gives way.
  entries_[home ^ ((hash >> 40) & (kWays - 1))] = {key, verdict, true};
}

}  // namespace phalanx::dataplane
