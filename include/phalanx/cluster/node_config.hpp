// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <variant>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/cluster/allocation.hpp"
#include "phalanx/cluster/disk_lease.hpp"
#include "phalanx/cluster/message.hpp"
#include "phalanx/cluster/types.hpp"

namespace phalanx::cluster {

struct Config {
  base::NodeId id{1};
  std::uint32_t weight = 100;  // share of the buckets; 0: as if drained
  Duty duty = Duty::Serve;
  MachineId machine{};
  BootNonce nonce{};                  // fresh random bytes for this start of the process
  bool vote = true;                   // becomes a voter if it is none
  std::vector<base::NodeId> seeds{};  // whom to ask besides the voters on disk

  // All timers are multiples of this one.
  base::Duration heartbeat_interval = std::chrono::milliseconds(10);
  base::Duration resend_after = std::chrono::milliseconds(2);
  base::Duration fence_after = std::chrono::milliseconds(25);
  std::uint32_t suspect_heartbeats = 3;
  std::size_t stream_log_bytes = std::size_t{64} << 20;
  std::size_t batch_bytes = 1200;
  std::size_t window_bytes = 256 * 1024;  // sent and not acknowledged, per receiver
  std::size_t snapshot_bytes = 8192;      // of one chunk
  std::uint32_t hysteresis_percent = 10;
  std::uint32_t max_steps = 32;    // kept in an allocation for members that lag
  std::size_t buckets_moving = 8;  // planned moves at the same time

  [[nodiscard]] base::Duration suspect_after() const noexcept {
    return heartbeat_interval * static_cast<std::int64_t>(suspect_heartbeats);
  }
};

// Which boot of a node a voter has stored, and whose it is.
struct BootRecord {
  base::BootCount boot;
  BootNonce nonce{};
  MachineId machine{};
  friend bool operator==(const BootRecord&, const BootRecord&) = default;
};

// What a voter keeps on disk. Everything else is memory, on purpose.
struct DiskState {
  bool fresh = false;  // state was lost or never existed: our own word about boots counts nothing
  base::BootCount boot;
  base::Generation generation;
  base::Term term;
  VoterSet voters;
  Version voters_at;  // the allocation that brought them
  std::map<base::NodeId, BootRecord> boots;
  friend bool operator==(const DiskState&, const DiskState&) = default;
};

enum class EventKind : std::uint8_t {
  Admitted,        // our boot is stored by a quorum: keys may be used from now on
  Levelled,        // we count as a voter
  Superseded,      // a newer boot or generation exists: stop, start again as a new boot
  BootRefused,     // another machine or nonce has this node id
  MasterChanged,   // node
  BucketOpened,    // bucket: serve it; its entries are in the table
  BucketShut,      // bucket: stop at once, it was taken away
  MoveWanted,      // bucket, node: it will go there. Note what is sent, then call move_ready
  MoveComing,      // bucket: it will be ours soon. Hold its packets, then call move_ready
  CloseWanted,     // bucket, node: stop, then call close_bucket
  EntryInstalled,  // uid, bucket: a quorum has it
  GateChanged,     // uid, direction, limit
  StreamFrozen,    // all our buckets are shut
  ColdStarted,
  VotersChanged,  // see memory().newest.voters
  Left,           // as asked: no bucket, no vote; stop
};
struct Event {
  explicit Event(EventKind what) noexcept : kind(what) {}
  Event(EventKind what, base::NodeId who) noexcept : kind(what), node(who) {}
  Event(EventKind what, base::BucketIndex where) noexcept : kind(what), bucket(where) {}

  EventKind kind;
  base::NodeId node;
  base::BucketIndex bucket;
  base::Uid uid;
  Direction direction = Direction::Inbound;
  std::uint64_t limit = 0;
};

struct Send {
  base::NodeId to;
  Message message;
};
// Must be durable before any output behind it is carried out.
struct Persist {
  DiskState state;
};
// Leases for the disk, over what it has of the same entries and directions. `wait`: this and all
// before must be durable before any output behind it is carried out. Else Node::stored(id) is to be
// called when it is.
struct StoreLeases {
  std::uint64_t id = 0;
  bool wait = false;
  std::vector<DiskLease> leases;
};
// In the order in which they are to be carried out.
using Output = std::variant<Send, Persist, StoreLeases, Event>;
using Outputs = std::vector<Output>;

}  // namespace phalanx::cluster
