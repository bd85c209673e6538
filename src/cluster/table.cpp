// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/cluster/table.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "encoding.hpp"
#include "phalanx/cluster/planted.hpp"

namespace phalanx::cluster {
namespace {

// What the next owner may use before its first own record: as far ahead as the last one promised.
// Saturates: at the end of the number space the SA stops.
std::uint64_t ahead(std::uint64_t floor, std::uint8_t size_log2) noexcept {
  const auto room = std::numeric_limits<std::uint64_t>::max() - (floor - 1);
  return floor - 1 + std::min(room, std::uint64_t{1} << size_log2);
}

// The implied lease. After a closing record the numbers are exact: the window goes on as it was,
// and only numbers above the closing top are new.
void hand_over(DirectionState& state, Direction way, bool closed) noexcept {
  auto top = state.lease.number;
  // The last owner wrote nothing itself: its lease is the one that the allocation implied.
  const bool implied = !closed && top == ahead(state.floor, state.lease.size_log2);
  if (implied && planted(Bug::FloorFromLastOwnerOnly)) top = state.floor - 1;
  if (!closed) state.window.clear();
  if (state.window.empty() || way == Direction::Outbound) {
    state.floor = planted(Bug::FloorEqualsLease) ? top : top + 1;
  }
  if (planted(Bug::ImpliedLeaseIgnored)) return;
  state.lease.number = ahead(top + 1, state.lease.size_log2);
}

}  // namespace

Table::Applied Table::apply(const StreamId& stream, std::uint64_t index, const Record& record) {
  auto& bucket = buckets_[record.bucket.value()];
  if (record.grant > bucket.owner.grant) return Applied::TooEarly;
  if (record.grant < bucket.owner.grant || bucket.owner.stream != stream ||
      index <= bucket.position) {
    return Applied::Skipped;
  }
  bucket.position = index;
  switch (record.kind) {
    case RecordKind::Put: {
      if (bucket.tombstones.contains(record.uid)) break;
      auto [at, fresh] = bucket.entries.try_emplace(record.uid);
      at->second.kind = record.entry_kind;
      at->second.payload = record.body;
      if (!fresh) break;  // a new version of an entry keeps its leases
      for (std::size_t i = 0; i < kNumDirections; ++i) {
        at->second.directions[i].lease = record.leases[i];
      }
      break;
    }
    case RecordKind::Delete:
      bucket.entries.erase(record.uid);
      bucket.tombstones.insert(record.uid);
      break;
    case RecordKind::Lease: {
      const auto found = bucket.entries.find(record.uid);
      if (found == bucket.entries.end()) break;
      const auto which = static_cast<std::size_t>(record.direction);
      found->second.directions[which].lease = record.leases[which];
      found->second.directions[which].window = record.body;
      break;
    }
    case RecordKind::Close: bucket.closed = true; break;
  }
  return Applied::Done;
}

void Table::apply(const AllocationStep& step) {
  const auto grant = grant_of(step.version);
  for (const auto& move : step.moves) {
    auto& bucket = buckets_[move.bucket.value()];
    if (bucket.owner.grant >= grant) continue;  // a snapshot was ahead of us
    for (auto& [uid, entry] : bucket.entries) {
      for (std::size_t way = 0; way < kNumDirections; ++way) {
        hand_over(entry.directions[way], static_cast<Direction>(way), bucket.closed);
      }
    }
    bucket.owner = {move.to, grant};
    bucket.position = 0;
    bucket.closed = false;
  }
  applied_ = step.version;
}

Bytes write_bucket(const Bucket& bucket) {
  Encoder out;
  out.id(bucket.owner.stream);
  out.u64(bucket.owner.grant);
  out.u64(bucket.position);
  out.flag(bucket.closed);
  out.u32(static_cast<std::uint32_t>(bucket.entries.size()));
  for (const auto& [uid, entry] : bucket.entries) {
    out.u64(uid.value());
    out.u8(static_cast<std::uint8_t>(entry.kind));
    out.u16(static_cast<std::uint16_t>(entry.payload.size()));
    out.bytes(entry.payload);
    for (const auto& direction : entry.directions) {
      out.u64(direction.floor);
      out.u64(direction.lease.number);
      out.u8(direction.lease.size_log2);
      out.u16(static_cast<std::uint16_t>(direction.window.size()));
      out.bytes(direction.window);
    }
  }
  out.u32(static_cast<std::uint32_t>(bucket.tombstones.size()));
  for (const auto uid : bucket.tombstones) out.u64(uid.value());
  return out.take();
}

namespace {

Entry parse_entry(Decoder& in) {
  Entry entry;
  entry.kind = static_cast<EntryKind>(in.at_most(kMaxEntryKind));
  const auto payload = in.bytes(in.u16());
  entry.payload.assign(payload.begin(), payload.end());
  for (auto& direction : entry.directions) {
    direction.floor = in.u64();
    direction.lease.number = in.u64();
    direction.lease.size_log2 = in.at_most(kMaxLeaseSizeLog2);
    const auto window = in.bytes(in.u16());
    direction.window.assign(window.begin(), window.end());
  }
  return entry;
}

}  // namespace

bool parse_bucket(std::span<const std::byte> bytes, Bucket& bucket) {
  Decoder in(bytes);
  Bucket parsed;
  parsed.owner.stream = in.stream();
  parsed.owner.grant = in.u64();
  parsed.position = in.u64();
  parsed.closed = in.flag();
  // Each entry and tombstone takes input, so a forged count ends with the bytes.
  for (auto left = in.u32(); left != 0 && in.ok(); --left) {
    const base::Uid uid(in.u64());
    parsed.entries.insert_or_assign(uid, parse_entry(in));
  }
  for (auto left = in.u32(); left != 0 && in.ok(); --left) {
    parsed.tombstones.insert(base::Uid(in.u64()));
  }
  if (!in.ok() || in.remaining() != 0) return false;
  bucket = std::move(parsed);
  return true;
}

}  // namespace phalanx::cluster
