// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>

namespace phalanx::test {

// A copy of some bytes in a heap block of exactly their size: under AddressSanitizer a read of the
// byte behind them ends the program. Length 0 is a block of its own too.
class ExactBuffer {
 public:
  explicit ExactBuffer(std::span<const std::byte> from)
      : block_(std::make_unique<std::byte[]>(from.size())), size_(from.size()) {
    std::copy(from.begin(), from.end(), block_.get());
  }

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {block_.get(), size_}; }
  [[nodiscard]] std::span<std::byte> writable() noexcept { return {block_.get(), size_}; }

 private:
  std::unique_ptr<std::byte[]> block_;
  std::size_t size_;
};

}  // namespace phalanx::test
