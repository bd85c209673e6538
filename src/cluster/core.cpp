// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "core.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "phalanx/cluster/planted.hpp"

namespace phalanx::cluster {

std::vector<base::NodeId> Core::peers() const {
  std::set<base::NodeId> all;
  for (const auto node : disk.voters.all()) all.insert(node);
  for (const auto node : voters().all()) all.insert(node);
  for (const auto node : contacts.known()) all.insert(node);
  all.erase(self.node);
  return {all.begin(), all.end()};
}

std::vector<base::NodeId> Core::members() const {
  auto all = peers();
  std::set<base::NodeId> members(all.begin(), all.end());
  for (const auto& owner : memory.latest().owners()) {
    if (owner.stream != kNoStream) members.insert(owner.stream.node);
  }
  members.erase(self.node);
  return {members.begin(), members.end()};
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
    const auto log = memory.streams.find(contact->last.stream);
    if (log != memory.streams.end() && log->second.frozen()) header.froze = log->first;
  }
  for (const auto& [node, boot] : boots) header.boots.push_back({node, boot});
  send.message.body = std::move(body);
  if (to == self.node) {
    to_self.push_back(std::move(send.message));
  } else {
    out->push_back(std::move(send));
  }
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
