// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "master.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "phalanx/cluster/planted.hpp"

namespace phalanx::cluster {

void Master::begin(const std::vector<StreamId>& frozen) {
  freezing_.clear();
  orders_.clear();
  for (const auto& stream : frozen) {
    if (stream != core_.stream) voter_.freeze(stream);
  }
  voter_.advance();
  propose(core_.memory.newest);
}

void Master::propose(Allocation allocation) {
  const auto epoch = allocation.version.epoch.value() + 1;
  allocation.version = {core_.memory.generation, core_.memory.term, base::Epoch(epoch)};
  auto settled = everybody_applied();
  if (allocation.steps.size() > core_.config.max_steps) settled = core_.memory.table.applied();
  allocation.settle(settled);
  core_.memory.store(allocation);
  agreement_.clear();
  proposed_at_ = {};
  send_proposal();
  check_committed();
}

// The newest step that every voter and member has applied: nobody needs what is before it.
Version Master::everybody_applied() const {
  auto applied = core_.memory.table.applied();
  for (const auto node : core_.peers()) {
    const auto* contact = core_.contacts.find(node);
    const bool member = contact != nullptr && contact->levelled;
    if (!member && !core_.voters().contains(node)) continue;
    applied = std::min(applied, member ? contact->last.applied : Version{});
  }
  return applied;
}

void Master::send_proposal() {
  if (proposed_at_ != base::TimePoint{} && core_.now - proposed_at_ < core_.config.resend_after) {
    return;
  }
  proposed_at_ = core_.now;
  const Propose message{core_.memory.committed, core_.memory.newest};
  for (const auto node : core_.peers()) {
    const auto* contact = core_.contacts.find(node);
    const bool stored = contact != nullptr && contact->last.stored >= core_.memory.newest.version;
    if (!stored || core_.memory.committed != core_.memory.newest.version) core_.send(node, message);
  }
}

void Master::on(const Header& from, const ProposeAck& ack) {
  if (!core_.is_master() || !from.levelled || ack.version != core_.memory.newest.version) return;
  agreement_.add(from.sender);
  check_committed();
}

void Master::check_committed() {
  const auto& newest = core_.memory.newest;
  if (core_.memory.committed >= newest.version) return;
  if (newest.version.term != core_.memory.term) return;
  if (!core_.memory.table_lags() && core_.memory.missing(newest).empty()) {
    agreement_.add(core_.self);
  }
  if (!agreement_.is_quorum(core_)) return;
  core_.memory.committed = newest.version;
  freezing_.clear();
  voter_.advance();
  core_.heartbeat_due = true;
}

bool Master::is_live(const StreamId& stream) const {
  if (stream == kNoStream) return false;
  const auto log = core_.memory.streams.find(stream);
  if (log != core_.memory.streams.end() && log->second.frozen()) return false;
  if (stream.node == core_.self.node) return stream == core_.stream;
  const auto* contact = core_.contacts.find(stream.node);
  return contact != nullptr && core_.alive(stream.node) &&
         core_.counts({stream.node, stream.boot}) && contact->last.stream == stream;
}

std::vector<Candidate> Master::candidates() const {
  std::vector<Candidate> out;
  if (core_.complete) out.push_back({core_.stream, core_.config.weight});
  for (const auto node : core_.peers()) {
    const auto* contact = core_.contacts.find(node);
    if (contact == nullptr || !contact->levelled || !contact->last.complete) continue;
    if (is_live(contact->last.stream)) out.push_back({contact->last.stream, contact->last.weight});
  }
  return out;
}

void Master::on(const Header& from, const FreezeReport& report) {
  if (!core_.is_master() || !from.levelled || from.term != core_.memory.term) return;
  for (const auto& base : report.held) {
    const auto found = freezing_.find(base.stream);
    if (found != freezing_.end()) found->second.held[from.sender] = base.index;
  }
}

void Master::ask_freeze(const StreamId& stream, Freezing& freezing) {
  // Rule 7: ourselves first. Else a record could still become agreed through us after the others
  // have reported.
  if (!freezing.frozen_here && !planted(Bug::MasterDoesNotFreezeItself)) voter_.freeze(stream);
  freezing.frozen_here = true;
  if (core_.now - freezing.asked_at < core_.config.resend_after) return;
  freezing.asked_at = core_.now;
  for (const auto node : core_.other_voters()) {
    const VoterId voter{node, core_.boots[node]};
    if (!freezing.held.contains(voter)) core_.send(node, Freeze{{stream}});
  }
}

void Master::freeze_dead(const OwnerTable& owners) {
  std::set<StreamId> dead;
  for (const auto& owner : owners) {
    if (owner.stream != kNoStream && !is_live(owner.stream)) dead.insert(owner.stream);
  }
  for (const auto& stream : dead) ask_freeze(stream, freezing_[stream]);
}

// Whether a quorum has reported and we hold the longest report ourselves.
bool Master::ready(const StreamId& stream, Base& base) {
  const auto found = freezing_.find(stream);
  if (found == freezing_.end()) return false;
  const auto log = core_.memory.streams.find(stream);
  const auto ours = log == core_.memory.streams.end() ? 0 : log->second.held();
  Agreement reported;
  reported.add(core_.self);
  auto longest = ours;
  auto holder = core_.self;
  for (const auto& [voter, held] : found->second.held) {
    reported.add(voter);
    const bool better = planted(Bug::LevelToShortest) ? held < longest : held > longest;
    if (!better) continue;
    longest = held;
    holder = voter;
  }
  if (!reported.is_quorum(core_)) return false;
  base = {stream, longest};
  if (ours >= longest) return true;
  core_.send(holder.node, Fetch{stream, ours + 1});
  return false;
}

void Master::reassign() {
  auto owners = core_.memory.newest.owners();
  freeze_dead(owners);
  std::map<StreamId, Base> bases;
  std::set<base::BucketIndex> pinned;  // not to be touched now
  bool all_live = true;
  AllocationStep step;
  std::map<StreamId, std::optional<Base>> dead;
  for (std::size_t i = 0; i < owners.size(); ++i) {
    const base::BucketIndex index(static_cast<std::uint8_t>(i));
    const auto stream = owners[i].stream;
    const auto& bucket = core_.memory.table.bucket(index);
    if (stream == kNoStream) continue;
    if (is_live(stream)) {
      if (!bucket.closed || bucket.owner != owners[i]) {
        // Served: it moves only after its owner has closed it, even if that owner is to have none.
        pinned.insert(index);
        continue;
      }
      auto& base = bases.try_emplace(stream, Base{stream, 0}).first->second;
      base.index = std::max(base.index, bucket.position);
      owners[i].stream = kNoStream;
      continue;
    }
    auto [at, fresh] = dead.try_emplace(stream);
    Base base;
    if (fresh && ready(stream, base)) at->second = base;
    if (at->second) {
      bases[stream] = *at->second;
    } else {
      pinned.insert(index);
      all_live = false;
    }
  }
  const auto all = candidates();
  step.moves = plan_moves(owners, all, load_, {});
  std::erase_if(step.moves, [&](const BucketMove& move) { return pinned.contains(move.bucket); });
  for (auto& move : step.moves) {
    // A closed bucket goes where it was promised, if that node is still there.
    const auto order = orders_.find(move.bucket);
    if (order != orders_.end() && is_live(order->second.move.to)) move.to = order->second.move.to;
    orders_.erase(move.bucket);
  }
  if (step.moves.empty()) {
    if (all_live) order_moves(owners, all);
    return;
  }
  for (const auto& [stream, base] : bases) step.bases.push_back(base);
  auto next = core_.memory.newest;
  step.version = {core_.memory.generation, core_.memory.term,
                  base::Epoch(next.version.epoch.value() + 1)};
  next.steps.push_back(std::move(step));
  propose(std::move(next));
}

void Master::order_moves(const OwnerTable& owners, const std::vector<Candidate>& candidates) {
  // An owner that did not close in time keeps the bucket; it is asked again with the next plan.
  std::erase_if(orders_, [&](const auto& each) {
    return core_.now - each.second.since > core_.config.heartbeat_interval * 10;
  });
  if (orders_.empty()) {
    const auto moves =
        plan_moves(owners, candidates, load_,
                   {.rebalance = true, .hysteresis_percent = core_.config.hysteresis_percent});
    for (const auto& move : moves) {
      if (orders_.size() == core_.config.buckets_moving) break;
      orders_[move.bucket] = {move, core_.now, {}};
    }
  }
  for (auto& [bucket, order] : orders_) {
    const auto& owner = owners[bucket.value()].stream;
    // Closed already, and waiting for somebody to take it.
    if (owner == kNoStream || core_.now - order.sent_at < core_.config.resend_after) continue;
    order.sent_at = core_.now;
    const MoveOrder message{core_.memory.committed, {order.move}};
    core_.send(owner.node, message);
    core_.send(order.move.to.node, message);
  }
}

void Master::tick() {
  if (!core_.is_master() || !core_.levelled) return;
  const auto contact = core_.contacts.quorum_contact(core_.voters(), core_.self.node, core_.now);
  if (core_.now - contact > core_.config.suspect_after() &&
      core_.now - core_.master_heard > core_.config.suspect_after()) {
    core_.master.reset();
    return;
  }
  if (core_.now - contact <= core_.config.suspect_after()) core_.master_heard = core_.now;
  send_proposal();
  check_committed();
  if (core_.now - looked_at_ < core_.config.resend_after) return;
  if (core_.memory.committed == core_.memory.newest.version && !core_.memory.table_lags()) {
    looked_at_ = core_.now;
    reassign();
  }
}

}  // namespace phalanx::cluster
