// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "phalanx/base/huge_memory.hpp"
#include "phalanx/base/ids.hpp"
#include "phalanx/base/prefetch.hpp"

namespace phalanx::base {

// Finds a 32-bit reference (the caller's: a position in some array) by a 32-bit tag: an SPI itself,
// or the hash of a longer key, which the caller then compares. Tags may repeat.
//
// Open addressing in cache lines, on average two to four entries in a line of seven:
//
//   |t0|t1|t2|t3|t4|t5|t6|ov|  slot 0 (tag 32, reference 32)  | ... |  slot 6  |
//
// tN is a byte of the hash of slot N's tag (0: empty): one comparison of the first word finds the
// slot to look at. ov counts the entries that were put past this line because it was full; a
// lookup goes on to the next line only while it is not 0. An erased slot is empty again at once,
// nothing is ever shifted, and no mark is left behind.
//
// writer: one thread. readers: any threads, without locks or waiting; each sees every entry that
// was there during its whole lookup. It may also see one that was erased after it began, so what a
// reference names, and the memory of take_retired(), are given up only after all readers have been
// quiescent.
//
// Growth takes no pause: a larger copy is filled by a few lines at each insertion, while lookups go
// on in the old one.
class LineTable {
 public:
  static constexpr std::size_t kBurst = 32;
  static constexpr std::uint32_t kNone = 0xffffffff;  // not a reference
  // The farthest line from its home that an entry may be in: bounds each lookup.
  static constexpr std::uint32_t kMaxProbe = 64;

  // Memory for `expected` entries; grows beyond. is_ready() is false when there is none.
  explicit LineTable(std::size_t expected = 0);
  ~LineTable();
  LineTable(const LineTable&) = delete;
  LineTable& operator=(const LineTable&) = delete;
  [[nodiscard]] bool is_ready() const noexcept { return current_.load() != nullptr; }

