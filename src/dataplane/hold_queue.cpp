// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dataplane/hold_queue.hpp"

#include <cassert>

namespace phalanx::dataplane {

HoldQueue::HoldQueue(std::size_t capacity, std::size_t capacity_per_sa, std::size_t num_sas)
    : ring_(capacity), per_sa_(num_sas), capacity_per_sa_(capacity_per_sa) {}

bool HoldQueue::push(const Entry& entry) noexcept {
  const auto count = per_sa_[entry.sa].load(std::memory_order_relaxed);
  if (size_ == ring_.size() || count >= capacity_per_sa_) return false;
  ring_[(head_ + size_) % ring_.size()] = entry;
  ++size_;
  per_sa_[entry.sa].store(static_cast<std::uint16_t>(count + 1), std::memory_order_relaxed);
  return true;
}

HoldQueue::Entry HoldQueue::pop() noexcept {
  assert(size_ > 0);
  const auto entry = ring_[head_];
  head_ = (head_ + 1) % ring_.size();
  --size_;
  auto& count = per_sa_[entry.sa];
  count.store(static_cast<std::uint16_t>(count.load(std::memory_order_relaxed) - 1),
              std::memory_order_relaxed);
  return entry;
}

}  // namespace phalanx::dataplane
