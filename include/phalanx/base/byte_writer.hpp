// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "phalanx/base/endian.hpp"

namespace phalanx::base {

// Cursor that writes network byte order into a buffer of fixed capacity. A write that does not fit
// is refused whole and leaves ok() false.
class ByteWriter {
 public:
  explicit ByteWriter(std::span<std::byte> buffer) noexcept : buffer_(buffer) {}

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::span<const std::byte> written() const noexcept { return buffer_.first(size_); }

  void u8(std::uint8_t value) noexcept { append(&value, sizeof(value)); }
  void u16(std::uint16_t value) noexcept { put(be16(value)); }
  void u32(std::uint32_t value) noexcept { put(be32(value)); }
  void u64(std::uint64_t value) noexcept { put(be64(value)); }
  void bytes(std::span<const std::byte> from) noexcept { append(from.data(), from.size()); }

 private:
  template <typename T>
  void put(T value) noexcept {
    append(&value, sizeof(value));
  }
  void append(const void* from, std::size_t length) noexcept {
    if (!ok_ || buffer_.size() - size_ < length) {
      ok_ = false;
      return;
    }
    if (length != 0) std::memcpy(buffer_.data() + size_, from, length);
    size_ += length;
  }

  std::span<std::byte> buffer_;
  std::size_t size_ = 0;
  bool ok_ = true;
};

}  // namespace phalanx::base
