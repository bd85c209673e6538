// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <atomic>
#include <cstdint>

#include "phalanx/base/ids.hpp"

namespace phalanx::ipsec {

// P1: the 64-bit IV of a counter mode is node (8) | boot (16) | counter (40), xor a mask that
// depends on key and salt only. No two nodes or boots can meet, whatever fails, and the counter is
// kept per key bytes, so it survives the deletion and re-installation of an SA. See docs/abi.md.
inline constexpr unsigned kIvCounterBits = 40;
inline constexpr std::uint64_t kIvCounterEnd = std::uint64_t{1} << kIvCounterBits;
// Counters are handed to workers in blocks of this many.
inline constexpr std::uint64_t kIvBlock = 4096;

[[nodiscard]] constexpr std::uint64_t iv_prefix(base::NodeId node, base::BootCount boot) noexcept {
  return (std::uint64_t{node.value()} << 56) | (std::uint64_t{boot.value()} << kIvCounterBits);
}

// The counter of one key on this node and boot. Owned by the key registry of the control thread for
// the life of the process; workers take blocks from it.
class IvCounter {
 public:
  IvCounter() noexcept = default;
  // Goes on behind what was handed out before; a multiple of kIvBlock.
  explicit IvCounter(std::uint64_t first) noexcept : next_(first) {}

  // First counter of a fresh block, or kIvCounterEnd when the key is used up.
  [[nodiscard]] std::uint64_t take_block() noexcept {
    if (next_.load(std::memory_order_relaxed) >= kIvCounterEnd) return kIvCounterEnd;
    const auto first = next_.fetch_add(kIvBlock, std::memory_order_relaxed);
    return first >= kIvCounterEnd ? kIvCounterEnd : first;
  }
  [[nodiscard]] std::uint64_t next() const noexcept {
    return next_.load(std::memory_order_relaxed);
  }

 private:
  alignas(base::kCacheLine) std::atomic<std::uint64_t> next_{0};
};

}  // namespace phalanx::ipsec
