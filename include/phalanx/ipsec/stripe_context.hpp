// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "phalanx/base/ids.hpp"
#include "phalanx/base/prefetch.hpp"
#include "phalanx/ipsec/replay_window.hpp"
#include "phalanx/ipsec/sa_mode.hpp"

namespace phalanx::ipsec {

// Anti-replay context of one SA in packet mode for the numbers of one bucket (RFC 4303 3.4.3, over
// these numbers only): remembers each number of the bucket's newest stripes and refuses older ones.
// Whether a number is accepted depends on this context alone, so who owns the bucket decides
// without asking anyone, and a bucket moves by handing the context over. Used by the bucket's owner
// only.
class alignas(2 * base::kCacheLine) StripeContext {
 public:
  static constexpr std::size_t kStripes = 7;

  // Nothing below `floor` (at least 1) is ever accepted.
  void start(std::uint64_t floor, std::uint8_t shift) noexcept {
    stripes_.fill(kNone);
    bits_.fill(0);
    oldest_ = floor >> shift;
    top_ = floor - 1;
    // The stripe of the floor begins below it.
    stripes_[0] = oldest_;
    bits_[0] = bit(floor, shift) - 1;
  }

  // Before decryption: whether the number may be new.
  [[nodiscard]] ReplayVerdict check(std::uint64_t sequence, std::uint8_t shift) const noexcept {
    const auto stripe = sequence >> shift;
    if (stripe < oldest_) return ReplayVerdict::TooOld;
    const auto at = find(stripe);
    if (at < kStripes) {
      return (bits_[at] & bit(sequence, shift)) != 0 ? ReplayVerdict::Duplicate
                                                     : ReplayVerdict::Fresh;
    }
    return replaceable(stripe) < kStripes ? ReplayVerdict::Fresh : ReplayVerdict::TooOld;
  }

  // After the ICV is verified: checks again and marks the number.
  [[nodiscard]] ReplayVerdict accept(std::uint64_t sequence, std::uint8_t shift) noexcept {
    const auto stripe = sequence >> shift;
    if (stripe < oldest_) return ReplayVerdict::TooOld;
    auto at = find(stripe);
    if (at == kStripes) {
      at = replaceable(stripe);
      if (at == kStripes) return ReplayVerdict::TooOld;
      if (stripes_[at] != kNone) oldest_ = stripes_[at] + 1;
      stripes_[at] = stripe;
      bits_[at] = 0;
    }
    const auto mark = bit(sequence, shift);
    if ((bits_[at] & mark) != 0) return ReplayVerdict::Duplicate;
    bits_[at] |= mark;
    if (sequence > top_) top_ = sequence;
    return ReplayVerdict::Fresh;
  }

  // Highest number accepted, or the floor less one.
  [[nodiscard]] std::uint64_t top() const noexcept { return top_; }
  // Asks the cache for the context.
  void prefetch() const noexcept {
    base::prefetch(&stripes_);
    base::prefetch(&bits_);
  }

 private:
  static constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();

  [[nodiscard]] static std::uint64_t bit(std::uint64_t sequence, std::uint8_t shift) noexcept {
    return std::uint64_t{1} << (sequence & ((std::uint64_t{1} << shift) - 1));
  }
  [[nodiscard]] std::size_t find(std::uint64_t stripe) const noexcept {
    std::size_t at = 0;
    while (at < kStripes && stripes_[at] != stripe) ++at;
    return at;
  }
  // Where a new stripe may go: a free place, else that of the oldest, if that is older. kStripes:
  // nowhere.
  [[nodiscard]] std::size_t replaceable(std::uint64_t stripe) const noexcept {
    std::size_t oldest = 0;
    for (std::size_t i = 0; i < kStripes; ++i) {
      if (stripes_[i] == kNone) return i;
      if (stripes_[i] < stripes_[oldest]) oldest = i;
    }
    return stripes_[oldest] < stripe ? oldest : kStripes;
  }

  std::array<std::uint64_t, kStripes> stripes_{};  // numbers >> shift; kNone: free
  std::uint64_t oldest_ = 0;                       // stripes below are refused
  std::array<std::uint64_t, kStripes> bits_{};     // bit k: the stripe's number k was seen
  std::uint64_t top_ = 0;
};
static_assert(sizeof(StripeContext) == 2 * base::kCacheLine);

}  // namespace phalanx::ipsec
