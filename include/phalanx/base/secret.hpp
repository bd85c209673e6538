// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

namespace phalanx::base {

// Overwrites memory in a way the compiler may not drop.
inline void wipe(void* memory, std::size_t length) noexcept {
  explicit_bzero(memory, length);
}

// Key bytes of any length. Moves, never copies except by clone(), has no formatter, and wipes
// itself when destroyed, so that a key exists only where somebody asked for it.
class Secret {
 public:
  Secret() noexcept = default;
  explicit Secret(std::span<const std::byte> bytes)
      : bytes_(bytes.empty() ? nullptr : std::make_unique<std::byte[]>(bytes.size())),
        size_(bytes.size()) {
    if (size_ != 0) std::memcpy(bytes_.get(), bytes.data(), size_);
  }
  ~Secret() { reset(); }

  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  Secret(Secret&& other) noexcept
      : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      reset();
      bytes_ = std::move(other.bytes_);
      size_ = std::exchange(other.size_, 0);
    }
    return *this;
  }

  [[nodiscard]] Secret clone() const { return Secret(bytes()); }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {bytes_.get(), size_}; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

 private:
  void reset() noexcept {
    if (bytes_) wipe(bytes_.get(), size_);
    bytes_.reset();
    size_ = 0;
  }

  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_ = 0;
};

}  // namespace phalanx::base
