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
// Detection, an election if the master was lost as well, and what lost messages cost.
constexpr auto kStuckLimit = std::chrono::milliseconds(400);

}  // namespace

void Checker::admitted(const Process& process, const Node& node) {
  const auto [at, fresh] = boots_.emplace(node.self(), process.id);
  if (!fresh && at->second != process.id) {
    fail(1, "boot " + std::to_string(node.self().boot.value()) + " of node " +
                std::to_string(node.self().node.value()) + " admitted twice");
  }
}

Checker::Agreed& Checker::agreed(const Node& node) {
  const auto [at, fresh] = agreed_.try_emplace(node.memory().generation);
  if (fresh) at->second.voters = node.memory().newest.voters;
  return at->second;
}

bool Checker::quorum_without(const Node& node, const StreamId& stream, std::uint64_t index) {
  if (index == 0) return false;  // nothing is agreed, so nothing can be lacking
  const auto generation = node.memory().generation;
  std::vector<base::NodeId> without;
  for (const auto& [id, other] : alive) {
    const auto& memory = other->memory();
    if (!other->levelled() || memory.generation != generation) continue;
    const auto log = memory.streams.find(stream);
    if (log == memory.streams.end() || log->second.held() < index) without.push_back(id);
  }
  const auto& voters = agreed(node).voters;
  return voters.is_quorum(without) || voters.may_withdraw(without);
}

void Checker::check_prefix(const Node& node, const StreamId& stream, std::uint64_t index) {
  if (!quorum_without(node, stream, index)) return;
  fail(9, "stream " + name(stream) + " is agreed up to " + std::to_string(index) +
              ", but a quorum can be made of voters that do not hold it");
}

void Checker::levelled(const Node& node) {
  for (const auto& [stream, commit] : agreed(node).commit) check_prefix(node, stream, commit);
}

// A chain: what was once committed is part of everything that is committed later.
void Checker::check_allocation(const Node& node, Agreed& agreed) {
  const auto& newest = node.memory().newest;
  agreed.allocation = newest.version;
  const bool changed = newest.voters != agreed.voters;
  agreed.voters = newest.voters;
  if (changed) levelled(node);  // what was agreed is known to the new voters, too
  std::map<Version, const AllocationStep*> here;
  for (const auto& step : newest.steps) here[step.version] = &step;
  for (auto at = agreed.steps.upper_bound(newest.settled_version); at != agreed.steps.end(); ++at) {
    if (at->first > newest.version) break;
    const auto found = here.find(at->first);
    if (found == here.end() || *found->second != at->second) {
      fail(6, "allocation " + name(newest.version) + " lost the committed step " + name(at->first));
    }
  }
  for (const auto& [version, step] : here) agreed.steps.emplace(version, *step);
  std::vector<base::NodeId> without;
  for (const auto& [id, other] : alive) {
    const auto& memory = other->memory();
    if (!other->levelled() || memory.generation != node.memory().generation) continue;
    if (memory.newest.version < newest.version) without.push_back(id);
  }
  if (agreed.voters.is_quorum(without)) {
    fail(9, "allocation " + name(newest.version) +
                " is committed, but a quorum can be made of voters that did not store it");
  }
  for (const auto& [version, step] : here) {
    for (const auto& base : step->bases) check_prefix(node, base.stream, base.index);
  }
}

bool Checker::is_deleted(base::Uid uid, base::Generation generation) const {
  const auto found = removed_.find(uid);
  const auto agreed = agreed_.find(generation);
  if (found == removed_.end() || agreed == agreed_.end()) return false;
  const auto commit = agreed->second.commit.find(found->second.first);
  return commit != agreed->second.commit.end() && commit->second >= found->second.second;
}

void Checker::settled() {
  for (const auto& [id, node] : alive) {
    if (!node->levelled()) continue;
    for (std::size_t i = 0; i < base::kNumBuckets; ++i) {
      const base::BucketIndex index(static_cast<std::uint8_t>(i));
      for (const auto& [uid, entry] : node->memory().table.bucket(index).entries) {
        if (is_deleted(uid, node->memory().generation)) {
          fail(12, "node " + std::to_string(id.value()) + " holds deleted entry " +
                       std::to_string(uid.value()));
        }
      }
    }
  }
}

