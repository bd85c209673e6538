// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "phalanx/base/endian.hpp"

namespace phalanx::base {

// Bounds-checked cursor over bytes from outside. After the first short read it stays failed: check
// ok() once at the end, or use the optionals.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) noexcept : rest_(bytes) {}

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] std::size_t remaining() const noexcept { return rest_.size(); }

  // Integers in network byte order; 0 after a short read.
  std::uint8_t u8() noexcept { return read<std::uint8_t>(); }
  std::uint16_t u16() noexcept { return read<be16>().host(); }
  std::uint32_t u32() noexcept { return read<be32>().host(); }
  std::uint64_t u64() noexcept { return read<be64>().host(); }

  // The next `length` bytes, or an empty span after a short read.
  std::span<const std::byte> bytes(std::size_t length) noexcept {
    if (!ok_ || rest_.size() < length) {
      ok_ = false;
      return {};
    }
    const auto taken = rest_.first(length);
    rest_ = rest_.subspan(length);
    return taken;
  }

 private:
  template <typename T>
  T read() noexcept {
    T value{};
    const auto from = bytes(sizeof(T));
    if (ok_) std::memcpy(&value, from.data(), sizeof(T));
    return value;
  }

  std::span<const std::byte> rest_;
  bool ok_ = true;
};

}  // namespace phalanx::base
