// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/cluster/node.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "admission.hpp"
#include "cold_start.hpp"
#include "core.hpp"
#include "elector.hpp"
#include "leveller.hpp"
#include "master.hpp"
#include "mover.hpp"
#include "owner.hpp"
#include "phalanx/cluster/planted.hpp"
#include "voter.hpp"

namespace phalanx::cluster {

struct Node::Parts {
  Core core;
  Owner owner{core};
  Voter voter{core, owner};
  Admission admission{core};
  Elector elector{core};
  Master master{core, voter};
  Mover mover{core, owner, voter};
  Leveller leveller{core, voter, owner};
  ColdStart cold_start{core, leveller};
  base::TimePoint ticked{};
  base::TimePoint beat{};

  void enter(base::TimePoint now, Outputs& out) {
    core.now = now;
    core.out = &out;
  }
  void leave() {
    while (!core.to_self.empty()) {
      const auto messages = std::exchange(core.to_self, {});
      for (const auto& message : messages) dispatch(message.header, message.body);
    }
    if (std::exchange(core.table_moved, false) && core.levelled) master.on_table_moved();
    if (core.heartbeat_due && core.levelled) heartbeat();
    core.heartbeat_due = false;
    store_leases();
  }

  // One batch at a time; what can wait is gathered for two heartbeats.
  void store_leases() {
    if (!core.levelled || core.stopped) return;
    auto batch = core.disk_leases.take_batch(core.now, core.config.heartbeat_interval * 2);
    if (batch.leases.empty()) return;
    core.out->push_back(StoreLeases{batch.id, false, std::move(batch.leases)});
  }

  void heartbeat() {
    beat = core.now;
    Heartbeat message;
    message.stream = core.stream;
    if (const auto log = core.memory.streams.find(core.stream); log != core.memory.streams.end()) {
      message.end = log->second.held();
      message.commit = log->second.commit();
      message.held = core.stream_held;
    }
    message.stored = core.memory.latest().version;
    message.committed = core.memory.committed;
    message.applied = core.memory.table.applied();
    message.master = core.is_master();
    message.complete = core.complete;
    message.duty = core.config.duty;
    message.weight = core.config.weight;
    message.confirmed = core.confirmed;
    message.wish = core.wish;
    core.send_all(core.members(), message);
  }

  // A wish to leave, or that another leaves, ends when the agreed allocation says so.
  void check_wish() {
    const auto& newest = core.memory.newest;
    if (core.wish.kind != WishKind::Leave || newest.version > core.memory.committed) return;
    if (newest.voters.changing() || !newest.voters.has_left(core.wish.node)) return;
    if (core.wish.node != core.self.node) {
      core.wish = core.config.vote ? Wish{WishKind::Vote, core.self.node} : Wish{};
      return;
    }
    if (core.is_master()) return;  // until the others know as well
    for (const auto& bucket : newest.owners()) {
      if (bucket.stream.node == core.self.node) return;
    }
    core.stopped = true;
    core.levelled = false;
    core.emit(EventKind::Left);
  }

  // Nothing that an older boot or another generation says counts.
  bool admit(const Header& from) {
    if (from.sender.node == core.self.node) {
      return false;
    }
    for (const auto& each : from.boots) core.learn_boot(each.node, each.boot);
    if (core.admitted && core.boots[core.self.node] > core.self.boot) {
      core.stopped = true;
      core.levelled = false;
      core.emit(EventKind::Superseded);
      return false;
    }
    if (from.sender.boot == base::BootCount{}) return false;
    if (!core.counts(from.sender)) {
      core.learn_boot(from.sender.node, from.sender.boot);
      if (!core.counts(from.sender) && !planted(Bug::OldBootCounted)) return false;
    }
    return true;
  }
  bool same_generation(const Header& from, const Body& body) {
    if (!core.levelled || from.generation == core.memory.generation) return true;
    if (std::holds_alternative<LevelRequest>(body)) return true;
    if (std::holds_alternative<ColdFetch>(body)) return true;
    if (from.levelled && from.generation > core.memory.generation) {
      core.stopped = true;
      core.levelled = false;
      core.emit(EventKind::Superseded);
    } else {
      // It has to hear from us that its generation is over.
      core.contacts.hear(from.sender.node, from.sender.boot, core.now);
    }
    return false;
  }