void Checker::passed(const SaKey& key, std::uint64_t number) {
  const auto found = expected_.find(key);
  if (found == expected_.end()) return;
  auto& last = last_passed_[key];
  if (number < last) fail(13, name(key) + " packet " + std::to_string(number) + " is late");
  last = std::max(last, number);
  if (found->second.erase(number) == 0) {
    fail(13, name(key) + " packet " + std::to_string(number) + " went through twice");
  }
}

void Checker::all_passed() {
  for (const auto& [key, numbers] : expected_) {
    if (numbers.empty()) continue;
    fail(13, name(key) + " packet " + std::to_string(*numbers.begin()) + " and " +
                 std::to_string(numbers.size() - 1) + " more are lost");
  }
}

// Rule 11, from the owner's own records: what a voter could know of the lease at any point between
// the newest agreed record and the end of the stream.
void Checker::check_lease(const Node& node, const SaKey& key, base::BucketIndex bucket,
                          std::uint64_t number) {
  const auto& memory = node.memory();
  const auto& entries = memory.table.bucket(bucket).entries;
  const auto entry = entries.find(key.uid);
  const auto found = memory.streams.find(node.stream());
  if (entry == entries.end() || found == memory.streams.end()) {
    fail(4, name(key) + " used without an agreed entry");
    return;
  }
  const auto way = static_cast<std::size_t>(key.direction);
  auto least = entry->second.directions[way].lease.number;
  const auto& log = found->second;
  for (auto index = log.applied() + 1; index <= log.held(); ++index) {
    const auto& record = *log.at(index);
    if (record.kind != RecordKind::Lease || record.uid != key.uid) continue;
    if (record.bucket != bucket || record.direction != key.direction) continue;
    const auto value = record.leases[way].number;
    least = index <= log.commit() ? value : std::min(least, value);
  }
  if (number > least) {
    fail(4, name(key) + " number " + std::to_string(number) +
                " used, but a takeover may find the lease " + std::to_string(least));
  }
}

// (18) Whatever majority begins the next generation, one of them knows of this number.
void Checker::check_disks(const Node& node, const SaKey& key, std::uint64_t number) {
  std::vector<base::NodeId> without;
  for (const auto& [id, disk] : disks) {
    const auto found = disk->find(key);
    if (found == disk->end() || found->second.number < number) without.push_back(id);
  }
  const auto& voters = agreed(node).voters;
  if (!voters.is_quorum(without) && !voters.may_withdraw(without)) return;
  fail(18, name(key) + " number " + std::to_string(number) +
               " used, but a majority's disks have only lower leases");
}

// An owner whose stream stands still is as good as dead, however lively its heartbeats: within a
// few detection times it must be frozen, or cut off from its quorum.
void Checker::check_advances(const Process& process, const Node& node) {
  const auto& streams = node.memory().streams;
  const auto log = streams.find(node.stream());
  auto& stuck = stuck_[process.id];
  const bool waits = log != streams.end() && !log->second.frozen() &&
                     log->second.held() > log->second.commit() &&
                     log->second.commit() == stuck.commit && node.may_forward(local_now);
  if (!waits) {
    stuck = {log == streams.end() ? 0 : log->second.commit(), now};
  } else if (now - stuck.since > kStuckLimit) {
    auto text = "stream " + name(node.stream()) + " stands still at " +
                std::to_string(stuck.commit) + ", and nobody freezes it;";
    for (const auto& [id, other] : alive) {
      const auto copy = other->memory().streams.find(node.stream());
      if (copy == other->memory().streams.end()) continue;
      text += " node " + std::to_string(id.value()) + " from " +
              std::to_string(copy->second.start()) + " to " + std::to_string(copy->second.held()) +
              (copy->second.frozen() ? " frozen" : "");
    }
    fail(14, text);
  }
}

