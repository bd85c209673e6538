// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "phalanx/base/ids.hpp"
#include "phalanx/cluster/allocation.hpp"
#include "phalanx/cluster/disk_lease.hpp"
#include "phalanx/cluster/record.hpp"
#include "phalanx/cluster/types.hpp"

// What nodes say to each other, after the secure channel has opened it. Field by field in
// docs/cluster-protocol.md; bytes in message_codec.
namespace phalanx::cluster {

inline constexpr std::uint8_t kProtocolVersion = 2;

// On every message. `boots` tells which boot of each voter the sender counts: whoever reads it
// stops counting older ones first, so that quorums are made of compatible answers only (rule 6).
struct Header {
  VoterId sender;
  bool levelled = false;  // the sender's answers count as a voter's
  base::Generation generation;
  base::Term term;
  std::uint64_t voters_version = 0;
  std::uint64_t send_time_ns = 0;  // sender's clock
  std::uint64_t echo_ns = 0;       // newest send_time_ns the sender had from the receiver
  StreamId froze;                  // the receiver's stream, when the sender has frozen it
  std::vector<VoterId> boots;
  friend bool operator==(const Header&, const Header&) = default;
};

// Admission. boot 0: "which boots of mine do you know?"; otherwise: "store this one for me".
struct Hello {
  base::BootCount boot;
  BootNonce nonce{};
  MachineId machine{};
  friend bool operator==(const Hello&, const Hello&) = default;
};
enum class HelloStatus : std::uint8_t { Known = 0, Stored = 1, Refused = 2 };
struct HelloReply {
  HelloStatus status = HelloStatus::Known;
  base::BootCount asked;         // the boot of the Hello it answers
  base::BootCount highest_boot;  // durable here
  BootNonce nonce{};             // of the Hello it answers
  Version voters_at;             // the newest allocation known here, and its voters
  VoterSet voters;
  friend bool operator==(const HelloReply&, const HelloReply&) = default;
};

// What a node asks of the master; it says so in every heartbeat until it is done.
enum class WishKind : std::uint8_t { None = 0, Vote = 1, Leave = 2 };
inline constexpr std::uint8_t kMaxWishKind = 2;
struct Wish {
  WishKind kind = WishKind::None;
  base::NodeId node;  // Leave: itself, or one that an operator gave up
  friend constexpr bool operator==(const Wish&, const Wish&) noexcept = default;
};

// What a node says it is good for. A drained one serves only what nobody else can; a witness has no
// data ports and never serves.
enum class Duty : std::uint8_t { Serve = 0, Drained = 1, Witness = 2 };
inline constexpr std::uint8_t kMaxDuty = 2;

struct Heartbeat {
  StreamId stream;           // the one this node writes now
  std::uint64_t end = 0;     // its last index
  std::uint64_t commit = 0;  // and the last one a quorum holds
  std::uint64_t held = 0;    // the same, with those that wait for their disks
  Version stored;            // newest allocation stored
  Version committed;         // newest allocation known committed
  Version applied;           // newest step applied to the table
  bool master = false;       // acts as master of the header's term
  bool complete = false;     // table complete: may own buckets
  Duty duty = Duty::Serve;
  std::uint32_t weight = 0;     // share of the buckets
  std::uint32_t load = 0;       // per mille of its workers' time
  std::uint64_t confirmed = 0;  // all of its stream that is agreed, is so among these voters, too
  Wish wish;
  friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
};

struct Records {
  StreamId stream;
  std::uint64_t first = 0;   // index of records[0]
  std::uint64_t commit = 0;  // a quorum holds the stream up to here
  std::uint64_t stable = 0;  // every member has applied it: may be forgotten
  bool levelling = false;    // sent by a holder, not the origin: never acknowledged to the origin
  std::vector<Record> records;
  friend bool operator==(const Records&, const Records&) = default;
};
struct Acknowledge {
  StreamId stream;
  std::uint64_t held = 0;
  std::uint64_t applied = 0;  // to the table
  bool frozen = false;
  std::uint64_t covered = 0;  // held, and no lease is above that on the disk: counts for the quorum
  friend bool operator==(const Acknowledge&, const Acknowledge&) = default;
};
// Asks a holder for the records from `from` on.
struct Fetch {
  StreamId stream;
  std::uint64_t from = 0;
  friend bool operator==(const Fetch&, const Fetch&) = default;
};

struct VoteRequest {
  bool pre = false;  // "would you?": changes nothing
  base::Term term;
  VoterId candidate;
  friend bool operator==(const VoteRequest&, const VoteRequest&) = default;
};
struct VoteReply {
  bool pre = false;
  bool granted = false;
  base::Term term;
  VoterId candidate;
  std::vector<StreamId> frozen;
  Version committed;
  Allocation newest;
  friend bool operator==(const VoteReply&, const VoteReply&) = default;
};

struct Freeze {
  std::vector<StreamId> streams;
  friend bool operator==(const Freeze&, const Freeze&) = default;
};
struct FreezeReport {
  std::vector<Base> held;
  friend bool operator==(const FreezeReport&, const FreezeReport&) = default;
};

struct Propose {
  Version committed;
  Allocation allocation;
  friend bool operator==(const Propose&, const Propose&) = default;
};
struct ProposeAck {
  Version version;
  friend bool operator==(const ProposeAck&, const ProposeAck&) = default;
};

// Levelling of a voter without memory, and of one whose table lags too far.
struct LevelRequest {
  std::uint32_t attempt = 0;
  friend bool operator==(const LevelRequest&, const LevelRequest&) = default;
};
struct StreamSummary {
  StreamId stream;
  std::uint64_t held = 0;
  std::uint64_t applied = 0;
  bool frozen = false;
  friend bool operator==(const StreamSummary&, const StreamSummary&) = default;
};
struct LevelReply {
  std::uint32_t attempt = 0;
  bool complete = false;  // its table can be copied
  bool durable = false;   // its disk was never lost: without memory, it may begin a generation
  Version committed;
  Version applied;
  Allocation newest;
  std::vector<StreamSummary> streams;
  friend bool operator==(const LevelReply&, const LevelReply&) = default;
};
struct SnapshotRequest {
  base::BucketIndex bucket;
  std::uint32_t snapshot = 0;  // 0: make one
  std::uint32_t offset = 0;
  friend bool operator==(const SnapshotRequest&, const SnapshotRequest&) = default;
};
struct SnapshotChunk {
  base::BucketIndex bucket;
  std::uint32_t snapshot = 0;
  std::uint32_t offset = 0;
  std::uint32_t total = 0;
  Bytes bytes;
  friend bool operator==(const SnapshotChunk&, const SnapshotChunk&) = default;
};

// These buckets are about to move. Master to old owner, old to new, new to old.
enum class MoveStep : std::uint8_t { Note = 0, Hold = 1, Close = 2 };
inline constexpr std::uint8_t kMaxMoveStep = 2;
struct MoveOrder {
  Version version;  // the committed allocation it starts from
  MoveStep step = MoveStep::Note;
  std::vector<BucketMove> moves;
  friend bool operator==(const MoveOrder&, const MoveOrder&) = default;
};

// Cold start: a majority without memory may begin a new generation.
struct ColdRequest {
  base::Generation generation;
  Version voters_at;  // of the voter set it counts
  friend bool operator==(const ColdRequest&, const ColdRequest&) = default;
};
struct ColdReply {
  base::Generation generation;
  base::Term term;
  bool granted = false;
  friend bool operator==(const ColdReply&, const ColdReply&) = default;
};

// The disk leases behind a cold start, in parts: the one that asks fetches those of each voter that
// granted it, and then these fetch the highest of all from it.
struct ColdFetch {
  base::Generation generation;
  std::uint32_t offset = 0;  // leases that are there already
  friend bool operator==(const ColdFetch&, const ColdFetch&) = default;
};
struct ColdLeases {
  base::Generation generation;
  std::uint32_t offset = 0;
  std::uint32_t total = 0;
  std::vector<DiskLease> leases;
  friend bool operator==(const ColdLeases&, const ColdLeases&) = default;
};

using Body = std::variant<Hello, HelloReply, Heartbeat, Records, Acknowledge, Fetch, VoteRequest,
                          VoteReply, Freeze, FreezeReport, Propose, ProposeAck, LevelRequest,
                          LevelReply, SnapshotRequest, SnapshotChunk, MoveOrder, ColdRequest,
                          ColdReply, ColdFetch, ColdLeases>;
struct Message {
  Header header;
  Body body;
  friend bool operator==(const Message&, const Message&) = default;
};

}  // namespace phalanx::cluster
