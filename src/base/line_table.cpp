// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/base/line_table.hpp"

#include <algorithm>
#include <utility>

namespace phalanx::base {
namespace {

// A table grows when its lines hold more than this on average. Of lines with four entries expected
// one in twenty is full, so that one lookup in fifty reads a second line.
constexpr std::size_t kMaxAverage = 4;
// Without memory to grow it fills up to here and then refuses.
constexpr std::size_t kHardAverage = 6;
// Lines copied at each insertion while the table grows: growth is over when there are a
// sixty-fourth more entries, and no insertion costs more than some seventy others.
constexpr std::size_t kLinesPerStep = 16;

constexpr unsigned kMinLog2Lines = 3;
constexpr unsigned kMaxLog2Lines = 24;  // tag_byte() takes other bits of the hash than the line

unsigned log2_lines_for(std::size_t entries) noexcept {
  const auto lines = std::bit_ceil((entries + kMaxAverage - 1) / kMaxAverage);
  const auto wanted = static_cast<unsigned>(std::countr_zero(lines));
  return std::clamp(wanted, kMinLog2Lines, kMaxLog2Lines);
}

}  // namespace

LineTable::Array::Array(unsigned log2_lines) noexcept
    : memory((std::size_t{1} << log2_lines) * sizeof(Line)),
      // Zero is what an empty line is made of.
      lines(static_cast<Line*>(static_cast<void*>(memory.data()))),
      mask((std::size_t{1} << log2_lines) - 1),
      shift(64 - log2_lines) {}

bool LineTable::Array::place(std::uint64_t entry) noexcept {
  const auto mixed = mix(static_cast<std::uint32_t>(entry));
  const auto first = home(mixed);
  for (std::uint32_t probe = 0; probe <= kMaxProbe; ++probe) {
    auto& line = lines[(first + probe) & mask];
    const auto free = candidates(line.header, 0);
    if (free == 0) continue;
    const auto slot = slot_of(free);
    // Entry first: whoever reads the header finds it.
    word(line.slots[slot]).store(entry, std::memory_order_release);
    word(line.header).store(line.header | tag_byte(mixed) << (8 * slot), std::memory_order_release);
    for (std::uint32_t passed = 0; passed < probe; ++passed) {
      auto& full = lines[(first + passed) & mask];
      if (full.header >> 56 == kOverflowMax) continue;
      word(full.header).store(full.header + kOverflowOne, std::memory_order_release);
    }
    return true;
  }
  return false;
}

bool LineTable::Array::contains(std::uint64_t entry) const noexcept {
  const auto tag = static_cast<std::uint32_t>(entry);
  const auto reference = static_cast<std::uint32_t>(entry >> 32);
  const auto same = [reference](std::uint32_t other) noexcept { return other == reference; };
  return find(tag, mix(tag), same) != kNone;
}

bool LineTable::Array::remove(std::uint64_t entry) noexcept {
  const auto mixed = mix(static_cast<std::uint32_t>(entry));
  const auto first = home(mixed);
  for (std::uint32_t probe = 0; probe <= kMaxProbe; ++probe) {
    auto& line = lines[(first + probe) & mask];
    for (auto bits = candidates(line.header, tag_byte(mixed)); bits != 0; bits &= bits - 1) {
      const auto slot = slot_of(bits);
      if (line.slots[slot] != entry) continue;
      // The slot keeps its content: a lookup that has read the header before finds what was there.
      const auto cleared = line.header & ~(std::uint64_t{0xff} << (8 * slot));
      word(line.header).store(cleared, std::memory_order_release);
      for (std::uint32_t passed = 0; passed < probe; ++passed) {
        auto& full = lines[(first + passed) & mask];
        if (full.header >> 56 == kOverflowMax) continue;
        word(full.header).store(full.header - kOverflowOne, std::memory_order_release);
      }
      return true;
    }
    if (line.header < kOverflowOne) return false;
  }
  return false;
}

LineTable::LineTable(std::size_t expected)
    : array_(std::make_shared<Array>(log2_lines_for(expected))) {
  if (array_->memory.empty()) array_.reset();
  current_.store(array_.get(), std::memory_order_release);
}

LineTable::~LineTable() = default;

bool LineTable::insert(std::uint32_t tag, std::uint32_t reference) {
  assert(reference != kNone);
  const auto entry = pack(tag, reference);
  if (!next_ && size_ >= array_->num_lines() * kMaxAverage) start_growth();
  if (next_) grow(kLinesPerStep);
  if (insert_now(entry)) return true;
  // No room near its home. A larger table may have it, but only if it is tags that crowd there and
  // not one tag over and over.
  if (size_ < array_->num_lines()) return false;
  if (!next_) start_growth();
  grow(array_->num_lines());
  return insert_now(entry);
}

bool LineTable::insert_now(std::uint64_t entry) noexcept {
  if (size_ >= array_->num_lines() * kHardAverage || !array_->place(entry)) return false;
  if (next_ && !next_->place(entry)) {
    // The larger copy cannot hold it either, which only a flood of equal tags can bring about.
    array_->remove(entry);
    return false;
  }
  ++size_;
  return true;
}

bool LineTable::erase(std::uint32_t tag, std::uint32_t reference) noexcept {
  const auto entry = pack(tag, reference);
  if (!array_->remove(entry)) return false;
  if (next_) next_->remove(entry);
  --size_;
  return true;
}

void LineTable::start_growth() noexcept {
  const auto log2_lines = 64 - array_->shift + 1;
  if (log2_lines > kMaxLog2Lines) return;
  auto larger = std::make_shared<Array>(log2_lines);
  if (larger->memory.empty()) return;
  next_ = std::move(larger);
  copied_lines_ = 0;
}

void LineTable::grow(std::size_t lines) noexcept {
  if (!next_) return;
  const auto end = std::min(array_->num_lines(), copied_lines_ + lines);
  for (; copied_lines_ < end; ++copied_lines_) {
    const auto& line = array_->lines[copied_lines_];
    for (std::size_t slot = 0; slot < kSlots; ++slot) {
      if ((line.header >> (8 * slot) & 0xff) == 0) continue;
      const auto entry = line.slots[slot];
      // What was inserted since growth began is there already.
      if (next_->contains(entry)) continue;
      if (!next_->place(entry)) {
        next_.reset();  // Nobody reads it yet; the old one goes on.
        return;
      }
    }
  }
  if (copied_lines_ < array_->num_lines()) return;
  retired_.push_back(std::exchange(array_, std::exchange(next_, nullptr)));
  current_.store(array_.get(), std::memory_order_release);
}

std::size_t LineTable::memory_bytes() const noexcept {
  return array_->memory.size() + (next_ ? next_->memory.size() : 0);
}

std::vector<std::shared_ptr<const void>> LineTable::take_retired() noexcept {
  return std::exchange(retired_, {});
}

}  // namespace phalanx::base
