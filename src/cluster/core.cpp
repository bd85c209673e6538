// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "core.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "phalanx/cluster/planted.hpp"

namespace phalanx::cluster {

std::vector<base::NodeId> Core::peers() const {
  auto all = contacts.known();
  for (const auto* set : {&disk.voters, &voters()}) {
    all.insert(all.end(), set->current.begin(), set->current.end());
    all.insert(all.end(), set->next.begin(), set->next.end());
  }
  return others(std::move(all));
}

std::vector<base::NodeId> Core::members() const {
  auto all = peers();
  auto last = kNoStream;
  for (const auto& owner : memory.latest().owners()) {
    if (owner.stream == last) continue;  // owners come in runs
    last = owner.stream;
    if (last != kNoStream) all.push_back(last.node);
  }
  return others(std::move(all));
}

// Each once, in order, without ourselves.
std::vector<base::NodeId> Core::others(std::vector<base::NodeId> nodes) const {
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  std::erase(nodes, self.node);
  return nodes;
}

std::vector<base::NodeId> Core::other_voters() const {
  auto all = voters().all();
  std::erase(all, self.node);
  return all;
}

void Core::send(base::NodeId to, Body body) {
  Send send;
  send.to = to;
  auto& header = send.message.header;
  header.sender = self;
  header.levelled = levelled;
  header.generation = memory.generation;
  header.term = memory.term;
  header.voters_version = voters().version;
  header.send_time_ns = static_cast<std::uint64_t>(now.time_since_epoch().count());
  if (const auto* contact = contacts.find(to)) {
    header.echo_ns = contact->newest_send;
    header.froze = frozen_of({to, contact->boot});
  }
  for (const auto& [node, boot] : boots) header.boots.push_back({node, boot});
  send.message.body = std::move(body);
  if (to == self.node) {
    to_self.push_back(std::move(send.message));
  } else {
    out->push_back(std::move(send));
  }
}

// Whether or not it has told us what it writes: who has just been levelled knows of the freeze, but
// has heard no heartbeat yet.
StreamId Core::frozen_of(const VoterId& voter) const {
  constexpr auto kLast = std::numeric_limits<std::uint16_t>::max();
  const auto behind = memory.streams.upper_bound(StreamId{voter.node, voter.boot, kLast});
  if (behind == memory.streams.begin()) return kNoStream;
  const auto& [id, log] = *std::prev(behind);
  const bool its = id.node == voter.node && id.boot == voter.boot;
  return its && log.frozen() ? id : kNoStream;
}

void Core::send_all(const std::vector<base::NodeId>& to, const Body& body) {
  for (const auto node : to) send(node, body);
}

void Core::emit(const Event& event) {
  out->emplace_back(event);
}

void Core::persist() {
  Persist persist;
  persist.state = disk;
  out->push_back(std::move(persist));
}

void Core::cover_memory() {
  auto batch = disk_leases.take_all(memory, now);
  if (batch.id != 0) {
    out->push_back(StoreLeases{batch.id, true, std::move(batch.leases)});
  }
  memory.moved.reset();
  for (auto& [id, log] : memory.streams) {
    log.set_noted(log.held());
    log.set_covered(log.held());
  }
}

void Core::learn_boot(base::NodeId node, base::BootCount boot) {
  auto& known = boots[node];
  if (boot > known) known = boot;
}

void Core::keep_voters() {
  const auto& newest = memory.newest;
  if (!levelled || newest.voters == disk.voters) return;
  disk.voters = newest.voters;
  disk.voters_at = newest.version;
  for (const auto& [node, boot] : boots) {
    auto& known = disk.boots[node];
    if (boot > known.boot) known.boot = boot;
  }
  persist();
  emit(EventKind::VotersChanged);
}

bool Core::learn_voters(const Version& at, const VoterSet& voters) {
  if (levelled || at <= disk.voters_at || voters.current.empty()) return false;
  disk.voters = voters;
  disk.voters_at = at;
  persist();
  return true;
}

std::vector<base::NodeId> Agreement::nodes(const Core& core) const {
  std::vector<base::NodeId> agreeing;
  for (const auto& [voter, times] : voters_) {
    const bool counted = voter == core.self || core.counts(voter);
    if (counted || planted(Bug::RestartedVoterKeepsCounting)) agreeing.push_back(voter.node);
  }
  return agreeing;
}

bool Agreement::is_quorum(const Core& core) const {
  if (planted(Bug::DuplicateAcknowledgementCounted)) {
    std::size_t answers = 0;
    for (const auto& [voter, times] : voters_) answers += static_cast<std::size_t>(times);
    if (answers * 2 > core.voters().current.size()) return true;
  }
  return core.voters().is_quorum(nodes(core));
}

bool Agreement::may_withdraw(const Core& core) const {
  return core.voters().may_withdraw(nodes(core));
}

}  // namespace phalanx::cluster