  void note(const Header& from, const Body& body) {
    auto& contact = core.contacts.hear(from.sender.node, from.sender.boot, core.now);
    contact.levelled = from.levelled;
    const bool newest = from.send_time_ns >= contact.newest_send;
    contact.newest_send = std::max(contact.newest_send, from.send_time_ns);
    const base::TimePoint echoed{base::Duration(static_cast<std::int64_t>(from.echo_ns))};
    // An echo of a time to come is not ours: another boot's clock.
    if (echoed <= core.now && core.compatible(from))
      contact.acknowledged = std::max(contact.acknowledged, echoed);
    if (from.froze == core.stream && from.levelled && core.levelled) {
      contact.froze_us = true;
      if (!planted(Bug::FrozenVoterIsContact)) owner.on_frozen();
    }
    const auto* beat_message = std::get_if<Heartbeat>(&body);
    if (beat_message == nullptr || !newest) return;
    const auto& last = contact.last;
    const bool stream_moves = beat_message->held == beat_message->end ||
                              beat_message->held > last.held || beat_message->stream != last.stream;
    const bool allocation_moves = !core.is_master() ||
                                  beat_message->stored == core.memory.latest().version ||
                                  beat_message->stored > last.stored;
    if (stream_moves && allocation_moves) contact.progressed = core.now;
    contact.last = *beat_message;
  }

