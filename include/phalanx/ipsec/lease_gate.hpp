// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <atomic>
#include <cstdint>

namespace phalanx::ipsec {

// Where the lease of one SA and direction meets the packets. The control thread publishes the
// highest number that may be used and the number at which a raise is due; the worker that owns the
// SA (packet mode: each that works on it) compares every packet and asks once per publication. Each
// publication counts, also one of a limit that was published before: a lease that was lowered again
// must be asked for again.
class LeaseGate {
 public:
  // Control thread. Raise: publish after the record is durable. Lower: publish first, wait until
  // every worker has been quiescent, check that the worker stayed below, then write the record.
  void publish(std::uint64_t limit, std::uint64_t raise_at) noexcept {
    raise_at_.store(raise_at, std::memory_order_relaxed);
    limit_.store(limit, std::memory_order_release);
    // Last, so that whoever sees the new version sees its mark, too.
    version_.store(version_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  [[nodiscard]] std::uint64_t limit() const noexcept {
    return limit_.load(std::memory_order_acquire);
  }

  // Owning worker. Whether `number` may be used now.
  [[nodiscard]] bool allows(std::uint64_t number) const noexcept { return number <= limit(); }
  // Owning worker. True once per publication, when `number` has reached the raise mark.
  [[nodiscard]] bool wants_raise(std::uint64_t number) noexcept {
    return wants_raise(number, asked_version_);
  }
  // The same for one of several workers, each with its own `asked_version` (at first ~0).
  [[nodiscard]] bool wants_raise(std::uint64_t number,
                                 std::uint32_t& asked_version) const noexcept {
    if (number < raise_at_.load(std::memory_order_relaxed)) [[likely]]
      return false;
    const auto version = version_.load(std::memory_order_acquire);
    if (asked_version == version) return false;
    // The mark may have moved since the first look.
    if (number < raise_at_.load(std::memory_order_relaxed)) return false;
    asked_version = version;
    return true;
  }

 private:
  std::atomic<std::uint64_t> limit_{0};     // writer: control thread; reader: owning worker
  std::atomic<std::uint64_t> raise_at_{0};  // writer: control thread; reader: owning worker
  std::atomic<std::uint32_t> version_{0};   // writer: control thread; reader: owning worker
  std::uint32_t asked_version_ = ~std::uint32_t{0};  // owning worker only
};
static_assert(sizeof(LeaseGate) == 24);

}  // namespace phalanx::ipsec
