// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "phalanx/base/ids.hpp"

namespace phalanx::dataplane {

// Clear packets that the last owner of a bucket has sent, by digest, each as often as it was sent.
// Made by the control thread; workers strike packets off.
class PassedPackets {
 public:
  explicit PassedPackets(std::vector<std::uint64_t> digests)
      : digests_(std::move(digests)), struck_(digests_.size()) {
    std::sort(digests_.begin(), digests_.end());
  }
  // Whether this one has been sent. Any worker.
  [[nodiscard]] bool strike(std::uint64_t digest) noexcept {
    const auto [first, last] = std::equal_range(digests_.begin(), digests_.end(), digest);
    for (auto at = first; at != last; ++at) {
      auto& struck = struck_[static_cast<std::size_t>(at - digests_.begin())];
      if (!struck.exchange(true, std::memory_order_relaxed)) return true;
    }
    return false;
  }

 private:
  std::vector<std::uint64_t> digests_;
  std::vector<std::atomic<bool>> struck_;
};

// What a worker has sent of a bucket that is about to move.
struct PassedNote {
  std::uint64_t digest = 0;
  base::BucketIndex bucket;
};

// Where buckets stand that move between nodes (docs/cluster-protocol.md).
//
//   Noting   ours, and about to leave: clear packets are noted as they go
//   Coming   another node's, and about to come: its packets are held
//   Arrived  ours now: what was received before that may have gone through the last owner
//
// writer: control thread; readers: workers.
class NodeMoves {
 public:
  enum class Phase : std::uint8_t { None, Noting, Coming, Arrived };

  // ---- readers
  // Once a burst: nothing of all this is going on.
  [[nodiscard]] bool idle() const noexcept { return moving_.load(std::memory_order_relaxed) == 0; }
  // Who does not find a bucket Coming any more finds its owner and what has passed.
  [[nodiscard]] Phase phase(base::BucketIndex bucket) const noexcept {
    return phases_[bucket.value()].load(std::memory_order_acquire);
  }
  // Changes when held packets should be looked at again.
  [[nodiscard]] std::uint64_t version() const noexcept {
    return version_.load(std::memory_order_acquire);
  }
  [[nodiscard]] PassedPackets* passed(base::BucketIndex bucket) const noexcept {
    return passed_[bucket.value()].load(std::memory_order_acquire);
  }

  // ---- writer
  void set(base::BucketIndex bucket, Phase phase) noexcept {
    auto& now = phases_[bucket.value()];
    const auto before = now.load(std::memory_order_relaxed);
    const auto moving = moving_.load(std::memory_order_relaxed);
    now.store(phase, std::memory_order_release);
    moving_.store(moving - (before != Phase::None) + (phase != Phase::None),
                  std::memory_order_relaxed);
    announce();
  }
  // The one before stays valid until all workers were quiescent.
  void set_passed(base::BucketIndex bucket, PassedPackets* packets) noexcept {
    passed_[bucket.value()].store(packets, std::memory_order_release);
  }
  void announce() noexcept {
    version_.store(version_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

 private:
  std::array<std::atomic<Phase>, base::kNumBuckets> phases_{};
  std::array<std::atomic<PassedPackets*>, base::kNumBuckets> passed_{};
  std::atomic<unsigned> moving_{0};
  std::atomic<std::uint64_t> version_{0};
};

}  // namespace phalanx::dataplane
