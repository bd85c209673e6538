// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "cold_start.hpp"

#include <algorithm>
#include <utility>

#include "phalanx/cluster/planted.hpp"

namespace phalanx::cluster {
namespace {

// Heartbeats without anybody who remembers until a cold start is tried, and tried again.
constexpr int kPatience = 10;
// A lease in a message, for how many fit.
constexpr std::size_t kLeaseBytes = 18;

using Highest = std::map<DiskLeases::Key, DiskLease>;

void add(Highest& highest, std::span<const DiskLease> leases) {
  for (const auto& lease : leases) {
    const auto [at, fresh] = highest.try_emplace({lease.uid, lease.direction}, lease);
    if (!fresh && lease.number > at->second.number) at->second = lease;
  }
}

}  // namespace

bool ColdStart::tick() {
  if (!core_.admitted || core_.stopped || core_.levelled || !leveller_.is_asking()) return false;
  if (core_.now - fetched_at_ >= core_.config.resend_after) {
    fetched_at_ = core_.now;
    for (const auto& [node, telling] : tellings_) {
      if (asking_ && !telling.complete) fetch(telling);
    }
  }
  return ask();
}

bool ColdStart::ask() {
  const auto& voters = core_.disk.voters;
  if (core_.disk.fresh || !voters.contains(core_.self.node)) return false;
  if (waiting_since_ == base::TimePoint{}) waiting_since_ = core_.now;
  const auto pause = core_.config.heartbeat_interval * kPatience;
  if (core_.now - waiting_since_ < pause) return false;
  std::vector<base::NodeId> without;
  for (const auto& [node, seen] : leveller_.memoryless()) {
    if (core_.now - seen.second > pause / 2 || !core_.counts(seen.first)) continue;
    if (!voters.contains(node)) continue;
    // The lowest of them asks; the others wait for it.
    if (node < core_.self.node) return false;
    without.push_back(node);
  }
  without.push_back(core_.self.node);
  if (!voters.is_quorum(without) && !voters.may_withdraw(without)) return false;
  waiting_since_ = core_.now;
  core_.disk.generation = base::Generation(core_.disk.generation.value() + 1);
  core_.persist();
  generation_ = core_.disk.generation;
  term_ = core_.disk.term;
  candidate_ = core_.self;
  asking_ = true;
  tellings_.clear();
  votes_.clear();
  votes_.add(core_.self);
  core_.send_all(core_.other_voters(), ColdRequest{generation_, core_.disk.voters_at});
  return begin();
}

void ColdStart::on(const Header& from, const ColdRequest& request) {
  if (core_.levelled || !core_.admitted) return;
  ColdReply reply;
  reply.generation = core_.disk.generation;
  reply.term = core_.disk.term;
  const bool same_voters = request.voters_at >= core_.disk.voters_at;
  if (request.generation > core_.disk.generation && same_voters && !core_.disk.fresh) {
    core_.disk.generation = request.generation;
    core_.persist();
    candidate_ = from.sender;
    asking_ = false;
    table_ = {};
    waiting_since_ = core_.now;
    reply.generation = request.generation;
    reply.granted = true;
  }
  core_.send(from.sender.node, reply);
}

bool ColdStart::on(const Header& from, const ColdReply& reply) {
  if (!asking_ || core_.levelled) return false;
  if (!reply.granted) {
    // Somebody knows a later generation: ask above it next time.
    core_.disk.generation = std::max(core_.disk.generation, reply.generation);
    return false;
  }
  if (reply.generation != generation_) return false;
  term_ = std::max(term_, reply.term);
  const auto [at, fresh] = tellings_.try_emplace(from.sender.node, Telling{from.sender, {}, false});
  if (fresh) fetch(at->second);
  return false;
}

void ColdStart::fetch(const Telling& telling) {
  const auto offset = static_cast<std::uint32_t>(telling.leases.size());
  core_.send(telling.from.node, ColdFetch{core_.disk.generation, offset});
}

// Those of our disk, if we granted the generation; its first table, if we live in it.
void ColdStart::on(const Header& from, const ColdFetch& fetch) {
  const bool granted =
      !core_.levelled && candidate_ == from.sender && fetch.generation == core_.disk.generation;
  const bool living = core_.levelled && fetch.generation == core_.memory.generation;
  if (!granted && !(living && generation_ == core_.memory.generation)) return;
  const auto leases = granted ? core_.disk_leases.list() : first_;
  if (fetch.offset > leases.size()) return;
  ColdLeases part;
  part.generation = fetch.generation;
  part.offset = fetch.offset;
  part.total = static_cast<std::uint32_t>(leases.size());
  const auto most = std::max<std::size_t>(core_.config.snapshot_bytes / kLeaseBytes, 1);
  const auto begin = leases.begin() + static_cast<std::ptrdiff_t>(fetch.offset);
  const auto count = std::min(most, leases.size() - fetch.offset);
  part.leases.assign(begin, begin + static_cast<std::ptrdiff_t>(count));
  core_.send(from.sender.node, std::move(part));
}

bool ColdStart::take(Telling& telling, const ColdLeases& part) {
  if (telling.complete || part.offset != telling.leases.size()) return false;
  telling.leases.insert(telling.leases.end(), part.leases.begin(), part.leases.end());
  telling.complete = telling.leases.size() >= part.total;
  return telling.complete;
}

bool ColdStart::on(const Header& from, const ColdLeases& leases) {
  if (core_.levelled || leases.generation != core_.disk.generation) return false;
  if (!asking_) {
    if (candidate_ != from.sender || table_.from != from.sender || !from.levelled) return false;
    if (!take(table_, leases) && !table_.complete) fetch(table_);
    return false;
  }
  const auto found = tellings_.find(from.sender.node);
  if (generation_ != leases.generation || found == tellings_.end()) return false;
  auto& telling = found->second;
  if (telling.from != from.sender || telling.complete) return false;
  if (!take(telling, leases)) {
    fetch(telling);
    return false;
  }
  votes_.add(from.sender);
  return begin();
}

bool ColdStart::begin() {
  if (!votes_.is_quorum(core_) && !votes_.may_withdraw(core_)) return false;
  asking_ = false;
  Highest highest;
  add(highest, core_.disk_leases.list());
  for (const auto& [node, telling] : tellings_) {
    if (telling.complete) add(highest, telling.leases);
  }
  tellings_.clear();
  first_.clear();
  for (const auto& [key, lease] : highest) first_.push_back(lease);
  core_.memory = Memory{};
  core_.memory.table = table_of(first_);
  core_.contacts.forget_states();  // those of an older generation
  core_.memory.generation = generation_;
  core_.memory.term = base::Term(term_.value() + 1);
  core_.memory.voted_for = core_.self;
  core_.disk.term = core_.memory.term;
  core_.memory.newest.version = {generation_, core_.memory.term, base::Epoch(0)};
  core_.memory.newest.voters = core_.disk.voters;
  auto& voters = core_.memory.newest.voters;
  // A change that was decided is over, one that was not never was.
  if (voters.decided) voters.current = voters.next;
  voters.next.clear();
  voters.decided = false;
  voters.version = 0;
  leveller_.become_voter();
  core_.master = core_.self;
  core_.master_heard = core_.now;
  core_.emit(EventKind::ColdStarted);
  core_.emit(Event(EventKind::MasterChanged, core_.self.node));
  return true;
}

bool ColdStart::join(const Header& from, const Propose& proposal) {
  if (core_.levelled || candidate_ != from.sender || asking_) return false;
  if (from.generation != core_.disk.generation || !from.levelled) return false;
  if (proposal.allocation.version.generation != from.generation) return false;
  if (table_.from != from.sender) table_ = Telling{from.sender, {}, false};
  if (!table_.complete) {
    fetch(table_);
    return false;
  }
  core_.memory = Memory{};
  core_.memory.table = table_of(table_.leases);
  core_.contacts.forget_states();
  core_.memory.generation = from.generation;
  core_.memory.raise_term(from.term);
  core_.memory.newest.version = {from.generation, base::Term(0), base::Epoch(0)};
  core_.memory.newest.voters = core_.disk.voters;
  leveller_.become_voter();
  table_ = {};
  return true;
}

}  // namespace phalanx::cluster
