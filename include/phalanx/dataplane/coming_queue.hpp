// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/base/ids.hpp"

struct rte_mbuf;

namespace phalanx::dataplane {

// Packets of one worker whose bucket is on its way to this node, as they were received, in the
// order of arrival. Bounded.
class ComingQueue {
 public:
  struct Entry {
    rte_mbuf* packet = nullptr;
    std::uint64_t digest = 0;  // of a clear packet that the old owner may have sent; 0: of none
    base::TimePoint deadline{};
    base::BucketIndex bucket;
    std::uint8_t device = 0;  // where it came in
  };
  explicit ComingQueue(std::size_t capacity) : ring_(capacity) {}

  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  // Whether packets of this bucket wait: later ones queue behind them.
  [[nodiscard]] bool waits(base::BucketIndex bucket) const noexcept {
    return per_bucket_[bucket.value()] != 0;
  }
  [[nodiscard]] const Entry& front() const noexcept { return ring_[head_]; }
  // False when it is full.
  [[nodiscard]] bool push(const Entry& entry) noexcept {
    if (size_ == ring_.size()) return false;
    ring_[(head_ + size_++) % ring_.size()] = entry;
    ++per_bucket_[entry.bucket.value()];
    return true;
  }
  // Oldest first. Not on an empty queue.
  [[nodiscard]] Entry pop() noexcept {
    assert(size_ > 0);
    const auto entry = ring_[head_];
    head_ = (head_ + 1) % ring_.size();
    --size_;
    --per_bucket_[entry.bucket.value()];
    return entry;
  }

 private:
  std::vector<Entry> ring_;
  std::array<std::uint32_t, base::kNumBuckets> per_bucket_{};
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

}  // namespace phalanx::dataplane
