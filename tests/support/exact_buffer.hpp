// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace phalanx::test {

// A copy of some bytes in a heap block of exactly their size: under AddressSanitizer a read of the
// byte behind them ends the program.
class ExactBuffer {
 public:
  explicit ExactBuffer(std::span<const std::byte> from) : block_(from.begin(), from.end()) {}

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return block_; }
  [[nodiscard]] std::span<std::byte> writable() noexcept { return block_; }

 private:
  std::vector<std::byte> block_;  // a range constructor allocates exactly its length
};

}  // namespace phalanx::test
