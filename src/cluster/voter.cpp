// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "voter.hpp"

#include <algorithm>

#include "phalanx/cluster/planted.hpp"

namespace phalanx::cluster {
namespace {

// Detection times until a silent node without vote and buckets is forgotten.
constexpr int kPatience = 32;
// Messages kept of one stream until what they continue has come.
constexpr std::size_t kMaxEarly = 16;

}  // namespace

void Voter::on(const Header& from, const Records& message) {
  const auto& id = message.stream;
  const bool origin = from.sender.node == id.node && from.sender.boot == id.boot;
  if (!origin && !message.levelling) return;
  if (id == core_.stream) return;
  auto found = core_.memory.streams.find(id);
  if (found == core_.memory.streams.end()) {
    // Before levelling we do not know whether this stream is frozen, nor where our copy begins.
    if (!core_.levelled || message.levelling) return;
    found = core_.memory.streams.try_emplace(id).first;
  }
  auto& log = found->second;
  if (log.frozen() && !message.levelling && !planted(Bug::AcknowledgementAfterFreeze)) {
    core_.send(from.sender.node, Acknowledge{id, log.held(), log.applied(), true, log.covered()});
    return;
  }
  const bool gone = message.levelling || message.stable > log.held();
  if (message.first > log.held() + 1 && gone) lags_ = true;
  const bool store = !(planted(Bug::WitnessStoresNothing) && core_.config.duty == Duty::Witness);
  if (store) extend(log, message);
  if (core_.levelled) core_.disk_leases.note(log, core_.now);
  if (!message.levelling) log.raise_commit(message.commit);
  advance();
  log.forget(message.stable);
  const auto held = store ? log.held() : message.first + message.records.size() - 1;
  if (!message.levelling) {
    core_.send(from.sender.node,
               Acknowledge{id, held, log.applied(), false, store ? log.covered() : held});
  } else if (planted(Bug::LevellingAcknowledges)) {
    core_.send(id.node, Acknowledge{id, held, log.applied(), false, held});
  }
}

void Voter::on_disk() {
  for (auto& [id, log] : core_.memory.streams) {
    const auto before = log.covered();
    core_.disk_leases.note(log, core_.now);
    if (log.covered() == before || log.frozen() || id == core_.stream) continue;
    core_.send(id.node, Acknowledge{id, log.held(), log.applied(), false, log.covered()});
  }
  acknowledge_allocation();
}

void Voter::extend(StreamLog& log, const Records& message) {
  log.extend(message.first, message.records);
  const auto at = early_.find(message.stream);
  if (message.first > log.held() + 1) {
    if (message.levelling || (at != early_.end() && at->second.size() >= kMaxEarly)) return;
    early_[message.stream].try_emplace(message.first, message.records);
    return;
  }
  if (at == early_.end()) return;
  auto& waiting = at->second;
  while (!waiting.empty() && waiting.begin()->first <= log.held() + 1) {
    log.extend(waiting.begin()->first, waiting.begin()->second);
    waiting.erase(waiting.begin());
  }
  if (waiting.empty()) early_.erase(at);
}

void Voter::on(const Header& from, const Fetch& message) {
  if (!core_.levelled) return;
  const auto found = core_.memory.streams.find(message.stream);
  if (found == core_.memory.streams.end()) return;
  const auto& log = found->second;
  Records reply;
  reply.stream = message.stream;
  reply.levelling = true;
  // What is gone here shows as a gap: the asker then needs a snapshot.
  reply.first = std::max({message.from, log.start() + 1, std::uint64_t{1}});
  reply.records = log.read(reply.first, 4 * core_.config.batch_bytes);
  core_.send(from.sender.node, std::move(reply));
}

void Voter::freeze(const StreamId& stream) {
  if (stream == core_.stream) {
    owner_.on_frozen();
    return;
  }
  core_.memory.streams[stream].freeze();
  early_.erase(stream);
  if (planted(Bug::FreezeStallsAllStreams)) {
    for (auto& [id, log] : core_.memory.streams) log.freeze();
  }
}

void Voter::on(const Header& from, const Freeze& message) {
  // Rule 3: whoever voted for a later master obeys no earlier one.
  const bool lower = from.term < core_.memory.term;
  if (lower && !planted(Bug::LowerTermAccepted)) return;
  if (!from.levelled) return;
  FreezeReport report;
  for (const auto& stream : message.streams) {
    freeze(stream);
    report.held.push_back({stream, core_.memory.streams.at(stream).held()});
  }
  if (!core_.levelled) return;
  core_.send(from.sender.node, std::move(report));
  if (lower) std::get<Send>(core_.out->back()).message.header.term = from.term;
}

void Voter::on(const Header& from, const Propose& message) {
  const auto& version = message.allocation.version;
  const bool old = from.term < core_.memory.term || version.term < core_.memory.term;
  if (old && !planted(Bug::LowerTermAccepted)) return;
  if (!core_.levelled || version.generation != core_.memory.generation) return;
  if (version.term == from.term && from.term == core_.memory.term) {
    if (core_.master != from.sender) {
      core_.master = from.sender;
      core_.emit(Event(EventKind::MasterChanged, from.sender.node));
    }
    core_.master_heard = core_.now;
  }
  if (old && core_.memory.store(message.allocation)) {  // only with the planted mistake
    core_.send(from.sender.node, ProposeAck{version});
    std::get<Send>(core_.out->back()).message.header.term = from.term;
    return;
  }
  core_.memory.store(message.allocation);
  core_.memory.committed = std::max(core_.memory.committed, message.committed);
  unacknowledged_ = true;
  advance();
  acknowledge_allocation();
}

void Voter::acknowledge_allocation() {
  if (!unacknowledged_ || !core_.master || core_.is_master() || !core_.levelled) return;
  if (core_.memory.latest().version.term != core_.memory.term) return;
  if (core_.memory.pending && !core_.memory.accept()) {
    fetch_missing();
    return;
  }
  if (!core_.disk_leases.covers(core_.memory, core_.memory.newest, core_.now)) return;
  unacknowledged_ = false;
  core_.keep_voters();
  core_.send(core_.master->node, ProposeAck{core_.memory.newest.version});
}

void Voter::fetch_missing() {
  if (core_.now - fetched_at_ < core_.config.resend_after) return;
  fetched_at_ = core_.now;
  for (const auto& base : core_.memory.missing(core_.memory.latest())) {
    core_.memory.streams.try_emplace(base.stream);
    const Fetch fetch{base.stream, base.index + 1};
    if (core_.master && !core_.is_master()) {
      core_.send(core_.master->node, fetch);
    } else {
      core_.send_all(core_.other_voters(), fetch);
    }
  }
}

void Voter::on(const Header& from, const Heartbeat& message) {
  if (!from.levelled || from.generation != core_.memory.generation || !core_.levelled) return;
  const auto found = core_.memory.streams.find(message.stream);
  if (found != core_.memory.streams.end() && !found->second.frozen()) {
    found->second.raise_commit(message.commit);
  }
  core_.memory.committed = std::max(core_.memory.committed, message.committed);
  if (core_.master == from.sender && from.term == core_.memory.term) {
    // A master that lost its quorum steps down and says so.
    if (message.master) {
      core_.master_heard = core_.now;
    } else {
      core_.master.reset();
    }
  }
  advance();
}

void Voter::advance() {
  if (!core_.levelled) return;
  if (core_.memory.latest().version != heeded_) {
    heeded_ = core_.memory.latest().version;
    owner_.heed(core_.memory.latest());
  }
  if (core_.memory.advance()) {
    core_.table_moved = true;
    core_.disk_leases.note_moved(core_.memory, core_.now);
    owner_.refresh();
  }
  core_.keep_voters();
}

// Whoever is neither a voter nor an owner, and is not heard any more, is nobody to us.
void Voter::forget_strangers() {
  const auto& voters = core_.voters();
  const auto owners = core_.memory.latest().owners();
  for (const auto node : core_.contacts.known()) {
    const auto silence = core_.now - core_.contacts.find(node)->heard;
    const auto patience = core_.config.suspect_after() * (voters.has_left(node) ? 1 : kPatience);
    if (voters.contains(node) || silence <= patience) continue;
    const bool owns = std::any_of(owners.begin(), owners.end(), [&](const BucketOwner& owner) {
      return owner.stream.node == node;
    });
    if (!owns) core_.contacts.forget(node);
  }
}

void Voter::tick() {
  if (!core_.levelled) return;
  acknowledge_allocation();
  if (!core_.memory.missing(core_.memory.latest()).empty()) fetch_missing();
  if (core_.now - tidied_at_ >= core_.config.heartbeat_interval) {
    tidied_at_ = core_.now;
    core_.memory.forget_dead_streams();
    core_.disk_leases.lower(core_.memory, core_.now);
    forget_strangers();
  }
}

}  // namespace phalanx::cluster
