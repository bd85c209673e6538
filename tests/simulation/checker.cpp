// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "checker.hpp"

#include <algorithm>
#include <utility>

namespace phalanx::simulation {
namespace {

std::string name(const StreamId& stream) {
  return std::to_string(stream.node.value()) + "." + std::to_string(stream.boot.value()) + "." +
         std::to_string(stream.incarnation);
}
std::string name(const SaKey& key) {
  return "sa " + std::to_string(key.uid.value()) +
         (key.direction == Direction::Inbound ? " inbound" : " outbound");
}
std::string name(const Version& version) {
  return std::to_string(version.generation.value()) + "/" + std::to_string(version.term.value()) +
         "/" + std::to_string(version.epoch.value());
}
// A frozen owner may still run: its data ports close after 25 ms without contact, then one tick.
constexpr auto kFenceLimit = std::chrono::milliseconds(25 + 2);

}  // namespace

void Checker::admitted(const Process& process, const Node& node) {
  const auto [at, fresh] = boots_.emplace(node.self(), process.id);
  if (!fresh && at->second != process.id) {
    fail(1, "boot " + std::to_string(node.self().boot.value()) + " of node " +
                std::to_string(node.self().node.value()) + " admitted twice");
  }
}

void Checker::used(const Node& node, const SaKey& key, std::uint64_t number, Grant grant,
                   std::uint64_t worker_limit) {
  if (!numbers_.insert({key, number}).second) {
    fail(key.direction == Direction::Outbound ? 2 : 3,
         name(key) + " number " + std::to_string(number) + " used twice");
  }
  auto& use = uses_[key];
  use.highest = std::max(use.highest, number);
  auto& highest = use.by_grant[grant];
  highest = std::max(highest, number);
  for (const auto& [later, floor] : use.floors) {
    if (later > grant && number >= floor) {
      fail(5, name(key) + " number " + std::to_string(number) + " at or above the floor " +
                  std::to_string(floor) + " of a later owner");
    }
  }
  if (worker_limit > node.usable(key.uid, key.direction) || number > worker_limit) {
    fail(10, name(key) + " worker limit " + std::to_string(worker_limit) + " above the lease " +
                 std::to_string(node.usable(key.uid, key.direction)));
  }
  const auto frozen = frozen_since_.find(node.stream());
  if (frozen != frozen_since_.end() && now - frozen->second > kFenceLimit) {
    fail(17, "node " + std::to_string(node.self().node.value()) +
                 " forwards long after a quorum froze its stream " + name(node.stream()) + " at " +
                 std::to_string(frozen->second.time_since_epoch().count() / 1000 - 1000000) +
                 " us");
  }
}

void Checker::opened(const Node& node, base::BucketIndex index) {
  const auto& bucket = node.memory().table.bucket(index);
  const auto generation = node.memory().generation;
  const Version version{generation,
                        base::Term(static_cast<std::uint32_t>(bucket.owner.grant >> 32)),
                        base::Epoch(static_cast<std::uint32_t>(bucket.owner.grant))};
  if (storers(version) * 2 <= node.memory().newest.voters.current.size()) {
    fail(6, "allocation " + name(version) + " used, but no quorum stored it");
  }
  for (const auto& [uid, entry] : bucket.entries) {
    if (bucket.tombstones.contains(uid)) {
      fail(12, "entry " + std::to_string(uid.value()) + " lives beside its tombstone");
    }
    for (std::size_t way = 0; way < kNumDirections; ++way) {
      const SaKey key{uid, static_cast<Direction>(way)};
      auto& use = uses_[key];
      const auto& state = entry.directions[way];
      if (!state.window.empty()) continue;  // exact: invariant 3 watches it
      use.floors[bucket.owner.grant] = state.floor;
      for (const auto& [grant, highest] : use.by_grant) {
        if (grant < bucket.owner.grant && state.floor <= highest) {
          fail(5, name(key) + " at node " + std::to_string(node.self().node.value()) + ": floor " +
                      std::to_string(state.floor) + " of grant " +
                      std::to_string(bucket.owner.grant & 0xffffffff) +
                      " not above a number that an earlier owner used: " + std::to_string(highest));
        }
      }
    }
  }
}

std::size_t Checker::holders(const StreamId& stream, std::uint64_t index) const {
  std::set<base::NodeId> holders;
  for (const auto& [id, node] : alive) {
    const auto& streams = node->memory().streams;
    const auto log = streams.find(stream);
    if (log != streams.end() && log->second.held() >= index) holders.insert(id);
  }
  for (const auto& [id, held] : dead_held_) {
    const auto found = held.find(stream);
    if (found != held.end() && found->second >= index) holders.insert(id);
  }
  return holders.size();
}

std::size_t Checker::storers(const Version& version) const {
  std::set<base::NodeId> storers;
  for (const auto& [id, node] : alive) {
    if (node->memory().newest.version >= version) storers.insert(id);
  }
  for (const auto& [id, stored] : dead_stored_) {
    if (stored >= version) storers.insert(id);
  }
  return storers.size();
}

void Checker::check_frozen(const StreamId& stream) {
  if (frozen_since_.contains(stream)) return;
  std::size_t frozen = 0;
  std::size_t voters = 0;
  for (const auto& [id, node] : alive) {
    voters = std::max(voters, node->memory().newest.voters.current.size());
    const auto& streams = node->memory().streams;
    const auto log = streams.find(stream);
    if (node->levelled() && log != streams.end() && log->second.frozen()) ++frozen;
  }
  if (frozen * 2 > voters && voters != 0) frozen_since_[stream] = now;
}

void Checker::stepped(const Process& process, const Node& node) {
  if (!node.levelled()) return;
  auto& progress = progress_[process.id];
  const auto& memory = node.memory();
  if (memory.committed != progress.committed) {
    if (memory.committed < progress.committed) fail(6, "committed allocation went back");
    progress.committed = memory.committed;
    if (memory.newest.version == memory.committed) {
      const auto [at, fresh] = committed_.emplace(std::pair(memory.committed, 0), memory.newest);
      if (!fresh && at->second.owners() != memory.newest.owners()) {
        fail(6, "two allocations " + name(memory.committed));
      }
    }
  }
  const auto own = memory.streams.find(node.stream());
  if (own != memory.streams.end() && own->second.commit() > progress.commit[own->first]) {
    progress.commit[own->first] = own->second.commit();
    const auto voters = memory.newest.voters.current.size();
    if (holders(own->first, own->second.commit()) * 2 <= voters) {
      fail(9, "stream " + name(own->first) + " agreed up to " +
                  std::to_string(own->second.commit()) + " without a quorum holding it");
    }
  }
  for (const auto& [id, log] : memory.streams) {
    if (log.frozen()) check_frozen(id);
  }
}

void Checker::sent(const Node& node, const Message& message) {
  if (const auto* ack = std::get_if<Acknowledge>(&message.body)) {
    const auto log = node.memory().streams.find(ack->stream);
    if (!ack->frozen && log != node.memory().streams.end() && log->second.frozen()) {
      fail(7, "stream " + name(ack->stream) + " acknowledged after it was frozen");
    }
  }
  const auto vote = [&](base::Term term, const VoterId& candidate) {
    const auto key = std::tuple(message.header.sender, message.header.generation, term);
    const auto [at, fresh] = votes_.emplace(key, candidate);
    if (!fresh && at->second != candidate) {
      fail(8, "node " + std::to_string(message.header.sender.node.value()) +
                  " voted twice in term " + std::to_string(term.value()));
    }
  };
  if (const auto* reply = std::get_if<VoteReply>(&message.body)) {
    if (!reply->pre && reply->granted) vote(reply->term, reply->candidate);
  }
  if (const auto* request = std::get_if<VoteRequest>(&message.body)) {
    if (!request->pre) vote(request->term, request->candidate);
  }
}

void Checker::crashed(const Process& process, const Node& node) {
  auto& held = dead_held_[process.node];
  for (const auto& [id, log] : node.memory().streams) held[id] = std::max(held[id], log.held());
  if (node.levelled()) {
    auto& stored = dead_stored_[process.node];
    stored = std::max(stored, node.memory().newest.version);
  }
}

}  // namespace phalanx::simulation
