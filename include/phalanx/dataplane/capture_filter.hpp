// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <atomic>
#include <cstdint>

#include "phalanx/dataplane/drop_reason.hpp"

namespace phalanx::dataplane {

// What the running capture copies. One capture at a time.
enum class CaptureKind : std::uint8_t { None, Port, Sa, Drop };

struct CaptureFilter {
  CaptureKind kind = CaptureKind::None;
  std::uint8_t port = 0;
  DropReason drop = DropReason::MultiSegment;
  std::uint32_t sa = 0;  // position in the list of SAs
  std::uint32_t snaplen = 262144;
};

// The filter in one word, so that workers read it whole. writer: control::CaptureSession, one
// thread at a time; readers: workers.
class CaptureSwitch {
 public:
  void set(const CaptureFilter& filter) noexcept {
    word_.store(static_cast<std::uint64_t>(filter.kind) |
                    static_cast<std::uint64_t>(filter.port) << 8 |
                    static_cast<std::uint64_t>(filter.drop) << 16 |
                    static_cast<std::uint64_t>(filter.sa) << 24,
                std::memory_order_relaxed);
    snaplen_.store(filter.snaplen, std::memory_order_relaxed);
  }
  void clear() noexcept { word_.store(0, std::memory_order_relaxed); }
  [[nodiscard]] bool on() const noexcept { return word_.load(std::memory_order_relaxed) != 0; }
  [[nodiscard]] CaptureFilter get() const noexcept {
    const auto word = word_.load(std::memory_order_relaxed);
    CaptureFilter filter;
    filter.kind = static_cast<CaptureKind>(word & 0xff);
    filter.port = static_cast<std::uint8_t>(word >> 8);
    filter.drop = static_cast<DropReason>((word >> 16) & 0xff);
    filter.sa = static_cast<std::uint32_t>(word >> 24);
    filter.snaplen = snaplen_.load(std::memory_order_relaxed);
    return filter;
  }

 private:
  std::atomic<std::uint64_t> word_{0};
  std::atomic<std::uint32_t> snaplen_{262144};
};

}  // namespace phalanx::dataplane
