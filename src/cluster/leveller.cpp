// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "leveller.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "encoding.hpp"
#include "phalanx/cluster/planted.hpp"

namespace phalanx::cluster {
namespace {

// Without an answer for this many heartbeats we begin again, perhaps with another source.
constexpr int kPatience = 10;

// Attempts count from 1.
constexpr std::uint32_t kOnlyCalled = 0;

// Buckets from `first` on, as many as fit: count, then each with its length.
Bytes write_snapshot(const Table& table, base::BucketIndex first, std::size_t limit) {
  Encoder buckets;
  std::uint16_t count = 0;
  for (std::size_t i = first.value(); i < base::kNumBuckets; ++i) {
    const auto bytes = write_bucket(table.bucket(base::BucketIndex(static_cast<std::uint8_t>(i))));
    if (count != 0 && buckets.written().size() + bytes.size() > limit) break;
    buckets.u32(static_cast<std::uint32_t>(bytes.size()));
    buckets.bytes(bytes);
    ++count;
  }
  Encoder out;
  out.u16(count);
  out.bytes(buckets.written());
  return out.take();
}

}  // namespace

void Leveller::on(const Header& from, const LevelRequest& request) {
  if (request.attempt == kOnlyCalled) return;
  // A snapshot that was made before this answer lacks what the answer says is in the table.
  served_.erase(from.sender.node);
  LevelReply reply;
  reply.attempt = request.attempt;
  reply.durable = !core_.disk.fresh;
  if (core_.levelled) {
    reply.complete = core_.complete;
    reply.committed = core_.memory.committed;
    reply.applied = core_.memory.table.applied();
    reply.newest = core_.memory.newest;
    for (const auto& [id, log] : core_.memory.streams) {
      reply.streams.push_back({id, log.held(), log.applied(), log.frozen()});
    }
  } else {
    reply.newest.version = core_.disk.voters_at;
    reply.newest.voters = core_.disk.voters;
  }
  core_.send(from.sender.node, std::move(reply));
}

void Leveller::on(const Header& from, const LevelReply& reply) {
  if (reply.attempt != attempt_ || phase_ != Phase::Asking) return;
  if (core_.learn_voters(reply.newest.version, reply.newest.voters)) memoryless_.clear();
  if (!from.levelled) {
    // Who lost its disk may have forgotten a generation that still runs.
    if (reply.durable) memoryless_[from.sender.node] = {from.sender, core_.now};
    return;
  }
  memoryless_.erase(from.sender.node);
  auto& answer = answers_[from.sender.node];
  answer = {from.sender, from.generation, from.term, reply};
  adopt();
}

void Leveller::restart() {
  phase_ = Phase::Asking;
  ++attempt_;
  answers_.clear();
  targets_.clear();
  if (whole_) voter_.caught_up();
  asked_at_ = {};
  if (whole_) core_.memory = Memory{};
}

void Leveller::ask() {
  if (asked_at_ != base::TimePoint{} &&
      core_.now - asked_at_ < core_.config.heartbeat_interval / 2) {
    return;
  }
  asked_at_ = core_.now;
  auto asked = core_.disk.voters.all();
  const auto add = [&](const std::vector<base::NodeId>& nodes) {
    for (const auto node : nodes) {
      if (std::find(asked.begin(), asked.end(), node) == asked.end()) asked.push_back(node);
    }
  };
  add(core_.voters().all());
  add(core_.config.seeds);
  std::erase(asked, core_.self.node);
  core_.send_all(asked, LevelRequest{attempt_});
}

// Enough answers? Then take over everything they know, and choose whom to copy the table from.
void Leveller::adopt() {
  const auto best = std::max_element(answers_.begin(), answers_.end(), [](auto& a, auto& b) {
    const auto& x = a.second;
    const auto& y = b.second;
    return std::tie(x.generation, x.reply.complete, x.reply.applied) <
           std::tie(y.generation, y.reply.complete, y.reply.applied);
  });
  const auto generation = best->second.generation;
  std::vector<base::NodeId> agreeing;
  Allocation newest;
  for (const auto& [node, answer] : answers_) {
    const bool counted = answer.generation == generation && core_.counts(answer.from);
    if (counted && node != core_.self.node) agreeing.push_back(node);
    if (counted && answer.reply.newest.version > newest.version) newest = answer.reply.newest;
  }
  if (planted(Bug::LevelledCountingItself)) agreeing.push_back(core_.self.node);
  // Not a quorum: all that matters is that none can have been formed without them.
  if (whole_ && !newest.voters.is_blocking(agreeing)) return;
  if (!best->second.reply.complete) return;
  if (!whole_ && best->second.reply.applied < core_.memory.latest().settled_version) return;
  source_ = best->second;
  if (whole_) {
    core_.memory = Memory{};
    core_.memory.generation = generation;
    core_.memory.newest = std::move(newest);
    core_.memory.committed = source_.reply.committed;
    for (const auto& stream : source_.reply.streams) {
      core_.memory.streams.insert_or_assign(stream.stream, StreamLog(stream.applied));
    }
    for (const auto& [node, answer] : answers_) {
      if (answer.generation != generation) continue;
      core_.memory.raise_term(answer.term);
      for (const auto& stream : answer.reply.streams) {
        auto& log = core_.memory.streams[stream.stream];
        if (stream.frozen) log.freeze();
        auto& target = targets_[stream.stream];
        if (stream.held >= target.held) target = {stream.held, node};
      }
    }
  }
  incoming_ = Table{};
  incoming_.set_applied(source_.reply.applied);
  next_bucket_ = 0;
  snapshot_id_ = 0;
  blob_.clear();
  phase_ = Phase::Copying;
  progress_at_ = core_.now;
  call_owners();
  request_snapshot();
}

// Owners keep their records for whom they hear.
void Leveller::call_owners() {
  called_at_ = core_.now;
  core_.send_all(core_.members(), LevelRequest{kOnlyCalled});
}

void Leveller::request_snapshot() {
  asked_at_ = core_.now;
  core_.send(source_.from.node,
             SnapshotRequest{base::BucketIndex(static_cast<std::uint8_t>(next_bucket_)),
                             snapshot_id_, static_cast<std::uint32_t>(blob_.size())});
}

void Leveller::on(const Header& from, const SnapshotRequest& request) {
  if (!core_.levelled || !core_.complete) return;
  auto& served = served_[from.sender.node];
  if (request.snapshot != 0) {
    // Of an older snapshot: late, or its asker will begin again.
    const bool known = request.snapshot == served.id && request.bucket == served.bucket;
    if (!known || request.offset > served.blob.size()) return;
  } else if (served.id == 0 || request.bucket != served.bucket ||
             core_.now - served.made_at > core_.config.resend_after) {
    served = {request.bucket, next_snapshot_++,
              write_snapshot(core_.memory.table, request.bucket, core_.config.snapshot_bytes),
              core_.now};
  }
  // A copy of a request gets a copy of its answer, or two chains of answers would never end.
  SnapshotChunk chunk;
  chunk.bucket = served.bucket;
  chunk.snapshot = served.id;
  chunk.offset = request.snapshot == 0 ? 0 : request.offset;
  chunk.total = static_cast<std::uint32_t>(served.blob.size());
  const auto left = served.blob.size() - chunk.offset;
  const auto begin = served.blob.begin() + static_cast<std::ptrdiff_t>(chunk.offset);
  chunk.bytes.assign(
      begin, begin + static_cast<std::ptrdiff_t>(std::min(left, core_.config.snapshot_bytes)));
  core_.send(from.sender.node, std::move(chunk));
}

void Leveller::on(const Header& from, const SnapshotChunk& chunk) {
  if (phase_ != Phase::Copying || from.sender != source_.from || !from.levelled) return;
  if (chunk.bucket.value() != next_bucket_ || next_bucket_ >= base::kNumBuckets) return;
  if (chunk.snapshot != snapshot_id_) {
    if (chunk.offset != 0 || snapshot_id_ != 0) return;
    snapshot_id_ = chunk.snapshot;
    blob_.clear();
  }
  if (chunk.offset != blob_.size()) return;
  blob_.insert(blob_.end(), chunk.bytes.begin(), chunk.bytes.end());
  progress_at_ = core_.now;
  if (blob_.size() >= chunk.total) {
    Decoder in(blob_);
    for (auto left = in.u16(); left != 0 && next_bucket_ < base::kNumBuckets; --left) {
      Bucket bucket;
      if (!parse_bucket(in.bytes(in.u32()), bucket)) {
        restart();
        return;
      }
      incoming_.replace(base::BucketIndex(static_cast<std::uint8_t>(next_bucket_)),
                        std::move(bucket));
      ++next_bucket_;
    }
    snapshot_id_ = 0;
    blob_.clear();
  }
  if (next_bucket_ < base::kNumBuckets) {
    request_snapshot();
  } else {
    finish_snapshot();
  }
}

// Our logs must begin where the copied table ends. False, and nothing changed: one begins later.
bool Leveller::install_starts() {
  const auto needed = core_.memory.needed_streams();
  auto& streams = core_.memory.streams;
  // A stream that the source has never heard of is not in its table either.
  std::map<StreamId, std::uint64_t> copied;
  for (const auto& [id, log] : streams) copied[id] = 0;
  for (const auto& stream : source_.reply.streams) copied[stream.stream] = stream.applied;
  for (const auto& [id, applied] : copied) {
    const auto& log = streams[id];
    // A dead stream may have been emptied here, of more than anybody ever needed.
    const bool over = log.frozen() && !needed.contains(id);
    if (log.start() > applied && !over) return false;
  }
  for (const auto& [id, applied] : copied) {
    auto& log = streams[id];
    if (log.held() < applied) {
      const bool frozen = log.frozen();
      const auto commit = log.commit();
      log = StreamLog(applied);
      log.raise_commit(commit);
      if (frozen) log.freeze();
    } else if (log.start() <= applied) {
      log.set_applied(applied);
    }
  }
  return true;
}

// A planted mistake: what the snapshot says of an entry beats what we have applied since.
void Leveller::merge_old_entries() {
  for (std::size_t i = 0; i < base::kNumBuckets; ++i) {
    const base::BucketIndex index(static_cast<std::uint8_t>(i));
    auto bucket = core_.memory.table.bucket(index);
    const auto& snapshot = incoming_.bucket(index);
    if (bucket.owner != snapshot.owner || bucket.position < snapshot.position) continue;
    for (const auto& [uid, entry] : snapshot.entries) bucket.entries.insert_or_assign(uid, entry);
    incoming_.replace(index, std::move(bucket));
  }
}

void Leveller::finish_snapshot() {
  if (!whole_ && !install_starts()) {
    restart();
    return;
  }
  if (planted(Bug::SnapshotBeatsTombstone)) merge_old_entries();
  core_.memory.table = std::move(incoming_);
  incoming_ = Table{};
  try_finish();
}

// Every stream must reach as far as the longest answer, and every prefix that the newest allocation
// names must be here.
void Leveller::try_finish() {
  if (phase_ != Phase::Copying || next_bucket_ < base::kNumBuckets) return;
  if (!whole_) {
    phase_ = Phase::Idle;
    core_.complete = true;
    core_.cover_memory();
    voter_.caught_up();
    voter_.advance();
    owner_.refresh();
    return;
  }
  for (const auto& [id, target] : targets_) {
    if (core_.memory.streams[id].held() < target.held) return;
  }
  if (!core_.memory.missing(core_.memory.newest).empty()) return;
  become_voter();
}

void Leveller::become_voter() {
  phase_ = Phase::Idle;
  core_.levelled = true;
  core_.complete = true;
  core_.master.reset();
  voter_.caught_up();
  core_.disk.fresh = false;
  core_.disk.generation = core_.memory.generation;
  core_.disk.voters = core_.voters();
  core_.disk.voters_at = core_.memory.newest.version;
  for (const auto& [node, boot] : core_.boots) {
    auto& known = core_.disk.boots[node];
    if (boot > known.boot) known.boot = boot;
  }
  core_.cover_memory();
  core_.persist();
  owner_.start_stream();
  core_.emit(EventKind::Levelled);
  core_.heartbeat_due = true;
  voter_.advance();
}

void Leveller::copy() {
  // What is gone at its holder is in its table by now: copy that.
  const bool gone = whole_ && voter_.gap();
  if (gone || core_.now - progress_at_ > core_.config.heartbeat_interval * kPatience) {
    restart();
    return;
  }
  if (core_.now - called_at_ >= core_.config.heartbeat_interval) call_owners();
  try_finish();
  if (phase_ != Phase::Copying || core_.now - asked_at_ < core_.config.resend_after) return;
  if (next_bucket_ < base::kNumBuckets) {
    if (core_.now - progress_at_ > core_.config.heartbeat_interval) {
      snapshot_id_ = 0;
      blob_.clear();
    }
    request_snapshot();
    return;
  }
  asked_at_ = core_.now;
  for (const auto& [id, target] : targets_) {
    const auto held = core_.memory.streams[id].held();
    if (held >= target.held) continue;
    // The source keeps everything behind its table; the one with the longest copy need not.
    const auto& known = source_.reply.streams;
    const auto wanted = id;  // clang 14 cannot capture a structured binding
    const auto copied = std::find_if(known.begin(), known.end(),
                                     [&](const auto& stream) { return stream.stream == wanted; });
    const bool by_source = copied != known.end() && held < copied->held;
    core_.send(by_source ? source_.from.node : target.holder, Fetch{id, held + 1});
  }
}

void Leveller::tick() {
  if (!core_.admitted || core_.stopped) return;
  if (!core_.levelled) {
    whole_ = true;
  } else if (voter_.lags() || !core_.complete) {
    whole_ = false;
    core_.complete = false;
  } else {
    phase_ = Phase::Idle;
    return;
  }
  if (phase_ == Phase::Idle) restart();
  if (phase_ == Phase::Copying) {
    copy();
  } else {
    ask();
  }
}

}  // namespace phalanx::cluster
