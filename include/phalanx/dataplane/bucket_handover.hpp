// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "phalanx/base/ids.hpp"
#include "phalanx/dataplane/bucket_table.hpp"

namespace phalanx::dataplane {

// How buckets move between workers without a lock, a lost packet or two owners (P2, P3). What the
// workers and the control thread share about it.
//
// The control thread publishes a table; each worker, for itself, passes three points:
//
//   adopted   It sends by the new table from now on, and has put a fence into each ring it fills:
//             what stands before belongs to the old table.
//   drained   It has taken everything before the fences of all rings it empties, and is done with
//             it: whatever a bucket had in its old owner's hands is finished.
//   settled   Every worker that gives it a bucket has drained. Only now it takes what stands behind
//             a fence, or receives packets of its own.
//
// A bucket's state (windows, numbers, contexts) is touched by its old owner before that one has
// drained, and by its new owner after that one has settled. drained is stored with release order
// and read with acquire order, so the new owner sees all that the old one wrote. The next table is
// published when all workers have settled this one.
class HandoverBoard {
 public:
  // Control thread; the table stays valid until every worker has settled a later one.
  void publish(const BucketTable& table) noexcept {
    table_.store(&table, std::memory_order_release);
  }
  // Control thread: whether the first `workers` workers have settled `version`.
  [[nodiscard]] bool settled(std::uint64_t version, std::size_t workers) const noexcept {
    for (std::size_t i = 0; i < workers; ++i) {
      if (cells_[i].settled.load(std::memory_order_acquire) < version) return false;
    }
    return true;
  }
  [[nodiscard]] const BucketTable& table() const noexcept {
    return *table_.load(std::memory_order_acquire);
  }

 private:
  friend class BucketHandover;
  struct alignas(base::kCacheLine) Cell {
    std::atomic<std::uint64_t> drained{0};  // writer: the worker; readers: other workers
    std::atomic<std::uint64_t> settled{0};  // writer: the worker; reader: control thread
  };

  alignas(base::kCacheLine) std::atomic<const BucketTable*> table_{nullptr};
  std::array<Cell, base::kMaxWorkers> cells_;
};

// One worker's part. That worker only.
class BucketHandover {
 public:
  BucketHandover(HandoverBoard& board, base::WorkerIndex worker) noexcept
      : board_(board), worker_(worker.value()) {}

  // Whether there is a table that this worker has not adopted.
  [[nodiscard]] bool outdated() const noexcept {
    return board_.table_.load(std::memory_order_relaxed) != table_;
  }
  // Takes the table; the caller then fences every ring that it fills, before it pushes more.
  void adopt() noexcept {
    table_ = &board_.table();
    owner_ = table_->owner;
  }
  // The caller has taken what was before the fences of this version, and is done with it.
  void drain() noexcept {
    drained_ = table_->version;
    board_.cells_[worker_].drained.store(drained_, std::memory_order_release);
  }
  // Whether the version is settled; looks at the other workers when it was not yet.
  bool settle() noexcept {
    if (settled_ == table_->version) return true;
    auto givers = table_->gains_from[worker_];
    for (std::size_t other = 0; givers != 0;
         ++other, givers = static_cast<std::uint16_t>(givers >> 1)) {
      if ((givers & 1) == 0) continue;
      if (board_.cells_[other].drained.load(std::memory_order_acquire) < table_->version) {
        return false;
      }
    }
    settled_ = table_->version;
    board_.cells_[worker_].settled.store(settled_, std::memory_order_release);
    return true;
  }

  [[nodiscard]] bool adopted() const noexcept { return table_ != nullptr; }
  [[nodiscard]] bool drained() const noexcept { return drained_ == table_->version; }
  [[nodiscard]] bool settled() const noexcept { return settled_ == table_->version; }
  [[nodiscard]] bool at_rest() const noexcept { return drained() && settled(); }
  [[nodiscard]] std::uint64_t version() const noexcept { return table_->version; }
  [[nodiscard]] std::uint64_t settled_version() const noexcept { return settled_; }
  [[nodiscard]] std::uint16_t gains_from() const noexcept { return table_->gains_from[worker_]; }
  [[nodiscard]] std::uint8_t owner(std::size_t bucket) const noexcept { return owner_[bucket]; }
  [[nodiscard]] bool mine(base::BucketIndex bucket) const noexcept {
    return owner_[bucket.value()] == worker_;
  }

 private:
  HandoverBoard& board_;
  std::uint8_t worker_;
  const BucketTable* table_ = nullptr;
  std::uint64_t drained_ = 0;
  std::uint64_t settled_ = 0;
  std::array<std::uint8_t, base::kNumBuckets> owner_{};  // of table_, close at hand
};

}  // namespace phalanx::dataplane
