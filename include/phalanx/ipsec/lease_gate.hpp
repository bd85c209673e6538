// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <atomic>
#include <cstdint>

namespace phalanx::ipsec {

// Where the lease of one SA and direction meets the packets. The control thread publishes the
// highest number that may be used and the number at which a raise is due; the worker that owns the
// SA compares every packet and asks once per published limit.
class LeaseGate {
 public:
  // Control thread. Raise: publish after the record is durable. Lower: publish first, wait until
  // every worker has been quiescent, check that the worker stayed below, then write the record.
  void publish(std::uint64_t limit, std::uint64_t raise_at) noexcept {
    raise_at_.store(raise_at, std::memory_order_relaxed);
    limit_.store(limit, std::memory_order_release);
  }
  [[nodiscard]] std::uint64_t limit() const noexcept {
    return limit_.load(std::memory_order_acquire);
  }

  // Owning worker. Whether `number` may be used now.
  [[nodiscard]] bool allows(std::uint64_t number) const noexcept { return number <= limit(); }
  // Owning worker. True once per published limit, when `number` has reached the raise mark.
  [[nodiscard]] bool wants_raise(std::uint64_t number) noexcept {
    if (number < raise_at_.load(std::memory_order_relaxed)) [[likely]]
      return false;
    const auto current = limit();
    if (asked_for_ == current) return false;
    asked_for_ = current;
    return true;
  }

 private:
  std::atomic<std::uint64_t> limit_{0};          // writer: control thread; reader: owning worker
  std::atomic<std::uint64_t> raise_at_{0};       // writer: control thread; reader: owning worker
  std::uint64_t asked_for_ = ~std::uint64_t{0};  // owning worker only
};

}  // namespace phalanx::ipsec
