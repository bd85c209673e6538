// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dataplane/adjacency.hpp"

#include <utility>

namespace phalanx::dataplane {

AdjacencyTable::AdjacencyTable(std::uint32_t capacity, dpdk::Quiescence& quiescence)
    : quiescence_(quiescence), slots_(capacity), owned_(capacity) {
  retired_.reserve(capacity);  // workers report long before every row has changed once
}

void AdjacencyTable::publish(AdjacencyIndex index, std::unique_ptr<Adjacency> adjacency) {
  slots_.at(index.value()).store(adjacency.get(), std::memory_order_release);
  retire(std::exchange(owned_[index.value()], std::move(adjacency)));
}

void AdjacencyTable::withdraw(AdjacencyIndex index) {
  slots_.at(index.value()).store(nullptr, std::memory_order_release);
  retire(std::exchange(owned_[index.value()], nullptr));
}

void AdjacencyTable::retire(std::unique_ptr<const Adjacency> old) {
  if (old) retired_.push_back({std::move(old), quiescence_.start()});
}

bool AdjacencyTable::take_used(AdjacencyIndex index) noexcept {
  const auto* adjacency = index.value() < owned_.size() ? owned_[index.value()].get() : nullptr;
  return adjacency != nullptr && adjacency->used.exchange(false, std::memory_order_relaxed);
}

void AdjacencyTable::reclaim() {
  std::erase_if(retired_, [this](const Retired& row) { return quiescence_.passed(row.token); });
}

}  // namespace phalanx::dataplane
