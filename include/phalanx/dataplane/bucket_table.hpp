// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "phalanx/base/ids.hpp"

namespace phalanx::dataplane {

// Which worker of this node owns which bucket. Immutable once published; versions count from 1.
struct BucketTable {
  std::uint64_t version = 1;
  std::array<std::uint8_t, base::kNumBuckets> owner{};
  // By worker: a bit for each worker that gives it a bucket with this version.
  std::array<std::uint16_t, base::kMaxWorkers> gains_from{};

  [[nodiscard]] bool owns_any(std::uint8_t worker) const noexcept {
    for (const auto each : owner) {
      if (each == worker) return true;
    }
    return false;
  }
};
static_assert(base::kMaxWorkers <= 16, "a bit each in gains_from");

// The first table: buckets dealt out by the workers' shares, smoothly (bucket k and k + 1 rarely
// have one owner). A worker with share 0 gets none. At least one share is above 0.
[[nodiscard]] BucketTable make_bucket_table(std::span<const std::uint8_t> shares) noexcept;

// One bucket and its new owner.
struct BucketMove {
  base::BucketIndex bucket;
  base::WorkerIndex to;
};

// The next version.
[[nodiscard]] BucketTable after_moves(const BucketTable& table,
                                      std::span<const BucketMove> moves) noexcept;

}  // namespace phalanx::dataplane