void Checker::used(const Node& node, const SaKey& key, base::BucketIndex bucket,
                   std::uint64_t number, Grant grant, std::uint64_t worker_limit) {
  check_lease(node, key, bucket, number);
  if (is_static(key.uid)) check_disks(node, key, number);
  if (!numbers_.insert({key, number}).second) {
    fail(key.direction == Direction::Outbound ? 2 : 3,
         name(key) + " number " + std::to_string(number) + " used twice");
  }
  auto& use = uses_[key];
  use.highest = std::max(use.highest, number);
  const Era era{node.memory().generation, grant};
  auto& highest = use.by_owner[era];
  highest = std::max(highest, number);
  for (const auto& [later, floor] : use.floors) {
    if (later > era && number >= floor) {
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
  const auto& newest = node.memory().newest;
  const auto& voters =
      newest.version <= node.memory().committed ? newest.voters : agreed(node).voters;
  if (!voters.is_quorum(storers(version))) {
    fail(6, "allocation " + name(version) + " used, but no quorum stored it");
  }
  for (const auto& [uid, entry] : bucket.entries) {
    if (is_deleted(uid, generation)) {
      fail(12, "deleted entry " + std::to_string(uid.value()) + " is back");
    }
    if (bucket.tombstones.contains(uid)) {
      fail(12, "entry " + std::to_string(uid.value()) + " lives beside its tombstone");
    }
    for (std::size_t way = 0; way < kNumDirections; ++way) {
      const SaKey key{uid, static_cast<Direction>(way)};
      auto& use = uses_[key];
      const auto& state = entry.directions[way];
      if (!state.window.empty()) continue;  // exact: invariant 3 watches it
      const Era era{generation, bucket.owner.grant};
      use.floors[era] = state.floor;
      for (const auto& [earlier, highest] : use.by_owner) {
        if (earlier < era && state.floor <= highest) {
          fail(5, name(key) + " at node " + std::to_string(node.self().node.value()) + ": floor " +
                      std::to_string(state.floor) + " of grant " +
                      std::to_string(bucket.owner.grant & 0xffffffff) +
                      " not above a number that an earlier owner used: " + std::to_string(highest));
        }
      }
    }
  }
}

std::vector<base::NodeId> Checker::holders(const StreamId& stream, std::uint64_t index) const {
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
  return {holders.begin(), holders.end()};
}

std::vector<base::NodeId> Checker::storers(const Version& version) const {
  std::set<base::NodeId> storers;
  for (const auto& [id, node] : alive) {
    if (node->memory().newest.version >= version) storers.insert(id);
  }
  for (const auto& [id, stored] : dead_stored_) {
    if (stored >= version) storers.insert(id);
  }
  return {storers.begin(), storers.end()};
}

void Checker::check_frozen(const StreamId& stream) {
  if (frozen_since_.contains(stream)) return;
  std::vector<base::NodeId> frozen;
  const Node* newest = nullptr;
  for (const auto& [id, node] : alive) {
    if (!node->levelled()) continue;
    const bool newer =
        newest == nullptr || node->memory().newest.version > newest->memory().newest.version;
    if (newer) newest = node;
    const auto& streams = node->memory().streams;
    const auto log = streams.find(stream);
    if (log != streams.end() && log->second.frozen()) frozen.push_back(id);
  }
  if (newest != nullptr && newest->memory().newest.voters.is_quorum(frozen)) {
    frozen_since_[stream] = now;
  }
}

void Checker::stepped(const Process& process, const Node& node) {
  if (!node.levelled()) return;
  auto& progress = progress_[process.id];
  auto& all = agreed(node);
  const auto& memory = node.memory();
  check_advances(process, node);
  if (memory.committed != progress.committed) {
    if (memory.committed < progress.committed) fail(6, "committed allocation went back");
    progress.committed = memory.committed;
    if (memory.newest.version == memory.committed) {
      const auto [at, fresh] = committed_.emplace(std::pair(memory.committed, 0), memory.newest);
      if (!fresh && at->second.owners() != memory.newest.owners()) {
        fail(6, "two allocations " + name(memory.committed));
      }
      if (memory.committed > all.allocation) check_allocation(node, all);
    }
  }
  const auto own = memory.streams.find(node.stream());
  if (own != memory.streams.end() && own->second.commit() > progress.commit[own->first]) {
    progress.commit[own->first] = own->second.commit();
    auto& commit = all.commit[own->first];
    commit = std::max(commit, own->second.commit());
    check_prefix(node, own->first, commit);
    if (!memory.newest.voters.is_quorum(holders(own->first, own->second.commit()))) {
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
