// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <utility>

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
      : bytes_(std::exchange(other.bytes_, nullptr)),
        capacity_(std::exchange(other.capacity_, 0)),
        used_(std::exchange(other.used_, 0)) {}
  Arena& operator=(Arena&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(capacity_, other.capacity_);
    std::swap(used_, other.used_);
    return *this;
  }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  [[nodiscard]] bool empty() const noexcept { return bytes_ == nullptr; }

  // The next `count` objects, default constructed. The capacity was sized for them.
  template <typename T>
  [[nodiscard]] std::span<T> take(std::size_t count) noexcept {
    used_ = (used_ + alignof(T) - 1) / alignof(T) * alignof(T);
    assert(count * sizeof(T) <= capacity_ - used_);
    auto* first = static_cast<T*>(static_cast<void*>(bytes_ + used_));
    used_ += count * sizeof(T);
    for (std::size_t i = 0; i < count; ++i) ::new (static_cast<void*>(first + i)) T();
    return {first, count};
  }

 private:
  std::byte* bytes_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t used_ = 0;
};

}  // namespace phalanx::ipsec
