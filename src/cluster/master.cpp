// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "master.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "phalanx/cluster/planted.hpp"

namespace phalanx::cluster {
namespace {

// In heartbeats, and the most it doubles to.
constexpr int kShortestPenalty = 20;
constexpr int kMaxPenaltyFactor = 64;
// Heartbeats that a proposal may stay open, and how long its master then lets others go first.
constexpr int kMaxOpen = 10;
constexpr int kShyFor = 30;

}  // namespace

void Master::begin(const std::vector<StreamId>& frozen, bool withdraw) {
  penalties_.clear();
  own_progressed_ = settled_at_ = begun_at_ = core_.now;
  freezing_.clear();
  orders_.clear();
  for (const auto& stream : frozen) {
    if (stream != core_.stream) voter_.freeze(stream);
  }
  voter_.advance();
  if (withdraw) {
    withdraw_change();
  } else {
    propose(core_.memory.latest());
  }
}

void Master::propose(Allocation allocation) {
  const auto epoch = allocation.version.epoch.value() + 1;
  allocation.version = {core_.memory.generation, core_.memory.term, base::Epoch(epoch)};
  auto settled = planted(Bug::SettledTooEarly) ? allocation.version : everybody_applied();
  if (allocation.steps.size() > core_.config.max_steps) settled = core_.memory.table.applied();
  allocation.settle(settled);
  core_.memory.store(allocation);
  core_.keep_voters();
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
  const Propose message{core_.memory.committed, core_.memory.latest()};
  for (const auto node : core_.peers()) {
    const auto* contact = core_.contacts.find(node);
    const bool stored = contact != nullptr && contact->last.stored >= core_.memory.latest().version;
    if (!stored || core_.memory.committed != core_.memory.latest().version)
      core_.send(node, message);
  }
}

void Master::on(const Header& from, const ProposeAck& ack) {
  if (!core_.is_master() || !from.levelled || ack.version != core_.memory.latest().version) return;
  agreement_.add(from.sender);
  check_committed();
}

void Master::check_committed() {
  const auto version = core_.memory.latest().version;
  if (core_.memory.committed >= version) return;
  if (version.term != core_.memory.term) return;
  const bool accepted = core_.memory.accept() || !core_.memory.pending;
  if (accepted && core_.disk_leases.covers(core_.memory, core_.memory.newest, core_.now)) {
    agreement_.add(core_.self);
  }
  if (!agreement_.is_quorum(core_)) return;
  core_.memory.committed = version;
  core_.table_moved = true;  // what was closed meanwhile waits for the next proposal
  freezing_.clear();
  voter_.advance();
  core_.heartbeat_due = true;
}

bool Master::is_live(const StreamId& stream) const {
  if (stream == kNoStream) return false;
  const auto log = core_.memory.streams.find(stream);
  if (log != core_.memory.streams.end() && log->second.frozen()) return false;
  if (stream.node == core_.self.node) {
    return stream == core_.stream && core_.now - own_progressed_ <= core_.config.suspect_after();
  }
  const auto* contact = core_.contacts.find(stream.node);
  const bool unheard = contact == nullptr || contact->last.stream == kNoStream;
  const bool newer_boot =
      core_.boots.contains(stream.node) && !core_.counts({stream.node, stream.boot});
  // A master that has just come back itself has heard nobody yet, and may suspect nobody.
  if (unheard && !newer_boot) return core_.now - begun_at_ <= core_.config.suspect_after();
  return contact != nullptr && core_.alive(stream.node) &&
         core_.counts({stream.node, stream.boot}) && contact->last.stream == stream;
}

// The master is no better than others: when its stream stands still it is handed on, too.
void Master::watch_own_stream() {
  const auto& log = core_.memory.streams.at(core_.stream);
  const bool moves = log.held() == core_.stream_held || core_.stream_held != own_held_;
  const auto contact = core_.contacts.quorum_contact(core_.voters(), core_.self.node, core_.now);
  // Without a quorum nothing moves, and nothing can be done about it.
  if (moves || core_.now - contact > core_.config.fence_after) own_progressed_ = core_.now;
  own_held_ = core_.stream_held;
}

// Only who is heard is sick; who is silent is dead, and comes back as somebody new.
void Master::penalise(const StreamId& stream) {
  const auto* contact = core_.contacts.find(stream.node);
  const bool heard = stream.node == core_.self.node ||
                     (contact != nullptr && contact->boot == stream.boot &&
                      core_.now - contact->heard <= core_.config.suspect_after());
  if (!heard) return;
  auto& penalty = penalties_[stream.node];
  if (penalty.boot != stream.boot) penalty = Penalty{stream.boot, {}, {}};
  const auto shortest = core_.config.heartbeat_interval * kShortestPenalty;
  penalty.last = std::clamp(penalty.last * 2, shortest, shortest * kMaxPenaltyFactor);
  penalty.until = core_.now + penalty.last;
}

bool Master::is_sick(const StreamId& stream) const {
  const auto found = penalties_.find(stream.node);
  return found != penalties_.end() && found->second.boot == stream.boot &&
         core_.now < found->second.until;
}

Master::Reluctance Master::reluctance(const StreamId& stream, Duty duty,
                                      std::uint32_t weight) const {
  if (is_sick(stream)) return Reluctance::Sick;
  if (wants_to_leave(stream.node)) return Reluctance::Leaving;
  return duty == Duty::Drained || weight == 0 ? Reluctance::Drained : Reluctance::None;
}

// Who can be given buckets. Those with the least reluctance share them: traffic is not dropped
// because everybody is drained, leaves or is sick.
Master::Servers Master::servers() const {
  Servers out;
  std::vector<Reluctance> reluctances;
  const auto add = [&](const StreamId& stream, Duty duty, std::uint32_t weight) {
    if (duty == Duty::Witness || core_.voters().has_left(stream.node)) return;
    reluctances.push_back(reluctance(stream, duty, weight));
    out.candidates.push_back({stream, std::max(weight, 1U)});
    out.least = std::min(out.least, reluctances.back());
  };
  if (core_.complete && is_live(core_.stream)) {
    add(core_.stream, core_.config.duty, core_.config.weight);
  }
  for (const auto node : core_.peers()) {
    const auto* contact = core_.contacts.find(node);
    if (contact == nullptr || !contact->levelled || !contact->last.complete) continue;
    const auto& last = contact->last;
    if (is_live(last.stream)) add(last.stream, last.duty, last.weight);
  }
  for (std::size_t i = 0; i < reluctances.size(); ++i) {
    if (reluctances[i] != out.least) out.candidates[i].weight = 0;
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
  if (!freezing.frozen_here) penalise(stream);
  if (!freezing.frozen_here && !planted(Bug::MasterDoesNotFreezeItself)) voter_.freeze(stream);
  freezing.frozen_here = true;
  if (core_.now - freezing.asked_at < core_.config.resend_after) return;
  freezing.asked_at = core_.now;
  for (const auto node : core_.other_voters()) {
    const VoterId voter{node, core_.boots[node]};
    if (!freezing.held.contains(voter)) core_.send(node, Freeze{{stream}});
  }
}

void Master::look_at_owners(const OwnerTable& owners, bool freeze) {
  living_.clear();
  for (const auto& owner : owners) {
    // Owners come in runs: few different ones, each looked at once.
    const auto [at, fresh] = living_.try_emplace(owner.stream);
    if (!fresh) continue;
    at->second = is_live(owner.stream);
    if (freeze && owner.stream != kNoStream && !at->second) {
      ask_freeze(owner.stream, freezing_[owner.stream]);
    }
  }
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
    // Any quorum of reports will do: what only the dead hold was never agreed.
    if (!core_.counts(voter) || !core_.alive(voter.node)) continue;
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

// Buckets that may change hands now lose their owner in `owners`; the others are pinned.
Master::Homeless Master::find_homeless(OwnerTable& owners) {
  Homeless found;
  std::map<StreamId, std::optional<Base>> dead;
  for (std::size_t i = 0; i < owners.size(); ++i) {
    const base::BucketIndex index(static_cast<std::uint8_t>(i));
    const auto stream = owners[i].stream;
    const auto& bucket = core_.memory.table.bucket(index);
    if (stream == kNoStream) {
      found.any = true;
      continue;
    }
    if (living_.at(stream)) {
      if (!bucket.closed || bucket.owner != owners[i]) {
        // Served: it moves only after its owner has closed it, even if that owner is to have none.
        found.pinned.set(i);
        continue;
      }
      auto& base = found.bases.try_emplace(stream, Base{stream, 0}).first->second;
      base.index = std::max(base.index, bucket.position);
      owners[i].stream = kNoStream;
      found.any = true;
      continue;
    }
    auto [at, fresh] = dead.try_emplace(stream);
    Base base;
    if (fresh && ready(stream, base)) at->second = base;
    if (at->second) {
      found.bases[stream] = *at->second;
      found.any = true;
    } else {
      found.pinned.set(i);
      found.all_live = false;
    }
  }
  return found;
}

// Where the buckets go that may change hands. Those that were closed are served by nobody: whatever
// the weights are by now, they go where they were promised, since their packets are held there.
std::vector<BucketMove> Master::house(OwnerTable owners, const Homeless& homeless,
                                      const std::vector<Candidate>& candidates) const {
  const auto can_serve = [&](const StreamId& stream) {
    return std::any_of(candidates.begin(), candidates.end(),
                       [&](const Candidate& candidate) { return candidate.stream == stream; });
  };
  auto open = ~homeless.pinned;
  std::vector<BucketMove> moves;
  const auto give = [&](const BucketMove& move) {
    open.reset(move.bucket.value());
    owners[move.bucket.value()].stream = move.to;
    moves.push_back(move);
  };
  for (const auto& [bucket, order] : orders_) {
    if (open.test(bucket.value()) && can_serve(order.move.to)) give(order.move);
  }
  for (const auto& move : plan_moves(owners, candidates, load_, {})) {
    if (open.test(move.bucket.value())) give(move);
  }
  return moves;
}

void Master::reassign(bool freeze) {
  auto owners = core_.memory.newest.owners();
  look_at_owners(owners, freeze);
  const auto homeless = find_homeless(owners);
  const auto servers = this->servers();
  AllocationStep step;
  if (homeless.any) step.moves = house(owners, homeless, servers.candidates);
  for (const auto& move : step.moves) orders_.erase(move.bucket);
  if (step.moves.empty()) {
    if (homeless.all_live && !change_voters()) order_moves(owners, servers);
    return;
  }
  for (const auto& [stream, base] : homeless.bases) step.bases.push_back(base);
  auto next = core_.memory.newest;
  step.version = {core_.memory.generation, core_.memory.term,
                  base::Epoch(next.version.epoch.value() + 1)};
  next.steps.push_back(std::move(step));
  propose(std::move(next));
}

void Master::order_moves(const OwnerTable& owners, const Servers& servers) {
  // An owner that did not close in time keeps the bucket; it is asked again with the next plan.
  std::erase_if(orders_, [&](const auto& each) {
    return core_.now - each.second.since > core_.config.heartbeat_interval * 10;
  });
  if (orders_.empty()) {
    if (core_.now - planned_at_ < core_.config.heartbeat_interval / 2) return;
    planned_at_ = core_.now;
    const auto moves = plan_moves(owners, servers.candidates, load_,
                                  {.rebalance = servers.least == Reluctance::None,
                                   .hysteresis_percent = core_.config.hysteresis_percent});
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
    core_.send(owner.node, MoveOrder{core_.memory.committed, MoveStep::Note, {order.move}});
  }
}

// A closed bucket is served by nobody: it does not wait for the next look.
void Master::on_table_moved() {
  if (!core_.is_master() || core_.memory.committed != core_.memory.latest().version) return;
  const bool closed = std::any_of(orders_.begin(), orders_.end(), [&](const auto& each) {
    return core_.memory.table.bucket(each.first).closed;
  });
  // Nobody is frozen here: acknowledgements of the same call may still be on their way out.
  if (closed && !core_.memory.pending && !core_.memory.table_lags()) reassign(false);
}

void Master::tick() {
  if (!core_.is_master() || !core_.levelled) return;
  if (new_voters_silent()) withdraw_change();
  const auto contact = core_.contacts.quorum_contact(core_.voters(), core_.self.node, core_.now);
  if (core_.now - contact > core_.config.suspect_after() &&
      core_.now - core_.master_heard > core_.config.suspect_after()) {
    core_.master.reset();
    return;
  }
  if (core_.now - contact <= core_.config.suspect_after()) core_.master_heard = core_.now;
  watch_own_stream();
  send_proposal();
  check_committed();
  if (core_.now - looked_at_ < core_.config.resend_after) return;
  if (core_.memory.committed != core_.memory.latest().version) {
    // Those who hold what it builds on may be gone, or cannot reach the others: a new election
    // finds out what counts, and somebody else had better win it.
    if (core_.now - settled_at_ <= core_.config.heartbeat_interval * kMaxOpen) return;
    core_.master.reset();
    core_.shy_until = core_.now + core_.config.heartbeat_interval * kShyFor;
    return;
  }
  settled_at_ = core_.now;
  if (!core_.voters().contains(core_.self.node)) {
    core_.master.reset();  // we have left: the others elect somebody
    core_.heartbeat_due = true;
    return;
  }
  if (!core_.memory.pending && !core_.memory.table_lags()) {
    looked_at_ = core_.now;
    reassign(true);
  }
}

}  // namespace phalanx::cluster
