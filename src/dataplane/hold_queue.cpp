// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dataplane/hold_queue.hpp"

#include <cassert>

namespace phalanx::dataplane {

HoldQueue::HoldQueue(std::size_t capacity, std::size_t capacity_per_sa, std::size_t num_sas)
    : ring_(capacity), per_sa_(num_sas, 0), capacity_per_sa_(capacity_per_sa) {}

bool HoldQueue::push(const Entry& entry) noexcept {
  auto& count = per_sa_[entry.sa];
  if (size_ == ring_.size() || count >= capacity_per_sa_) return false;
  ring_[(head_ + size_) % ring_.size()] = entry;
  ++size_;
  ++count;
  return true;
}

HoldQueue::Entry HoldQueue::pop() noexcept {
  assert(size_ > 0);
  const auto entry = ring_[head_];
  head_ = (head_ + 1) % ring_.size();
  --size_;
  --per_sa_[entry.sa];
  return entry;
}

}  // namespace phalanx::dataplane
