// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/cluster/lease_keeper.hpp"

#include <algorithm>

#include "phalanx/cluster/planted.hpp"

namespace phalanx::cluster {

void LeaseKeeper::open(const Key& key, std::uint64_t number) {
  promises_[key] = Promises{number, {}};
}

void LeaseKeeper::promise(const Key& key, std::uint64_t index, std::uint64_t number) {
  const auto found = promises_.find(key);
  if (found == promises_.end()) return;
  found->second.pending.push_back({index, number});
  order_.emplace_back(index, key);
}

void LeaseKeeper::close(base::Uid uid) {
  promises_.erase(Key{uid, Direction::Inbound});
  promises_.erase(Key{uid, Direction::Outbound});
}

void LeaseKeeper::clear() noexcept {
  promises_.clear();
  order_.clear();
}

std::vector<LeaseKeeper::Key> LeaseKeeper::on_commit(std::uint64_t commit) {
  std::vector<Key> changed;
  while (!order_.empty() && order_.front().first <= commit) {
    const auto [index, key] = order_.front();
    order_.pop_front();
    const auto found = promises_.find(key);
    if (found == promises_.end()) continue;
    auto& promises = found->second;
    while (!promises.pending.empty() && promises.pending.front().index <= index) {
      const auto number = promises.pending.front().number;
      const bool keep = planted(Bug::LeasesMergedByMaximum) && promises.agreed > number;
      if (!keep) promises.agreed = number;
      promises.pending.pop_front();
    }
    changed.push_back(key);
  }
  return changed;
}

std::uint64_t LeaseKeeper::usable(const Key& key) const noexcept {
  const auto found = promises_.find(key);
  if (found == promises_.end()) return 0;
  const auto& promises = found->second;
  if (planted(Bug::UseBeforeAcknowledgement) && !promises.pending.empty()) {
    return promises.pending.back().number;
  }
  auto usable = promises.agreed;
  if (planted(Bug::LateAcknowledgementRaises)) return usable;
  for (const auto& pending : promises.pending) usable = std::min(usable, pending.number);
  return usable;
}

std::uint64_t LeaseKeeper::promised(const Key& key) const noexcept {
  const auto found = promises_.find(key);
  if (found == promises_.end()) return 0;
  const auto& promises = found->second;
  return promises.pending.empty() ? promises.agreed : promises.pending.back().number;
}

}  // namespace phalanx::cluster
