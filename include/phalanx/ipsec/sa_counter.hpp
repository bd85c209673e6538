// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "phalanx/ipsec/esp_packet.hpp"

namespace phalanx::ipsec {

// A counter with one writer: no read-modify-write instruction, readable by any thread.
class SaCounter {
 public:
  void add(std::uint64_t amount) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const noexcept {
    return value_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Packets per verdict, of one SA. Only errors are counted here; success is in the hot line.
using SaErrorCounters = std::array<SaCounter, kNumEspVerdicts>;

}  // namespace phalanx::ipsec
