// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <memory>
#include <span>

#include "phalanx/base/result.hpp"
#include "phalanx/cluster/memory.hpp"
#include "phalanx/cluster/node_config.hpp"

namespace phalanx::cluster {

enum class CommandError : std::uint8_t {
  NotServed,   // the bucket is not ours (any more)
  Unknown,     // no such entry
  Exists,      // the uid is in use or has been deleted
  TooLong,     // the body does not fit a record
  StreamFull,  // the quorum does not keep up: try again later
};

// A whole entry and its first leases, which ride in the same record.
struct Install {
  base::Uid uid;
  base::BucketIndex bucket;
  EntryKind kind = EntryKind::Sa;
  std::array<LeaseValue, kNumDirections> leases{};
  Bytes payload;
};
struct Promise {
  base::Uid uid;
  base::BucketIndex bucket;
  Direction direction = Direction::Inbound;
  LeaseValue lease;
};
// The exact end of one direction: the highest number used, and the window (inbound) or digests of
// the packets that were noted (outbound).
struct Closing {
  base::Uid uid;
  Direction direction = Direction::Inbound;
  LeaseValue top;
  Bytes window;
};

// The cluster core of one node: membership, election, streams, allocation and leases as one state
// machine. Every call takes the time and appends what must be done to `out`, to be carried out in
// order. No clock, thread, socket or random source inside: same calls, same outputs. Owned and
// called by the control thread (a witness: by its only thread).
class Node {
 public:
  // `leases`: what the disk has of static entries.
  Node(const Config& config, const DiskState& disk, std::span<const DiskLease> leases = {});
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // At least every millisecond.
  void tick(base::TimePoint now, Outputs& out);
  // An authenticated message of `message.header.sender`.
  void receive(const Message& message, base::TimePoint now, Outputs& out);
  // A StoreLeases of this start is durable.
  void stored(std::uint64_t id, base::TimePoint now, Outputs& out);
  // Sends what the commands below wrote. Within 50 us of the first, or when a batch is full.
  void flush(base::TimePoint now, Outputs& out);

  using Status = base::Result<base::Ok, CommandError>;
  // For buckets this node serves. Effects come as events, after a quorum has the record.
  Status install(const Install& install, base::TimePoint now, Outputs& out);
  Status remove(base::Uid uid, base::BucketIndex bucket, base::TimePoint now, Outputs& out);
  // A raise counts after GateChanged. A lowering counts at once: the worker is below it already.
  Status promise(const Promise& promise, base::TimePoint now, Outputs& out);
  // After MoveWanted: all that workers send of the bucket is noted from now on. After MoveComing:
  // all that comes for it is held.
  void move_ready(base::BucketIndex bucket, base::TimePoint now, Outputs& out);
  // After CloseWanted: no worker uses the bucket any more, and this is how far they went.
  Status close_bucket(base::BucketIndex bucket, std::span<const Closing> closings,
                      base::TimePoint now, Outputs& out);

  // With the next tick everybody hears from this node, as if it were time for a heartbeat.
  void speak();
  // Share of buckets this node should get; 0: none, as if drained.
  void set_weight(std::uint32_t weight);
  // Gives all buckets to the others and takes none, unless nobody else can serve them.
  void drain(bool on);
  // Gives up all buckets, then the vote; ends with the event Left.
  void leave();
  // An operator's word that `node` will not come back: it loses its vote, and its id is free.
  void expel(base::NodeId node);
  // Measured cost of a bucket anywhere, for the master's plans.
  void set_load(base::BucketIndex bucket, std::uint32_t load);

  // Whether data ports may be open: a quorum acknowledged something we sent within the last 25 ms.
  [[nodiscard]] bool may_forward(base::TimePoint now) const;
  // Until when, if nothing else is heard. Not in the future: may not.
  [[nodiscard]] base::TimePoint forward_until(base::TimePoint now) const;
  [[nodiscard]] bool serves(base::BucketIndex bucket) const;
  [[nodiscard]] std::uint64_t usable(base::Uid uid, Direction direction) const;
  [[nodiscard]] bool levelled() const;
  [[nodiscard]] bool is_master() const;
  [[nodiscard]] VoterId self() const;
  [[nodiscard]] StreamId stream() const;
  [[nodiscard]] const Memory& memory() const;
  // Those of the newest allocation, or of the disk as long as there is none.
  [[nodiscard]] const VoterSet& voters() const;
  // Whether `node` was heard since this start, and what it said of itself last.
  [[nodiscard]] bool knows(base::NodeId node) const;
  [[nodiscard]] Heartbeat heard(base::NodeId node) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace phalanx::cluster
