// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "phalanx/base/prefetch.hpp"

namespace phalanx::ipsec {

enum class ReplayVerdict : std::uint8_t { Fresh, Duplicate, TooOld };

inline constexpr std::uint32_t kMinReplayWindow = 32;
inline constexpr std::uint32_t kMaxReplayWindow = 65536;

// The 64-bit number behind 32 bits on the wire (RFC 4303 A.2): of the numbers with these low bits
// the one nearest to `reference`, the highest number known of the SA.
[[nodiscard]] constexpr std::uint64_t guess_sequence(std::uint64_t reference,
                                                     std::uint32_t wire) noexcept {
  constexpr std::uint64_t kSpan = std::uint64_t{1} << 32;
  const auto offset =
      static_cast<std::int32_t>(wire - static_cast<std::uint32_t>(reference));  // -2^31..2^31-1
  const std::uint64_t nearest = reference + static_cast<std::uint64_t>(std::int64_t{offset});
  // Nothing lies below 0 or above 2^64 - 1: the nearest one that exists.
  if (offset < 0 && nearest > reference) [[unlikely]]
    return nearest + kSpan;
  if (offset > 0 && nearest < reference) [[unlikely]]
    return nearest - kSpan;
  return nearest;
}

// Anti-replay window, RFC 4303 3.4.3, of 32..65536 packets. Up to 64: one word, shifted. Above: the
// ring of words of RFC 6479, in memory that the owner provides. One thread calls check() and
// accept(); any thread may read top().
class ReplayWindow {
 public:
  // Words of ring memory that a window needs; 0 when it lives in the object.
  [[nodiscard]] static constexpr std::size_t ring_words(std::uint32_t size) noexcept {
    // One word more than the window covers, so that a word being refilled holds nothing in use.
    return size <= kWordBits ? 0 : std::bit_ceil((size + kWordBits - 1) / kWordBits + 1);
  }

  // Nothing below `floor` (at least 1) is ever accepted. `ring` has ring_words(size) words and
  // outlives the window.
  void start(std::uint32_t size, std::uint64_t floor, std::span<std::uint64_t> ring) noexcept {
    assert(size >= kMinReplayWindow && size <= kMaxReplayWindow && floor >= 1);
    assert(ring.size() == ring_words(size));
    size_ = size;
    ring_mask_ = ring.empty() ? 0 : static_cast<std::uint32_t>(ring.size() - 1);
    top_.store(floor - 1, std::memory_order_relaxed);
    if (ring.empty()) {
      seen_ = ~std::uint64_t{0};
      return;
    }
    ring_ = ring.data();
    std::fill(ring.begin(), ring.end(), ~std::uint64_t{0});
    // Bits above the top in its own word are numbers to come.
    const auto top = floor - 1;
    ring_[(top / kWordBits) & ring_mask_] = ~std::uint64_t{0} >> (kWordBits - 1 - top % kWordBits);
  }

  // Forgets everything: the same size and memory, another floor.
  void restart(std::uint64_t floor) noexcept { start(size_, floor, ring()); }
  // The window as another node can go on with it: bit k of word j is set if top() - 64 j - k was
  // accepted. Not while a worker uses it.
  [[nodiscard]] std::vector<std::uint64_t> seen() const {
    std::vector<std::uint64_t> words((size_ + kWordBits - 1) / kWordBits);
    const auto newest = top();
    for (std::uint64_t behind = 0; behind < size_ && behind < newest; ++behind) {
      const auto known = check(newest - behind) == ReplayVerdict::Duplicate;
      words[behind / kWordBits] |= std::uint64_t{known} << (behind % kWordBits);
    }
    return words;
  }
  // What seen() said, of a window of any size: what it did not cover counts as seen.
  void restore(std::uint64_t newest, std::span<const std::uint64_t> words) noexcept {
    const std::uint64_t covered =
        std::min<std::uint64_t>({size_, words.size() * kWordBits, newest});
    restart(newest - covered + 1);
    for (auto behind = covered; behind-- > 0;) {
      if (((words[behind / kWordBits] >> (behind % kWordBits)) & 1) != 0) {
        static_cast<void>(accept(newest - behind));
      }
    }
    // Numbers below a top that was itself never accepted (a floor) must not come back.
    if (top() < newest) restart(newest + 1);
  }

  // Before decryption: whether the number may be new.
  [[nodiscard]] ReplayVerdict check(std::uint64_t sequence) const noexcept {
    const auto top = top_.load(std::memory_order_relaxed);
    if (sequence > top) [[likely]]
      return ReplayVerdict::Fresh;
    const auto behind = top - sequence;
    if (behind >= size_) return ReplayVerdict::TooOld;
    const auto word = ring_mask_ == 0
                          ? seen_ >> behind
                          : ring_[(sequence / kWordBits) & ring_mask_] >> (sequence % kWordBits);
    return (word & 1) != 0 ? ReplayVerdict::Duplicate : ReplayVerdict::Fresh;
  }

  // After the ICV is verified: checks again, marks the number and moves the window.
  [[nodiscard]] ReplayVerdict accept(std::uint64_t sequence) noexcept {
    if (const auto verdict = check(sequence); verdict != ReplayVerdict::Fresh) return verdict;
    const auto top = top_.load(std::memory_order_relaxed);
    if (ring_mask_ == 0) {
      accept_in_word(sequence, top);
    } else {
      accept_in_ring(sequence, top);
    }
    return ReplayVerdict::Fresh;
  }

  // Highest number accepted, or the floor less one. Any thread.
  [[nodiscard]] std::uint64_t top() const noexcept { return top_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  // Asks the cache for the word of a number.
  void prefetch(std::uint64_t sequence) const noexcept {
    if (ring_mask_ != 0) base::prefetch(&ring_[(sequence / kWordBits) & ring_mask_]);
  }

 private:
  static constexpr std::uint32_t kWordBits = 64;

  [[nodiscard]] std::span<std::uint64_t> ring() const noexcept {
    return ring_mask_ == 0 ? std::span<std::uint64_t>()
                           : std::span<std::uint64_t>(ring_, std::size_t{ring_mask_} + 1);
  }

  void accept_in_word(std::uint64_t sequence, std::uint64_t top) noexcept {
    if (sequence <= top) {
      seen_ |= std::uint64_t{1} << (top - sequence);
      return;
    }
    const auto ahead = sequence - top;
    seen_ = (ahead < kWordBits ? seen_ << ahead : 0) | 1;
    top_.store(sequence, std::memory_order_relaxed);
  }
  void accept_in_ring(std::uint64_t sequence, std::uint64_t top) noexcept {
    const auto word = sequence / kWordBits;
    if (sequence > top) {
      const auto last = top / kWordBits;
      // A jump past the whole ring clears each word once.
      const auto count = std::min<std::uint64_t>(word - last, std::uint64_t{ring_mask_} + 1);
      for (std::uint64_t i = 1; i <= count; ++i) ring_[(last + i) & ring_mask_] = 0;
      top_.store(sequence, std::memory_order_relaxed);
    }
    ring_[word & ring_mask_] |= std::uint64_t{1} << (sequence % kWordBits);
  }

  std::atomic<std::uint64_t> top_{0};  // writer: the SA's worker; readers: any thread
  union {
    std::uint64_t seen_ = 0;  // bit k: top - k was seen
    std::uint64_t* ring_;     // bit n % 64 of word n / 64: n was seen
  };
  std::uint32_t size_ = 0;
  std::uint32_t ring_mask_ = 0;  // words in the ring less one; 0: no ring
};
static_assert(sizeof(ReplayWindow) == 24);

}  // namespace phalanx::ipsec
