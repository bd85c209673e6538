// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/ipsec/esp_packet.hpp"

namespace phalanx::dataplane {

// Packets of one worker that wait for a lease, in the order of arrival, bounded in total and for
// each SA. Inbound ones are decrypted and have their window bit; outbound ones have no number yet.
class HoldQueue {
 public:
  struct Entry {
    ipsec::EspPacket packet;
    base::TimePoint deadline{};
    std::uint32_t sa = 0;  // position in the list of SAs
    bool inbound = false;
  };

  HoldQueue(std::size_t capacity, std::size_t capacity_per_sa, std::size_t num_sas);

  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  // Whether packets of this SA wait: later ones must queue behind them.
  [[nodiscard]] bool waits(std::uint32_t sa) const noexcept {
    return per_sa_[sa].load(std::memory_order_relaxed) != 0;
  }
  // False when it is full, or the SA has its share.
  [[nodiscard]] bool push(const Entry& entry) noexcept;
  // Oldest first. Not on an empty queue.
  [[nodiscard]] Entry pop() noexcept;
  [[nodiscard]] const Entry& front() const noexcept { return ring_[head_]; }

 private:
  std::vector<Entry> ring_;
  std::vector<std::atomic<std::uint16_t>> per_sa_;  // writer: the worker; readers: any
  std::size_t capacity_per_sa_;
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

}  // namespace phalanx::dataplane
