// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "owner.hpp"

#include <algorithm>
#include <utility>

#include "phalanx/cluster/planted.hpp"

namespace phalanx::cluster {
namespace {

// Detection times of silence until the log is no longer kept for a learner.
constexpr int kLearnerPatience = 4;

}  // namespace

void Owner::start_stream() {
  core_.memory.streams.try_emplace(core_.stream);
  receivers_.clear();
  leases_.clear();
  published_.clear();
  closed_under_.fill(0);
  confirming_ = core_.confirmed = 0;
  core_.stream_held = 0;
}

std::uint64_t Owner::commit() const {
  const auto found = core_.memory.streams.find(core_.stream);
  return found == core_.memory.streams.end() ? 0 : found->second.commit();
}

Owner::Receiver& Owner::receiver(base::NodeId node) {
  auto& receiver = receivers_[node];
  const auto boot = core_.boots.find(node);
  const auto counted = boot == core_.boots.end() ? base::BootCount{} : boot->second;
  if (receiver.boot != counted) {
    const bool keep = planted(Bug::RestartedVoterKeepsCounting);
    const auto kept = receiver.counted;
    receiver = Receiver{};
    receiver.boot = counted;
    if (keep) receiver.counted = kept;
  }
  return receiver;
}

void Owner::append(Record record) {
  auto& log = core_.memory.streams.at(core_.stream);
  record.grant = core_.memory.table.bucket(record.bucket).owner.grant;
  log.append(record);
  core_.disk_leases.note(log, core_.now);
  dirty_ = true;
  const auto index = log.held();
  if (record.kind == RecordKind::Lease) {
    const LeaseKeeper::Key key{record.uid, record.direction};
    leases_.promise(key, index, record.leases[static_cast<std::size_t>(record.direction)].number);
    publish(key, record.bucket);
  } else if (record.kind == RecordKind::Delete) {
    leases_.close(record.uid);
    published_.erase({record.uid, Direction::Inbound});
    published_.erase({record.uid, Direction::Outbound});
  }
}

void Owner::mark_closed(base::BucketIndex bucket) {
  closed_under_[bucket.value()] = core_.memory.table.bucket(bucket).owner.grant;
  if (!planted(Bug::ServeAgainAfterClosing)) serving_[bucket.value()] = false;
}

void Owner::publish(const LeaseKeeper::Key& key, base::BucketIndex bucket) {
  const auto limit = leases_.usable(key);
  auto& published = published_[key];
  if (published == limit) return;
  published = limit;
  Event event(EventKind::GateChanged, bucket);
  event.uid = key.uid;
  event.direction = key.direction;
  event.limit = limit;
  core_.emit(event);
}

void Owner::on(const Header& from, const Acknowledge& ack) {
  const bool ours = ack.stream == core_.stream;
  const bool older = ack.stream.node == core_.self.node && ack.stream != core_.stream;
  if (!ours && !(older && planted(Bug::OlderStreamAcknowledged))) return;
  if (ack.frozen && ours) {
    if (from.levelled) on_frozen();
    return;
  }
  auto& to = receiver(from.sender.node);
  auto& log = core_.memory.streams.at(core_.stream);
  const auto held = std::min(ack.held, log.held());
  if (held > to.held) to.waiting_since = core_.now;
  to.held = std::max(to.held, held);
  to.applied = std::max(to.applied, std::min(ack.applied, held));
  to.sent = std::max(to.sent, to.held);
  if (from.levelled) count(to, from.voters_version, held, std::min(ack.covered, held));
  advance_commit();
}

// What a voter said that knows a later voter set than we do makes no quorum of ours, yet.
void Owner::count(Receiver& to, std::uint64_t version, std::uint64_t voted,
                  std::uint64_t counted) const {
  if (version > core_.voters().version) {
    to.later_version = std::max(to.later_version, version);
    to.later_voted = std::max(to.later_voted, voted);
    to.later_counted = std::max(to.later_counted, counted);
  } else {
    to.voted = std::max(to.voted, voted);
    to.counted = std::max(to.counted, counted);
  }
}

std::uint64_t Owner::quorum_of(Held& held) const {
  std::sort(held.rbegin(), held.rend());
  std::vector<base::NodeId> agreeing;
  for (const auto& [index, node] : held) {
    agreeing.push_back(node);
    if (core_.memory.is_quorum(agreeing)) return index;
  }
  return 0;
}

// The voters have changed: what was agreed among the old ones must be so among the new ones before
// these may decide alone.
void Owner::confirm(std::uint64_t held) {
  const auto version = core_.voters().version;
  if (version != confirming_) {
    confirming_ = version;
    confirm_target_ = core_.memory.streams.at(core_.stream).commit();
  }
  if (core_.confirmed == version || held < confirm_target_) return;
  core_.confirmed = version;
  core_.heartbeat_due = true;
}

void Owner::advance_commit() {
  auto& log = core_.memory.streams.at(core_.stream);
  if (log.frozen()) return;
  Held held{{log.held(), core_.self.node}};
  Held covered{{log.covered(), core_.self.node}};
  for (const auto node : core_.peers()) {
    auto& each = receiver(node);
    count(each, each.later_version, each.later_voted, each.later_counted);
    held.emplace_back(each.voted, node);
    covered.emplace_back(each.counted, node);
  }
  core_.stream_held = quorum_of(held);
  const auto commit = quorum_of(covered);
  confirm(commit);
  const auto before = log.commit();
  if (commit <= before) return;
  log.raise_commit(commit);
  core_.table_moved |= core_.memory.advance();
  core_.disk_leases.note_moved(core_.memory, core_.now);
  on_committed(before, commit);
  refresh();
}

void Owner::on_committed(std::uint64_t from, std::uint64_t to) {
  const auto& log = core_.memory.streams.at(core_.stream);
  for (auto index = from + 1; index <= to; ++index) {
    const auto* record = log.at(index);
    // Packets wait for what the master does next: let it know at once.
    if (record != nullptr && record->kind == RecordKind::Close) core_.heartbeat_due = true;
    if (record == nullptr || record->kind != RecordKind::Put) continue;
    const auto& bucket = core_.memory.table.bucket(record->bucket);
    if (bucket.owner.grant != record->grant || !bucket.entries.contains(record->uid)) continue;
    for (std::size_t i = 0; i < kNumDirections; ++i) {
      const LeaseKeeper::Key key{record->uid, static_cast<Direction>(i)};
      if (leases_.promised(key) == 0) leases_.open(key, record->leases[i].number);
      publish(key, record->bucket);
    }
    Event event(EventKind::EntryInstalled, record->bucket);
    event.uid = record->uid;
    core_.emit(event);
  }
  for (const auto& key : leases_.on_commit(to)) publish(key, base::BucketIndex{});
}

void Owner::refresh() {
  if (!core_.levelled) return;
  const auto& log = core_.memory.streams.at(core_.stream);
  for (std::size_t i = 0; i < base::kNumBuckets; ++i) {
    const base::BucketIndex index(static_cast<std::uint8_t>(i));
    const auto& bucket = core_.memory.table.bucket(index);
    const bool ours = bucket.owner.stream == core_.stream && !log.frozen() && !bucket.closed &&
                      closed_under_[i] != bucket.owner.grant;
    if (ours == serving_[i]) continue;
    if (planted(Bug::ServeAgainAfterClosing) && serving_[i] &&
        bucket.owner.stream == core_.stream) {
      continue;
    }
    serving_[i] = ours;
    core_.emit(Event(ours ? EventKind::BucketOpened : EventKind::BucketShut, index));
    for (const auto& [uid, entry] : bucket.entries) {
      if (!ours) {
        leases_.close(uid);
        continue;
      }
      for (std::size_t way = 0; way < kNumDirections; ++way) {
        const LeaseKeeper::Key key{uid, static_cast<Direction>(way)};
        auto number = entry.directions[way].lease.number;
        if (planted(Bug::ImpliedLeaseIgnored)) {
          number += std::uint64_t{1} << entry.directions[way].lease.size_log2;
        }
        leases_.open(key, number);
        published_[key] = 0;
        publish(key, index);
      }
    }
  }
}

void Owner::heed(const Allocation& allocation) {
  if (serving_.none()) return;
  const auto owners = allocation.owners();
  for (std::size_t i = 0; i < base::kNumBuckets; ++i) {
    if (!serving_[i] || owners[i].stream == core_.stream) continue;
    on_frozen();
    return;
  }
}

// Rule 10: the node keeps its streams, freezes and voter identity; only the stream is new.
void Owner::on_frozen() {
  auto& log = core_.memory.streams.at(core_.stream);
  log.freeze();
  serving_.reset();
  core_.emit(EventKind::StreamFrozen);
  if (planted(Bug::FrozenNodeForgets)) {
    core_.stopped = true;
    core_.levelled = false;
    core_.emit(EventKind::Superseded);
  }
  ++core_.stream.incarnation;
  for (const auto node : core_.contacts.known()) core_.contacts.find(node)->froze_us = false;
  start_stream();
}

std::uint64_t Owner::stable() const {
  const auto& log = core_.memory.streams.at(core_.stream);
  const bool full = log.bytes() > core_.config.stream_log_bytes;
  const auto learner_patience = core_.config.suspect_after() * kLearnerPatience;
  auto stable = log.applied();
  for (const auto node : core_.peers()) {
    // Beyond the bound of the log nobody who is away is waited for: it will need a snapshot. A
    // learner is waited for while it is heard: it may just be copying the table.
    const auto* contact = core_.contacts.find(node);
    const bool learner = !core_.voters().contains(node);
    if (full && !core_.alive(node)) continue;
    if (learner && (contact == nullptr || core_.now - contact->heard > learner_patience)) continue;
    const auto found = receivers_.find(node);
    stable = std::min(stable, found == receivers_.end() ? 0 : found->second.applied);
  }
  // What is gone is gone, whoever comes now.
  return std::max(stable, log.start());
}

void Owner::send_to(base::NodeId node, Receiver& to) {
  auto& log = core_.memory.streams.at(core_.stream);
  // However much is sent meanwhile: what stays unacknowledged is sent again.
  if (to.sent <= to.held || core_.now - to.waiting_since >= core_.config.resend_after) {
    to.sent = to.held;
    to.waiting_since = core_.now;
  }
  to.sent = std::max(to.sent, log.start());
  // It said so before it counted as a voter, or could apply it: ask it to say so again.
  const auto* contact = core_.contacts.find(node);
  const bool crowded = log.bytes() > core_.config.stream_log_bytes / 4;
  const bool more = to.counted < to.held || (crowded && to.applied < log.commit());
  if (to.sent >= log.held() && more && contact != nullptr && contact->levelled &&
      core_.now - to.sent_at >= core_.config.resend_after) {
    to.sent_at = core_.now;
    core_.send(node, Records{core_.stream, to.sent + 1, log.commit(), stable(), false, {}});
  }
  std::size_t in_flight = 0;
  while (to.sent < log.held() && in_flight < core_.config.window_bytes) {
    Records message;
    message.stream = core_.stream;
    message.first = to.sent + 1;
    message.commit = log.commit();
    message.stable = stable();
    message.records = log.read(message.first, core_.config.batch_bytes);
    to.sent += message.records.size();
    to.sent_at = core_.now;
    for (const auto& record : message.records) in_flight += wire_size(record);
    core_.send(node, std::move(message));
  }
}

void Owner::flush() {
  dirty_ = false;
  if (!core_.levelled) return;
  if (core_.memory.streams.at(core_.stream).frozen()) return;
  for (const auto node : core_.peers()) {
    if (core_.alive(node)) send_to(node, receiver(node));
  }
  advance_commit();  // alone in the voter set, we are the quorum
}

void Owner::tick() {
  flush();
  auto& log = core_.memory.streams.at(core_.stream);
  log.forget(stable());
}

}  // namespace phalanx::cluster
