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
    return push_each(count, [values](std::uint32_t i, T& slot) { slot = values[i]; });
  }
  // Producer: the same, each value made in its place by write(number, slot).
  template <typename Write>
  std::uint32_t push_each(std::uint32_t count, const Write& write) noexcept {
    count = std::min(count, room(count));
    for (std::uint32_t i = 0; i < count; ++i) write(i, slots_[(producer_.at + i) & mask_]);
    producer_.at += count;
    tail_.store(producer_.at, std::memory_order_release);
    return count;
  }
  // Producer: everything from here on belongs to `version`.
  void fence(std::uint64_t version) noexcept {
    fence_.position.store(producer_.at, std::memory_order_relaxed);
    fence_.version.store(version, std::memory_order_release);
  }

  // Consumer: how many may be taken now, of which none belong to a version above `settled`; looks
  // at the producer when fewer than `wanted` are known.
  [[nodiscard]] std::uint32_t available(std::uint64_t settled = kAllVersions,
                                        std::uint32_t wanted = 1) noexcept {
    // The tail is read before the fence. Whoever sees a value that stands behind the fence
    // therefore sees the fence, too.
    if (consumer_.other - consumer_.at < wanted) {
      consumer_.other = tail_.load(std::memory_order_acquire);
    }
    auto end = consumer_.other;
    if (fence_.version.load(std::memory_order_acquire) > settled) {
      end = std::min(end, fence_.position.load(std::memory_order_relaxed));
    }
    return static_cast<std::uint32_t>(end - consumer_.at);
  }
  // Consumer: takes up to `capacity` values.
  std::uint32_t pop(T* out, std::uint32_t capacity, std::uint64_t settled = kAllVersions) noexcept {
    return pop_each(capacity, settled, [out](std::uint32_t i, const T& value) { out[i] = value; });
  }
  // Consumer: the same, each value read in its place by read(number, value).
  template <typename Read>
  std::uint32_t pop_each(std::uint32_t capacity, std::uint64_t settled, const Read& read) noexcept {
    const auto count = std::min(capacity, available(settled, capacity));
    if (count == 0) return 0;
    for (std::uint32_t i = 0; i < count; ++i) read(i, slots_[(consumer_.at + i) & mask_]);
    consumer_.at += count;
    head_.store(consumer_.at, std::memory_order_release);
    return count;
  }
  // Consumer: what stands `ahead` places behind the next value; ahead < available().
  [[nodiscard]] const T& peek(std::uint32_t ahead) const noexcept {
    return slots_[(consumer_.at + ahead) & mask_];
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
