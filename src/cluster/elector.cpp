// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "elector.hpp"

#include <algorithm>

#include "phalanx/cluster/planted.hpp"

namespace phalanx::cluster {

bool Elector::hears_master() const {
  if (!core_.master) return false;
  if (core_.is_master()) return true;
  return core_.counts(*core_.master) &&
         core_.now - core_.master_heard <= core_.config.suspect_after();
}

// Ranked, so that two rarely ask at the same moment; witnesses and who lags come last.
base::Duration Elector::patience() const {
  auto voters = core_.voters().all();
  std::sort(voters.begin(), voters.end());
  const bool works = core_.config.duty == Duty::Serve && core_.config.weight != 0;
  const bool last = !works || !core_.complete || core_.now < core_.shy_until;
  const auto rank = std::find(voters.begin(), voters.end(), core_.self.node) - voters.begin() +
                    (last ? static_cast<std::ptrdiff_t>(voters.size()) : 0);
  return core_.config.heartbeat_interval * rank / 2;
}

void Elector::on(const Header& from, const VoteRequest& request) {
  if (!core_.levelled || !from.levelled || request.candidate != from.sender) return;
  VoteReply reply;
  reply.pre = request.pre;
  reply.term = request.term;
  reply.candidate = request.candidate;
  if (request.pre) {
    reply.granted = request.term > core_.memory.term && !hears_master();
  } else {
    if (core_.memory.raise_term(request.term)) core_.master.reset();
    auto& vote = core_.memory.voted_for;
    const bool same =
        vote && (*vote == request.candidate ||
                 (planted(Bug::VoteWithoutBoot) && vote->node == request.candidate.node));
    reply.granted = request.term == core_.memory.term && (!vote || same);
    if (reply.granted) vote = request.candidate;
  }
  for (const auto& [id, log] : core_.memory.streams) {
    if (log.frozen()) reply.frozen.push_back(id);
  }
  reply.committed = core_.memory.committed;
  reply.newest = core_.memory.newest;
  core_.send(from.sender.node, std::move(reply));
}

void Elector::ask(bool pre) {
  phase_ = pre ? Phase::Asking : Phase::Voting;
  agreement_.clear();
  agreement_.add(core_.self);
  asked_at_ = core_.now;
  if (pre) {
    term_ = base::Term(core_.memory.term.value() + 1);
  } else {
    core_.memory.raise_term(term_);
    core_.memory.voted_for = core_.self;
    core_.master.reset();
    core_.disk.term = core_.memory.term;
    core_.persist();
    frozen_.clear();
  }
  core_.send_all(core_.other_voters(), VoteRequest{pre, term_, core_.self});
}

bool Elector::on(const Header& from, const VoteReply& reply) {
  if (phase_ == Phase::Idle || reply.term != term_ || reply.candidate != core_.self) return false;
  if (reply.pre != (phase_ == Phase::Asking) || !reply.granted || !from.levelled) return false;
  if (!reply.pre) {
    if (!planted(Bug::BuildOnCommittedOnly)) core_.memory.store(reply.newest);
    core_.keep_voters();
    core_.memory.committed = std::max(core_.memory.committed, reply.committed);
    frozen_.insert(frozen_.end(), reply.frozen.begin(), reply.frozen.end());
  }
  if (!reply.pre && !core_.compatible(from)) return false;
  agreement_.add(from.sender);
  return advance();
}

// The new voters of an open change get some time to answer; then the old ones go without them.
bool Elector::elected() {
  withdraws_ = false;
  if (agreement_.is_quorum(core_)) return true;
  if (core_.now - asked_at_ < core_.config.heartbeat_interval / 2) return false;
  withdraws_ = agreement_.may_withdraw(core_);
  return withdraws_;
}

bool Elector::advance() {
  if (!elected()) return false;
  if (phase_ == Phase::Asking) {
    ask(false);
    return advance();
  }
  if (core_.memory.term != term_) return false;
  phase_ = Phase::Idle;
  core_.master = core_.self;
  core_.master_heard = core_.now;
  core_.emit(Event(EventKind::MasterChanged, core_.self.node));
  return true;
}

bool Elector::tick() {
  if (!core_.levelled || !core_.voters().contains(core_.self.node) || hears_master()) {
    phase_ = Phase::Idle;
    lonely_since_ = {};
    return false;
  }
  if (lonely_since_ == base::TimePoint{}) lonely_since_ = core_.now;
  if (core_.now - lonely_since_ < patience()) return false;
  const auto retry = core_.config.heartbeat_interval + patience();
  if (phase_ != Phase::Idle && core_.now - asked_at_ < retry) return advance();
  ask(true);
  return advance();
}

}  // namespace phalanx::cluster
