// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <utility>

#include "phalanx/base/huge_memory.hpp"

namespace phalanx::ipsec {

// Memory for run-time SAs and keys: one anonymous mapping that starts on a huge page, is kept out
// of core dumps and is wiped before it is given back. Filled once from the front, never freed in
// part.
class Arena {
 public:
  Arena() noexcept = default;
  // Zeroed; empty() when the memory cannot be had.
  explicit Arena(std::size_t capacity_bytes) noexcept;
  ~Arena();
  Arena(Arena&& other) noexcept
      : memory_(std::move(other.memory_)), used_(std::exchange(other.used_, 0)) {}
  Arena& operator=(Arena&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(used_, other.used_);
    return *this;
  }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  [[nodiscard]] bool empty() const noexcept { return memory_.empty(); }

  // The next `count` objects, default constructed. The capacity was sized for them.
  template <typename T>
  [[nodiscard]] std::span<T> take(std::size_t count) noexcept {
    used_ = (used_ + alignof(T) - 1) / alignof(T) * alignof(T);
    assert(count * sizeof(T) <= memory_.size() - used_);
    auto* first = static_cast<T*>(static_cast<void*>(memory_.data() + used_));
    used_ += count * sizeof(T);
    for (std::size_t i = 0; i < count; ++i) ::new (static_cast<void*>(first + i)) T();
    return {first, count};
  }

 private:
  base::HugeMemory memory_;
  std::size_t used_ = 0;
};

}  // namespace phalanx::ipsec
