// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/cluster/memory.hpp"

#include <algorithm>
#include <set>

#include "phalanx/cluster/planted.hpp"

namespace phalanx::cluster {

bool Memory::raise_term(base::Term higher) {
  if (higher <= term) return false;
  term = higher;
  voted_for.reset();
  return true;
}

bool Memory::store(const Allocation& allocation) {
  if (allocation.version <= newest.version) return false;
  newest = allocation;
  return true;
}

std::vector<Base> Memory::missing(const Allocation& allocation) const {
  std::vector<Base> missing;
  for (const auto& step : allocation.steps) {
    if (step.version <= table.applied()) continue;
    for (const auto& base : step.bases) {
      const auto found = streams.find(base.stream);
      const auto held = found == streams.end() ? 0 : found->second.held();
      if (held < base.index) missing.push_back({base.stream, held});
    }
  }
  return missing;
}

bool Memory::apply_up_to(const StreamId& id, StreamLog& log, std::uint64_t target) {
  const auto before = log.applied();
  target = std::min(target, log.held());
  while (log.applied() < target) {
    const auto next = log.applied() + 1;
    if (table.apply(id, next, *log.at(next)) == Table::Applied::TooEarly) break;
    log.set_applied(next);
  }
  return log.applied() != before;
}

// One step, when it is committed and the prefixes it builds on are here. A base of a frozen stream
// is agreed by the commit itself, whatever its origin last knew.
bool Memory::apply_next_step() {
  const auto step = std::find_if(newest.steps.begin(), newest.steps.end(),
                                 [&](const auto& each) { return each.version > table.applied(); });
  if (step == newest.steps.end() || table_lags()) return false;
  const bool agreed = newest.version >= committed && step->version <= committed;
  if (!agreed && !planted(Bug::AllocationUsedOnReceipt)) return false;
  for (const auto& base : step->bases) {
    const auto found = streams.find(base.stream);
    if (planted(Bug::OwnerWithoutPrefixes)) {
      if (found != streams.end()) apply_up_to(base.stream, found->second, base.index);
      continue;
    }
    if (found == streams.end()) {
      if (base.index != 0) return false;
      continue;
    }
    auto& log = found->second;
    if (log.held() < base.index) return false;
    apply_up_to(base.stream, log, base.index);
    if (log.applied() < base.index) return false;
  }
  table.apply(*step);
  return true;
}

bool Memory::advance() {
  bool changed = false;
  bool progress = true;
  while (progress) {
    progress = false;
    for (auto& [id, log] : streams) progress |= apply_up_to(id, log, log.commit());
    progress |= apply_next_step();
    changed |= progress;
  }
  return changed;
}

void Memory::forget_dead_streams() {
  if (newest.version > committed) return;
  std::set<StreamId> needed;
  for (const auto& owner : newest.owners()) needed.insert(owner.stream);
  for (const auto& step : newest.steps) {
    for (const auto& base : step.bases) needed.insert(base.stream);
  }
  for (auto& [id, log] : streams) {
    // The empty log stays: it remembers that the stream is frozen.
    if (!log.frozen() || needed.contains(id)) continue;
    log.set_applied(log.held());
    log.forget(log.held());
  }
}

}  // namespace phalanx::cluster
