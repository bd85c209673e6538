// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "phalanx/base/ids.hpp"

namespace phalanx::base {

// Queue of small values between exactly one producing and one consuming thread, in bursts. Each
// side keeps a copy of how far the other one was and looks again only when that is used up.
//
// A fence marks a place in the queue: what the producer pushed before it belongs to an earlier
// version of something (the bucket table) than what it pushes afterwards. The consumer takes what
// stands behind a fence only when it says that it has settled that version. There is one fence at a
// time: a next one only after the consumer has settled the last.
template <typename T>
class SpscRing {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  static constexpr std::uint64_t kAllVersions = ~std::uint64_t{0};

  // slots: a power of two, all of which can be used.
  explicit SpscRing(std::uint32_t slots) : slots_(std::make_unique<T[]>(slots)), mask_(slots - 1) {
    assert(std::has_single_bit(slots));
  }

  // Producer: how many fit now, at least; looks at the consumer when fewer than `wanted` do.
  [[nodiscard]] std::uint32_t room(std::uint32_t wanted) noexcept {
    auto room = capacity() - static_cast<std::uint32_t>(producer_.at - producer_.other);
    if (room < wanted) {
      producer_.other = head_.load(std::memory_order_acquire);
      room = capacity() - static_cast<std::uint32_t>(producer_.at - producer_.other);
    }
    return room;
  }
  // Producer: how many of the values went in, from the first on.
  std::uint32_t push(const T* values, std::uint32_t count) noexcept {
    count = std::min(count, room(count));
    for (std::uint32_t i = 0; i < count; ++i) slots_[(producer_.at + i) & mask_] = values[i];
    producer_.at += count;
    tail_.store(producer_.at, std::memory_order_release);
    return count;
  }
  // Producer: everything from here on belongs to `version`.
  void fence(std::uint64_t version) noexcept {
    fence_.position.store(producer_.at, std::memory_order_relaxed);
    fence_.version.store(version, std::memory_order_release);
  }

  // Consumer: how many may be taken now, of which none belong to a version above `settled`.
  [[nodiscard]] std::uint32_t available(std::uint64_t settled = kAllVersions) noexcept {
    // The tail is read before the fence. Whoever sees a value that stands behind the fence
    // therefore sees the fence, too.
    if (consumer_.other == consumer_.at) consumer_.other = tail_.load(std::memory_order_acquire);
    auto end = consumer_.other;
    if (fence_.version.load(std::memory_order_acquire) > settled) {
      end = std::min(end, fence_.position.load(std::memory_order_relaxed));
    }
    return static_cast<std::uint32_t>(end - consumer_.at);
  }
  // Consumer: takes up to `capacity` values.
  std::uint32_t pop(T* out, std::uint32_t capacity, std::uint64_t settled = kAllVersions) noexcept {
    const auto count = std::min(capacity, available(settled));
    if (count == 0) return 0;
    for (std::uint32_t i = 0; i < count; ++i) out[i] = slots_[(consumer_.at + i) & mask_];
    consumer_.at += count;
    head_.store(consumer_.at, std::memory_order_release);
    return count;
  }
  // Consumer: whether the producer has set the fence of `version`, and all before it is taken.
  [[nodiscard]] bool passed(std::uint64_t version) const noexcept {
    return fence_.version.load(std::memory_order_acquire) >= version &&
           consumer_.at >= fence_.position.load(std::memory_order_relaxed);
  }

  [[nodiscard]] std::uint32_t capacity() const noexcept {
    return static_cast<std::uint32_t>(mask_ + 1);
  }

 private:
  // How far one side is, and how far it has seen the other; on a line of its own.
  struct alignas(kCacheLine) Side {
    std::uint64_t at = 0;
    std::uint64_t other = 0;
  };
  struct alignas(kCacheLine) Fence {
    std::atomic<std::uint64_t> version{0};   // writer: producer; reader: consumer
    std::atomic<std::uint64_t> position{0};  // writer: producer; reader: consumer
  };

  std::unique_ptr<T[]> slots_;
  std::uint64_t mask_;
  Fence fence_;
  Side producer_;
  alignas(kCacheLine) std::atomic<std::uint64_t> tail_{0};  // writer: producer; reader: consumer
  Side consumer_;
  alignas(kCacheLine) std::atomic<std::uint64_t> head_{0};  // writer: consumer; reader: producer
};

}  // namespace phalanx::base
