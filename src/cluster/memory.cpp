// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/cluster/memory.hpp"

#include <algorithm>

#include "phalanx/cluster/planted.hpp"

namespace phalanx::cluster {

bool Memory::raise_term(base::Term higher) {
  if (higher <= term) return false;
  term = higher;
  voted_for.reset();
  remember_voters();
  pending.reset();  // rule 3
  return true;
}

bool Memory::store(const Allocation& allocation) {
  const auto& known = latest().version;
  const bool lower = allocation.version < known && planted(Bug::LowerVersionAccepted);
  if (allocation.version <= known && !lower) return false;
  remember_voters();
  pending = allocation;
  accept();
  return true;
}

void Memory::remember_voters() {
  const auto remember = [&](const Allocation& allocation) {
    const auto& voters = allocation.voters;
    // The same voters once, as of their last allocation: few are different.
    std::erase_if(earlier_voters_, [&](const auto& each) {
      return each.first <= allocation.version && each.second.current == voters.current &&
             each.second.next == voters.next;
    });
    earlier_voters_.insert_or_assign(allocation.version, voters);
  };
  if (newest.version != Version{}) remember(newest);
  if (pending) remember(*pending);
}

bool Memory::is_quorum(std::span<const base::NodeId> agreeing) const noexcept {
  return latest().voters.is_quorum(agreeing) && newest.voters.is_quorum(agreeing) &&
         std::all_of(earlier_voters_.begin(), earlier_voters_.end(),
                     [&](const auto& each) { return each.second.is_quorum(agreeing); });
}

bool Memory::accept() {
  if (!pending) return false;
  const bool ready = pending->settled_version <= table.applied() && missing(*pending).empty();
  if (!ready && !planted(Bug::AllocationWithoutPrefixes)) return false;
  newest = std::move(*pending);
  pending.reset();
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
  const auto& allocation = planted(Bug::OwnerWithoutPrefixes) ? latest() : newest;
  const auto step = std::find_if(allocation.steps.begin(), allocation.steps.end(),
                                 [&](const auto& each) { return each.version > table.applied(); });
  if (step == allocation.steps.end() || allocation.settled_version > table.applied()) return false;
  const bool agreed = allocation.version >= committed && step->version <= committed;
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
  for (const auto& move : step->moves) moved.set(move.bucket.value());
  return true;
}

bool Memory::advance() {
  accept();
  if (newest.version <= committed) {
    earlier_voters_.erase(earlier_voters_.begin(), earlier_voters_.lower_bound(newest.version));
  }
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

std::set<StreamId> Memory::needed_streams() const {
  std::set<StreamId> needed;
  for (const auto& owner : newest.owners()) needed.insert(owner.stream);
  for (const auto& step : newest.steps) {
    for (const auto& base : step.bases) needed.insert(base.stream);
  }
  return needed;
}

void Memory::forget_dead_streams() {
  if (newest.version > committed || pending) return;
  const auto needed = needed_streams();
  for (auto& [id, log] : streams) {
    // The empty log stays: it remembers that the stream is frozen.
    if (!log.frozen() || needed.contains(id)) continue;
    log.set_applied(log.held());
    log.set_noted(log.held());
    log.set_covered(log.held());
    log.forget(log.held());
  }
}

}  // namespace phalanx::cluster
