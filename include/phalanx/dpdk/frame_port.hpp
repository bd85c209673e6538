// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace phalanx::dpdk {

// Whole frames, one at a time, by queue 0 of a device that nobody else uses: for protocols that
// are not in a hurry. One thread.
class FramePort {
 public:
  // The pool outlives the port.
  FramePort(std::uint16_t device_port, rte_mempool* pool) noexcept
      : device_port_(device_port), pool_(pool) {}
  ~FramePort();
  FramePort(const FramePort&) = delete;
  FramePort& operator=(const FramePort&) = delete;

  enum class Sent : std::uint8_t { Ok, NoBuffer, QueueFull };
  [[nodiscard]] Sent send(std::span<const std::byte> frame) noexcept;
  // The next frame, good until the next call; empty if it has several segments. nullopt: none
  // waits.
  [[nodiscard]] std::optional<std::span<const std::byte>> receive() noexcept;

 private:
  static constexpr unsigned kBurst = 32;
  void release() noexcept;

  std::uint16_t device_port_;
  rte_mempool* pool_;
  std::array<rte_mbuf*, kBurst> burst_{};
  unsigned count_ = 0;
  unsigned next_ = 0;
  rte_mbuf* current_ = nullptr;
};

}  // namespace phalanx::dpdk
