// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <algorithm>
#include <cstdint>

#include "phalanx/base/huge_memory.hpp"
#include "phalanx/base/ids.hpp"
#include "phalanx/base/prefetch.hpp"

namespace phalanx::dataplane {

// Clear flows of which a packet turned out to be another node's, with the bucket that decides: that
// of the flow's SA. Asked with the flow's hash alone, before a packet is classified; where buckets
// are now is for the caller to ask. As the SPD and the buckets of SAs are fixed while the daemon
// runs, what is in here stays true, and a flow that is not in here costs its whole way once more.
//
// Two flows are taken for one when their hashes agree, in 61 bits at least: FlowCache::hash, whose
// seed outsiders do not know. Not thread-safe: each worker has its own.
class ForeignFlows {
 public:
  static constexpr std::uint32_t kWays = 4;
  static constexpr std::uint64_t kUnknown = base::kNumBuckets;  // the least of what is no bucket

  // entries: a power of two, at least kWays. Throws std::bad_alloc.
  explicit ForeignFlows(std::uint32_t entries);

  void prefetch(std::uint64_t hash) const noexcept { base::prefetch(set_of(hash)); }
  // The bucket, or kUnknown or more. Without branches, as hits and misses come mixed.
  [[nodiscard]] std::uint64_t find(std::uint64_t hash) const noexcept {
    const auto* set = set_of(hash);
    const auto wanted = tag(hash);
    // What agrees in all but the lowest byte leaves that: the bucket.
    return std::min(std::min(set[0] ^ wanted, set[1] ^ wanted),
                    std::min(set[2] ^ wanted, set[3] ^ wanted));
  }
  // The flow is not in here yet.
  void insert(std::uint64_t hash, base::BucketIndex bucket) noexcept;

 private:
  static constexpr std::uint64_t kUsed = std::uint64_t{1} << 63;

  // The hash's bits from 8 on; those below take part in the choice of the set.
  static std::uint64_t tag(std::uint64_t hash) noexcept {
    return (hash & ~std::uint64_t{0xff}) | kUsed;
  }
  [[nodiscard]] std::uint64_t* set_of(std::uint64_t hash) const noexcept {
    return slots_ + (hash & mask_) * kWays;
  }

  base::HugeMemory memory_;
  std::uint64_t* slots_;  // tag | bucket; 0: empty
  std::uint64_t mask_;    // of sets
};

}  // namespace phalanx::dataplane
