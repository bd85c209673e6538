// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/move_keeper.hpp"

#include <algorithm>
#include <span>

#include "phalanx/base/byte_reader.hpp"
#include "phalanx/base/endian.hpp"
#include "phalanx/cluster/record.hpp"

namespace phalanx::control {
namespace {

// What was noted must cover all that the other node may still hold.
constexpr int kNoteFactor = 4;

}  // namespace

MoveKeeper::MoveKeeper(dataplane::Dataplane& dataplane, base::Duration hold_for, Ready ready)
    : dataplane_(dataplane),
      moves_(dataplane.tables().moves),
      hold_for_(hold_for),
      ready_(std::move(ready)) {}

void MoveKeeper::begin(base::BucketIndex bucket, Phase phase, base::TimePoint now) {
  auto& move = moving_[bucket];
  move.asked = now;
  if (move.phase == phase && move.waiting) return;
  if (move.phase == phase) {
    ready_(bucket);
    return;
  }
  move.phase = phase;
  move.noted.clear();
  move.waiting = true;
  // What a worker received before the last owner began to note may have gone through that one
  // without a note. It is not held, but left to it.
  if (phase == Phase::Coming) {
    move.drain = start_drain(now);
  } else {
    enter(bucket, move);
  }
}

void MoveKeeper::enter(base::BucketIndex bucket, Move& move) {
  arrived_.erase(bucket);
  moves_.set(bucket, move.phase);
  move.drain.reset();
  move.token = dataplane_.quiescence().start();
}

MoveKeeper::Drain MoveKeeper::start_drain(base::TimePoint now) const {
  Drain drain{now, {}};
  for (std::size_t i = 0; i < dataplane_.num_workers(); ++i) {
    drain.emptied.push_back(dataplane_.worker(i).counters().emptied.get());
  }
  return drain;
}

// A worker may have been in the middle of a round when it began, hence two. One that never gets
// done with what it receives is not waited for.
bool MoveKeeper::is_drained(const Drain& drain, base::TimePoint now) const {
  if (now - drain.since > hold_for_) return true;
  for (std::size_t i = 0; i < drain.emptied.size(); ++i) {
    const auto emptied = dataplane_.worker(i).counters().emptied.get();
    if (emptied - drain.emptied[i] < 2) return false;
  }
  return true;
}

void MoveKeeper::note(base::BucketIndex bucket, base::TimePoint now) {
  begin(bucket, Phase::Noting, now);
}

void MoveKeeper::expect(base::BucketIndex bucket, base::TimePoint now) {
  begin(bucket, Phase::Coming, now);
}

bool MoveKeeper::expects(base::BucketIndex bucket) const noexcept {
  const auto found = moving_.find(bucket);
  return found != moving_.end() && found->second.phase == Phase::Coming;
}

void MoveKeeper::arrived(base::BucketIndex bucket, std::vector<std::uint64_t> passed) {
  auto& known = passed_[bucket];
  auto old = std::move(known);
  if (!passed.empty()) known = std::make_unique<dataplane::PassedPackets>(std::move(passed));
  moves_.set_passed(bucket, known.get());
  // Only now: a worker that is quiescent from here on does not find the old one.
  if (old) retired_.emplace_back(dataplane_.quiescence().start(), std::move(old));
}

void MoveKeeper::release(base::BucketIndex bucket, base::TimePoint now) {
  forget(bucket);
  if (passed_[bucket] == nullptr) return moves_.announce();
  arrived_[bucket] = start_drain(now);
  moves_.set(bucket, Phase::Arrived);
}

std::vector<std::uint64_t> MoveKeeper::left(base::BucketIndex bucket) {
  collect();
  auto noted = std::move(moving_[bucket].noted);
  forget(bucket);
  return noted;
}

void MoveKeeper::forget(base::BucketIndex bucket) {
  const bool known = moving_.erase(bucket) + arrived_.erase(bucket) != 0;
  if (known) moves_.set(bucket, Phase::None);
}

void MoveKeeper::collect() {
  dataplane::PassedNote note;
  for (std::size_t worker = 0; worker < dataplane_.num_workers(); ++worker) {
    while (dataplane_.pop_passed(worker, note)) {
      const auto move = moving_.find(note.bucket);
      if (move != moving_.end()) move->second.noted.push_back(note.digest);
    }
  }
}

void MoveKeeper::step(base::TimePoint now) {
  if (!moving_.empty()) collect();
  for (auto at = moving_.begin(); at != moving_.end();) {
    const auto bucket = at->first;
    auto& move = (at++)->second;  // forgetting takes it out
    const auto limit = move.phase == Phase::Noting ? hold_for_ * kNoteFactor : hold_for_;
    if (now - move.asked > limit) {
      forget(bucket);
    } else if (move.drain) {
      if (is_drained(*move.drain, now)) enter(bucket, move);
    } else if (move.waiting && dataplane_.quiescence().passed(move.token)) {
      move.waiting = false;
      ready_(bucket);
    }
  }
  for (auto at = arrived_.begin(); at != arrived_.end();) {
    const auto bucket = at->first;
    const auto& drain = (at++)->second;
    if (is_drained(drain, now)) forget(bucket);
  }
  std::erase_if(retired_,
                [this](const auto& each) { return dataplane_.quiescence().passed(each.first); });
}

cluster::Bytes write_passed(const std::vector<std::uint64_t>& digests) {
  const auto count = std::min(digests.size(), cluster::kMaxRecordBody / sizeof(base::be64));
  // The newest are those that the next owner is most likely to hold.
  std::vector<base::be64> words;
  for (auto i = digests.size() - count; i < digests.size(); ++i) words.emplace_back(digests[i]);
  const auto bytes = std::as_bytes(std::span(words));
  return {bytes.begin(), bytes.end()};
}

std::vector<std::uint64_t> parse_passed(const cluster::Bytes& bytes) {
  std::vector<std::uint64_t> digests;
  base::ByteReader in(bytes);
  while (in.remaining() >= sizeof(base::be64)) digests.push_back(in.u64());
  return digests;
}

}  // namespace phalanx::control
