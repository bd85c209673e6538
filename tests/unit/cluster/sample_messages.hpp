// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <vector>

#include "phalanx/cluster/message.hpp"

namespace phalanx::cluster::test {

inline Header sample_header() {
  Header header;
  header.sender = {base::NodeId(3), base::BootCount(7)};
  header.levelled = true;
  header.generation = base::Generation(2);
  header.term = base::Term(9);
  header.voters_version = 4;
  header.send_time_ns = 0x0102030405060708;
  header.echo_ns = 0x1112131415161718;
  header.froze = {base::NodeId(1), base::BootCount(1), 2};
  header.boots = {{base::NodeId(1), base::BootCount(1)}, {base::NodeId(2), base::BootCount(5)}};
  return header;
}
inline Record sample_record(RecordKind kind) {
  Record record;
  record.kind = kind;
  record.entry_kind = EntryKind::Sa;
  record.bucket = base::BucketIndex(200);
  record.grant = 0x900000005;
  record.uid = base::Uid(0x0300070000000001);
  record.direction = Direction::Outbound;
  record.leases = {LeaseValue{100, 6}, LeaseValue{0xffffffff, 22}};
  record.body = {std::byte{1}, std::byte{2}, std::byte{3}};
  return record;
}
inline Allocation sample_allocation() {
  const StreamId one{base::NodeId(1), base::BootCount(1), 0};
  const StreamId two{base::NodeId(2), base::BootCount(5), 1};
  Allocation allocation;
  allocation.version = {base::Generation(2), base::Term(9), base::Epoch(6)};
  allocation.voters = {4,
                       {base::NodeId(1), base::NodeId(2), base::NodeId(3)},
                       {base::NodeId(4)},
                       true,
                       {base::NodeId(5)}};
  allocation.settled_version = {base::Generation(2), base::Term(9), base::Epoch(5)};
  for (std::size_t i = 0; i < allocation.settled.size(); ++i) {
    allocation.settled[i] = {i < 100 ? one : two, 0x900000001};
  }
  allocation.steps = {{allocation.version, {{one, 77}}, {{base::BucketIndex(3), two}}}};
  return allocation;
}
// One message of every type, with no field left at its default.
inline std::vector<Message> sample_messages() {
  const auto allocation = sample_allocation();
  const StreamId stream{base::NodeId(2), base::BootCount(5), 1};
  const VoterId voter{base::NodeId(2), base::BootCount(5)};
  const BootNonce nonce{std::byte{9}, std::byte{8}};
  const MachineId machine{std::byte{7}, std::byte{6}};
  const std::vector<Body> bodies = {
      Hello{base::BootCount(4), nonce, machine},
      HelloReply{HelloStatus::Refused, base::BootCount(4), base::BootCount(5), nonce,
                 allocation.version, allocation.voters},
      Heartbeat{stream, 10, 8, 9, allocation.version, allocation.settled_version,
                allocation.version, true, true, Duty::Drained, 100, 250, 4,
                Wish{WishKind::Leave, base::NodeId(2)}},
      Records{stream,
              5,
              4,
              3,
              true,
              {sample_record(RecordKind::Put), sample_record(RecordKind::Close)}},
      Acknowledge{stream, 6, 4, true, 5},
      Fetch{stream, 3},
      VoteRequest{true, base::Term(10), voter},
      VoteReply{true, true, base::Term(10), voter, {stream}, allocation.version, allocation},
      Freeze{{stream}},
      FreezeReport{{{stream, 12}}},
      Propose{allocation.settled_version, allocation},
      ProposeAck{allocation.version},
      LevelRequest{3},
      LevelReply{3,
                 true,
                 true,
                 allocation.version,
                 allocation.settled_version,
                 allocation,
                 {{stream, 8, 7, true}}},
      SnapshotRequest{base::BucketIndex(9), 2, 1000},
      SnapshotChunk{base::BucketIndex(9), 2, 1000, 1003, {std::byte{1}, std::byte{2}}},
      MoveOrder{allocation.version, MoveStep::Close, {{base::BucketIndex(4), stream}}},
      ColdRequest{base::Generation(3), allocation.version},
      ColdReply{base::Generation(3), base::Term(11), true},
      ColdFetch{base::Generation(3), 12},
      ColdLeases{base::Generation(3),
                 12,
                 13,
                 {{base::Uid(77), base::BucketIndex(9), Direction::Outbound, 4096}}},
  };
  std::vector<Message> messages;
  for (const auto& body : bodies) messages.push_back({sample_header(), body});
  return messages;
}

}  // namespace phalanx::cluster::test