  // ---- writer
  // False when there is no memory, or hundreds of entries have this tag. The pair must not be
  // there.
  [[nodiscard]] bool insert(std::uint32_t tag, std::uint32_t reference);
  // False when the pair was not there.
  bool erase(std::uint32_t tag, std::uint32_t reference) noexcept;
  // Asks for the line that insert() or erase() of this tag will write.
  void prefetch(std::uint32_t tag) const noexcept {
    const auto mixed = mix(tag);
    base::prefetch(&array_->lines[array_->home(mixed)]);
    if (next_) base::prefetch(&next_->lines[next_->home(mixed)]);
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t memory_bytes() const noexcept;
  // What lookups that began before this call may still read.
  [[nodiscard]] std::vector<std::shared_ptr<const void>> take_retired() noexcept;

  // ---- readers
  // The reference with this tag for which match(reference) holds; kNone without one.
  template <typename Match>
  [[nodiscard]] std::uint32_t lookup(std::uint32_t tag, Match&& match) const noexcept {
    const auto& array = *current_.load(std::memory_order_acquire);
    return array.find(tag, mix(tag), match);
  }
  [[nodiscard]] std::uint32_t lookup(std::uint32_t tag) const noexcept {
    return lookup(tag, [](std::uint32_t) noexcept { return true; });
  }
  // For each of n <= kBurst tags that are whole keys; prefetch(reference) is called for each found.
  template <typename Prefetch>
  void lookup_bulk(const std::uint32_t* tags, std::size_t n, std::uint32_t* references,
                   Prefetch&& prefetch) const noexcept {
    const auto& array = *current_.load(std::memory_order_acquire);
    std::array<std::uint64_t, kBurst> mixed;
    array.prefetch_bulk(tags, n, mixed);
    for (std::size_t i = 0; i < n; ++i) {
      references[i] = array.find(tags[i], mixed[i], [](std::uint32_t) noexcept { return true; });
      if (references[i] != kNone) prefetch(references[i]);
    }
  }
  // For tags that are hashes of keys: prefetch(reference) asks for the key, and
  // match(i, reference) compares it with key number i.
  template <typename Prefetch, typename Match>
  void lookup_bulk(const std::uint32_t* tags, std::size_t n, std::uint32_t* references,
                   Prefetch&& prefetch, Match&& match) const noexcept {
    lookup_bulk(tags, n, references, prefetch);
    for (std::size_t i = 0; i < n; ++i) {
      if (references[i] == kNone || match(i, references[i])) [[likely]]
        continue;
      references[i] = lookup(tags[i], [&](std::uint32_t reference) { return match(i, reference); });
    }
  }

 private:
  static constexpr std::size_t kSlots = 7;
  static constexpr std::uint64_t kLowBits = 0x0001010101010101;  // of each of the seven bytes
  static constexpr std::uint64_t kSevenBits = 0x007f7f7f7f7f7f7f;
  static constexpr std::uint64_t kOverflowOne = std::uint64_t{1} << 56;
  static constexpr std::uint64_t kOverflowMax = 255;  // stays: nobody knows how many there were

  struct alignas(kCacheLine) Line {
    std::uint64_t header;  // accessed as atomics, by word()
    std::array<std::uint64_t, kSlots> slots;
  };
  static_assert(sizeof(Line) == kCacheLine);

  [[nodiscard]] static std::atomic_ref<std::uint64_t> word(std::uint64_t& value) noexcept {
    return std::atomic_ref<std::uint64_t>(value);
  }
  // Fibonacci hashing: the upper bits choose the line, others the tag byte.
  [[nodiscard]] static std::uint64_t mix(std::uint32_t tag) noexcept {
    return tag * std::uint64_t{0x9e3779b97f4a7c15};
  }
  [[nodiscard]] static std::uint64_t tag_byte(std::uint64_t mixed) noexcept {
    const auto byte = (mixed >> 32) & 0xff;
    return byte + (byte == 0 ? 1 : 0);
  }
  [[nodiscard]] static std::uint64_t pack(std::uint32_t tag, std::uint32_t reference) noexcept {
    return std::uint64_t{reference} << 32 | tag;
  }
  // The high bit of each of the seven bytes that equals `byte`, and no other bit: an empty slot,
  // which may still hold what was erased, must never be taken for a used one.
  [[nodiscard]] static std::uint64_t candidates(std::uint64_t header, std::uint64_t byte) noexcept {
    const auto differing = header ^ (byte * kLowBits);
    return ~(((differing & kSevenBits) + kSevenBits) | differing) & (kLowBits << 7);
  }
  [[nodiscard]] static std::size_t slot_of(std::uint64_t candidate_bits) noexcept {
    return static_cast<std::size_t>(std::countr_zero(candidate_bits)) / 8;
  }

  // One generation of the table. Readers load a pointer to it once a burst.
  struct Array {
    explicit Array(unsigned log2_lines) noexcept;
    [[nodiscard]] std::size_t num_lines() const noexcept { return mask + 1; }
    [[nodiscard]] std::size_t home(std::uint64_t mixed) const noexcept { return mixed >> shift; }
    void prefetch_bulk(const std::uint32_t* tags, std::size_t n,
                       std::array<std::uint64_t, kBurst>& mixed) const noexcept {
      for (std::size_t i = 0; i < n; ++i) {
        mixed[i] = mix(tags[i]);
        base::prefetch(&lines[home(mixed[i])]);
      }
    }
    template <typename Match>
    [[nodiscard]] std::uint32_t find(std::uint32_t tag, std::uint64_t mixed,
                                     Match&& match) const noexcept;
    // Writer.
    [[nodiscard]] bool place(std::uint64_t entry) noexcept;
    [[nodiscard]] bool contains(std::uint64_t entry) const noexcept;
    bool remove(std::uint64_t entry) noexcept;

    HugeMemory memory;
    Line* lines = nullptr;
    std::size_t mask = 0;
    unsigned shift = 0;
  };

  void start_growth() noexcept;
  // Copies up to `lines` lines; when all are copied the larger array takes over.
  void grow(std::size_t lines) noexcept;
  [[nodiscard]] bool insert_now(std::uint64_t entry) noexcept;

  std::atomic<const Array*> current_{nullptr};  // writer: writer; readers: all
  std::shared_ptr<Array> array_;                // what current_ points to
  std::shared_ptr<Array> next_;                 // being filled; null: no growth under way
  std::size_t copied_lines_ = 0;
  std::size_t size_ = 0;
  std::vector<std::shared_ptr<const void>> retired_;
};

template <typename Match>
std::uint32_t LineTable::Array::find(std::uint32_t tag, std::uint64_t mixed,
                                     Match&& match) const noexcept {
  const auto byte = tag_byte(mixed);
  auto at = home(mixed);
  for (std::uint32_t probe = 0; probe <= kMaxProbe; ++probe) {
    auto& line = lines[at];
    const auto header = word(line.header).load(std::memory_order_acquire);
    for (auto bits = candidates(header, byte); bits != 0; bits &= bits - 1) {
      const auto entry = word(line.slots[slot_of(bits)]).load(std::memory_order_acquire);
      const auto reference = static_cast<std::uint32_t>(entry >> 32);
      if (static_cast<std::uint32_t>(entry) == tag && match(reference)) [[likely]]
        return reference;
    }
    if (header < kOverflowOne) [[likely]]
      break;
    at = (at + 1) & mask;
  }
  return kNone;
}

}  // namespace phalanx::base