  void dispatch(const Header& from, const Body& body) {
    std::visit(
        [&](const auto& message) {
          using T = std::decay_t<decltype(message)>;
          if constexpr (std::is_same_v<T, Hello>) {
            admission.on(from, message);
          } else if constexpr (std::is_same_v<T, HelloReply>) {
            if (admission.on(from, message)) core.heartbeat_due = false;
          } else if constexpr (std::is_same_v<T, VoteRequest>) {
            elector.on(from, message);
          } else if constexpr (std::is_same_v<T, VoteReply>) {
            if (elector.on(from, message)) master.begin(elector.frozen(), elector.withdraws());
          } else if constexpr (std::is_same_v<T, ProposeAck> || std::is_same_v<T, FreezeReport>) {
            master.on(from, message);
          } else if constexpr (std::is_same_v<T, Acknowledge>) {
            if (core.levelled) owner.on(from, message);
          } else if constexpr (std::is_same_v<T, ColdReply> || std::is_same_v<T, ColdLeases>) {
            if (cold_start.on(from, message)) master.begin({}, false);
          } else if constexpr (std::is_same_v<T, ColdRequest> || std::is_same_v<T, ColdFetch>) {
            cold_start.on(from, message);
          } else if constexpr (std::is_same_v<T, LevelRequest> || std::is_same_v<T, LevelReply> ||
                               std::is_same_v<T, SnapshotRequest> ||
                               std::is_same_v<T, SnapshotChunk>) {
            leveller.on(from, message);
          } else if constexpr (std::is_same_v<T, MoveOrder>) {
            mover.on(from, message);
          } else if constexpr (std::is_same_v<T, Propose>) {
            if (!core.levelled && !cold_start.join(from, message)) return;
            voter.on(from, message);
          } else {
            voter.on(from, message);
          }
        },
        body);
  }
};

Node::Node(const Config& config, const DiskState& disk, std::span<const DiskLease> leases)
    : parts_(std::make_unique<Parts>()) {
  auto& core = parts_->core;
  core.config = config;
  core.disk = disk;
  core.disk_leases.load(leases);
  core.self = {config.id, base::BootCount{}};
  if (config.vote) core.wish = {WishKind::Vote, config.id};
  for (const auto& [node, record] : disk.boots) core.boots[node] = record.boot;
}
Node::~Node() = default;

void Node::tick(base::TimePoint now, Outputs& out) {
  auto& p = *parts_;
  p.enter(now, out);
  if (p.core.stopped) return;
  // A loop that was late by more than a heartbeat has no right to suspect others.
  if (p.ticked != base::TimePoint{} && now - p.ticked > p.core.config.heartbeat_interval) {
    p.core.contacts.forgive_all(now);
    p.core.master_heard = now;
  }
  p.ticked = now;
  p.admission.tick();
  p.leveller.tick();
  if (p.cold_start.tick()) p.master.begin({}, false);
  if (p.core.levelled) {
    p.voter.tick();
    if (p.elector.tick()) p.master.begin(p.elector.frozen(), p.elector.withdraws());
    p.check_wish();
    p.master.tick();
    p.owner.tick();
    if (now - p.beat >= p.core.config.heartbeat_interval) p.core.heartbeat_due = true;
  }
  p.leave();
}

void Node::receive(const Message& message, base::TimePoint now, Outputs& out) {
  auto& p = *parts_;
  p.enter(now, out);
  if (p.core.stopped) return;
  const auto& from = message.header;
  const bool admission = std::holds_alternative<Hello>(message.body) ||
                         std::holds_alternative<HelloReply>(message.body);
  if (!admission) {
    if (!p.core.admitted || !p.admit(from) || !p.same_generation(from, message.body)) return;
    p.note(from, message.body);
    if (p.core.levelled && from.levelled && p.core.memory.raise_term(from.term)) {
      p.core.master.reset();
      p.elector.stop();
    }
  }
  p.dispatch(from, message.body);
  p.leave();
}

void Node::stored(std::uint64_t id, base::TimePoint now, Outputs& out) {
  auto& p = *parts_;
  p.enter(now, out);
  p.core.disk_leases.stored(id);
  if (!p.core.stopped && p.core.levelled) {
    p.voter.on_disk();
    p.owner.on_disk();
    p.master.on_disk();
  }
  p.leave();
}

void Node::flush(base::TimePoint now, Outputs& out) {
  parts_->enter(now, out);
  if (!parts_->core.stopped && parts_->core.levelled) parts_->owner.flush();
  parts_->leave();
}

namespace {
constexpr std::size_t kFullAt = 2;  // half of the log's bound: commands wait for the quorum
}  // namespace

Node::Status Node::install(const Install& install, base::TimePoint now, Outputs& out) {
  auto& p = *parts_;
  p.enter(now, out);
  if (!p.owner.serves(install.bucket)) return CommandError::NotServed;
  if (install.payload.size() > kMaxRecordBody) return CommandError::TooLong;
  const auto& bucket = p.core.memory.table.bucket(install.bucket);
  if (bucket.tombstones.contains(install.uid)) return CommandError::Exists;
  const auto& log = p.core.memory.streams.at(p.core.stream);
  if (log.bytes() > p.core.config.stream_log_bytes / kFullAt) return CommandError::StreamFull;
  Record record;
  record.kind = RecordKind::Put;
  record.entry_kind = install.kind;
  record.bucket = install.bucket;
  record.uid = install.uid;
  record.leases = install.leases;
  record.body = install.payload;
  p.owner.append(std::move(record));
  return base::Ok{};
}

Node::Status Node::remove(base::Uid uid, base::BucketIndex bucket, base::TimePoint now,
                          Outputs& out) {
  auto& p = *parts_;
  p.enter(now, out);
  if (!p.owner.serves(bucket)) return CommandError::NotServed;
  Record record;
  record.kind = RecordKind::Delete;
  record.bucket = bucket;
  record.uid = uid;
  p.owner.append(std::move(record));
  return base::Ok{};
}

Node::Status Node::promise(const Promise& promise, base::TimePoint now, Outputs& out) {
  auto& p = *parts_;
  p.enter(now, out);
  if (!p.owner.serves(promise.bucket)) return CommandError::NotServed;
  if (p.owner.leases().promised({promise.uid, promise.direction}) == 0) {
    return CommandError::Unknown;
  }
  Record record;
  record.kind = RecordKind::Lease;
  record.bucket = promise.bucket;
  record.uid = promise.uid;
  record.direction = promise.direction;
  record.leases[static_cast<std::size_t>(promise.direction)] = promise.lease;
  p.owner.append(std::move(record));
  return base::Ok{};
}

Node::Status Node::close_bucket(base::BucketIndex bucket, std::span<const Closing> closings,
                                base::TimePoint now, Outputs& out) {
  auto& p = *parts_;
  p.enter(now, out);
  if (!p.owner.serves(bucket)) return CommandError::NotServed;
  for (const auto& closing : closings) {
    if (closing.window.size() > kMaxRecordBody) return CommandError::TooLong;
    Record record;
    record.kind = RecordKind::Lease;
    record.bucket = bucket;
    record.uid = closing.uid;
    record.direction = closing.direction;
    record.leases[static_cast<std::size_t>(closing.direction)] = closing.top;
    record.body = closing.window;
    p.owner.append(std::move(record));
  }
  Record record;
  record.kind = RecordKind::Close;
  record.bucket = bucket;
  p.owner.append(std::move(record));
  p.owner.mark_closed(bucket);
  p.owner.flush();
  p.leave();
  return base::Ok{};
}

void Node::move_ready(base::BucketIndex bucket, base::TimePoint now, Outputs& out) {
  auto& p = *parts_;
  p.enter(now, out);
  p.mover.ready(bucket);
  p.leave();
}

void Node::speak() {
  parts_->core.heartbeat_due = true;
}
void Node::set_weight(std::uint32_t weight) {
  parts_->core.config.weight = weight;
}
void Node::drain(bool on) {
  parts_->core.config.duty = on ? Duty::Drained : Duty::Serve;
}
void Node::leave() {
  auto& core = parts_->core;
  core.wish = {WishKind::Leave, core.self.node};
}
void Node::expel(base::NodeId node) {
  parts_->core.wish = {WishKind::Leave, node};
}
void Node::set_load(base::BucketIndex bucket, std::uint32_t load) {
  parts_->master.set_load(bucket, load);
}

bool Node::may_forward(base::TimePoint now) const {
  return now <= forward_until(now);
}
base::TimePoint Node::forward_until(base::TimePoint now) const {
  const auto& core = parts_->core;
  if (!core.levelled || core.stopped) return base::TimePoint::min();
  return core.contacts.quorum_contact(core.voters(), core.self.node, now) + core.config.fence_after;
}
bool Node::serves(base::BucketIndex bucket) const {
  return parts_->owner.serves(bucket);
}
std::uint64_t Node::usable(base::Uid uid, Direction direction) const {
  return parts_->owner.leases().usable({uid, direction});
}
bool Node::levelled() const {
  return parts_->core.levelled;
}
bool Node::is_master() const {
  return parts_->core.is_master() && parts_->core.levelled;
}
VoterId Node::self() const {
  return parts_->core.self;
}
StreamId Node::stream() const {
  return parts_->core.stream;
}
const Memory& Node::memory() const {
  return parts_->core.memory;
}
const VoterSet& Node::voters() const {
  return parts_->core.voters();
}
bool Node::knows(base::NodeId node) const {
  return parts_->core.contacts.find(node) != nullptr;
}
Heartbeat Node::heard(base::NodeId node) const {
  const auto* contact = parts_->core.contacts.find(node);
  return contact == nullptr ? Heartbeat{} : contact->last;
}

}  // namespace phalanx::cluster
