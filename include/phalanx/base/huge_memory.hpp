// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <utility>

namespace phalanx::base {

// Zeroed anonymous memory that starts on a huge page and is backed by huge pages where the kernel
// has them: large tables read at random would otherwise miss the TLB at each access. Owned by one
// object; pages come into being when first touched.
class HugeMemory {
 public:
  HugeMemory() noexcept = default;
  // Rounded up to whole huge pages; empty() when the memory cannot be had.
  explicit HugeMemory(std::size_t size_bytes) noexcept;
  ~HugeMemory();
  HugeMemory(HugeMemory&& other) noexcept
      : bytes_(std::exchange(other.bytes_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  HugeMemory& operator=(HugeMemory&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    return *this;
  }
  HugeMemory(const HugeMemory&) = delete;
  HugeMemory& operator=(const HugeMemory&) = delete;

  [[nodiscard]] bool empty() const noexcept { return bytes_ == nullptr; }
  [[nodiscard]] std::byte* data() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  // Keeps it out of core dumps. False when the kernel refused.
  bool exclude_from_dumps() noexcept;

 private:
  std::byte* bytes_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace phalanx::base
