// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "codec_parts.hpp"

#include <algorithm>

#include "phalanx/cluster/message_codec.hpp"

namespace phalanx::cluster {
namespace {

void put(Encoder& out, const LeaseValue& lease) {
  out.u64(lease.number);
  out.u8(lease.size_log2);
}
LeaseValue get_lease(Decoder& in) {
  LeaseValue lease;
  lease.number = in.u64();
  lease.size_log2 = in.at_most(kMaxLeaseSizeLog2);
  return lease;
}

// Runs of equal owners: a table of 256 in a few dozen bytes for a small cluster.
void put(Encoder& out, const OwnerTable& table) {
  std::size_t runs = 1;
  for (std::size_t i = 1; i < table.size(); ++i) runs += table[i] == table[i - 1] ? 0 : 1;
  out.count(runs);
  for (std::size_t i = 0; i < table.size();) {
    std::size_t end = i + 1;
    while (end < table.size() && table[end] == table[i]) ++end;
    out.u8(static_cast<std::uint8_t>(end - i - 1));
    out.id(table[i].stream);
    out.u64(table[i].grant);
    i = end;
  }
}
OwnerTable get_owners(Decoder& in) {
  auto table = no_owners();
  std::size_t at = 0;
  const auto runs = in.count(1 + kStreamBytes + 8);
  for (std::size_t run = 0; run < runs && in.ok(); ++run) {
    const std::size_t length = std::size_t{in.u8()} + 1;
    BucketOwner owner;
    owner.stream = in.stream();
    owner.grant = in.u64();
    if (length > table.size() - at) {
      in.reject();
      return table;
    }
    std::fill_n(table.begin() + static_cast<std::ptrdiff_t>(at), length, owner);
    at += length;
  }
  if (at != table.size()) in.reject();
  return table;
}

}  // namespace

void put(Encoder& out, const Base& base) {
  out.id(base.stream);
  out.u64(base.index);
}
Base get_base(Decoder& in) {
  const auto stream = in.stream();
  return {stream, in.u64()};
}
void put(Encoder& out, const BucketMove& move) {
  out.u8(move.bucket.value());
  out.id(move.to);
}
BucketMove get_move(Decoder& in) {
  const base::BucketIndex bucket(in.u8());
  return {bucket, in.stream()};
}

void put(Encoder& out, const VoterSet& voters) {
  const auto put_node = [&](base::NodeId node) { out.id(node); };
  out.u64(voters.version);
  put_list(out, voters.current, put_node);
  put_list(out, voters.next, put_node);
  out.flag(voters.decided);
  put_list(out, voters.left, put_node);
}
VoterSet get_voters(Decoder& in) {
  const auto get_node = [&] { return in.node(); };
  VoterSet voters;
  voters.version = in.u64();
  voters.current = get_list(in, 1, get_node);
  voters.next = get_list(in, 1, get_node);
  voters.decided = in.flag();
  voters.left = get_list(in, 1, get_node);
  return voters;
}

void put(Encoder& out, const Allocation& allocation) {
  out.id(allocation.version);
  put(out, allocation.voters);
  out.id(allocation.settled_version);
  put(out, allocation.settled);
  put_list(out, allocation.steps, [&](const AllocationStep& step) {
    out.id(step.version);
    put_list(out, step.bases, [&](const Base& base) { put(out, base); });
    put_list(out, step.moves, [&](const BucketMove& move) { put(out, move); });
  });
}
Allocation get_allocation(Decoder& in) {
  Allocation allocation;
  allocation.version = in.version();
  allocation.voters = get_voters(in);
  allocation.settled_version = in.version();
  allocation.settled = get_owners(in);
  allocation.steps = get_list(in, kVersionBytes + 4, [&] {
    AllocationStep step;
    step.version = in.version();
    step.bases = get_list(in, kStreamBytes + 8, [&] { return get_base(in); });
    step.moves = get_list(in, 1 + kStreamBytes, [&] { return get_move(in); });
    return step;
  });
  return allocation;
}

void put(Encoder& out, const DiskLease& lease) {
  out.u64(lease.uid.value());
  out.u8(lease.bucket.value());
  out.u8(static_cast<std::uint8_t>(lease.direction));
  out.u64(lease.number);
}
DiskLease get_disk_lease(Decoder& in) {
  DiskLease lease;
  lease.uid = base::Uid(in.u64());
  lease.bucket = base::BucketIndex(in.u8());
  lease.direction = static_cast<Direction>(in.at_most(1));
  lease.number = in.u64();
  if (!is_static(lease.uid)) in.reject();
  return lease;
}

void write_record(Encoder& out, const Record& record) {
  out.u8(static_cast<std::uint8_t>(record.kind));
  out.u8(static_cast<std::uint8_t>(record.entry_kind));
  out.u8(record.bucket.value());
  out.u8(static_cast<std::uint8_t>(record.direction));
  out.u64(record.grant);
  out.u64(record.uid.value());
  for (const auto& lease : record.leases) put(out, lease);
  out.u32(0);  // reserved
  out.u32(0);
  out.u16(static_cast<std::uint16_t>(record.body.size()));
  out.bytes(record.body);
}

Record parse_record(Decoder& in) {
  Record record;
  const auto kind = in.at_most(kMaxRecordKind);
  if (kind < kMinRecordKind) in.reject();
  record.kind = static_cast<RecordKind>(kind);
  record.entry_kind = static_cast<EntryKind>(in.at_most(kMaxEntryKind));
  record.bucket = base::BucketIndex(in.u8());
  record.direction = static_cast<Direction>(in.at_most(1));
  record.grant = in.u64();
  record.uid = base::Uid(in.u64());
  for (auto& lease : record.leases) lease = get_lease(in);
  (void)in.u32();
  (void)in.u32();
  const auto length = in.count(1);
  if (length > kMaxRecordBody) in.reject();
  const auto body = in.bytes(length);
  record.body.assign(body.begin(), body.end());
  return record;
}

}  // namespace phalanx::cluster
