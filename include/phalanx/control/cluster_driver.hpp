// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/cluster/node.hpp"
#include "phalanx/cluster/secure_channel.hpp"
#include "phalanx/control/cluster_config.hpp"
#include "phalanx/control/cluster_roster.hpp"
#include "phalanx/control/datagram_port.hpp"
#include "phalanx/control/event_journal.hpp"
#include "phalanx/control/state_dir.hpp"
#include "phalanx/control/token_bucket.hpp"

namespace phalanx::control {

// What the driver has seen of one other member.
struct MemberCounters {
  std::uint64_t sent = 0;        // messages
  std::uint64_t sent_bytes = 0;  // of datagrams
  std::uint64_t received = 0;    // authentic messages
  std::uint64_t received_bytes = 0;
  std::uint64_t handshakes = 0;  // inits and accepts that were taken
  std::uint64_t not_sent = 0;    // no session yet
};
struct MemberStatus {
  base::NodeId id;
  MemberCounters counters;
  bool session = false;
  bool alive = false;        // heard within the time after which it is suspected
  std::string way;           // by which it is heard
  base::Duration silence{};  // since its newest authentic message
};

struct DriverStats {
  // Datagrams refused, by reason.
  std::uint64_t malformed = 0;
  std::uint64_t stranger = 0;  // of no member, or for another one
  std::uint64_t no_session = 0;
  std::uint64_t forged = 0;
  std::uint64_t replayed = 0;
  std::uint64_t copies = 0;              // by a spare way, of what had come already
  std::uint64_t bad_message = 0;         // authentic, but of another version or wrong
  std::uint64_t handshakes_refused = 0;  // too many at once
  // The loop that has to be on time.
  std::uint64_t late_rounds = 0;  // more than a heartbeat after the one before
  base::Duration latest{};
  std::uint64_t persisted = 0;
  std::uint64_t lease_writes = 0;  // batches of leases that the disk has
  bool failed = false;             // the disk refused: this node does nothing any more
};

// Runs the cluster core: with the real time, over a DatagramPort, with its state on disk. One
// secure channel for each other member; the lower id initiates. Control thread (a witness: its only
// thread).
class ClusterDriver {
 public:
  struct Hooks {
    std::function<bool(const cluster::DiskState&)> persist;  // durable when it returns true
    std::function<bool(const cluster::StoreLeases&)> store;  // durable if it has to wait
    // Appends the ids of leases that have become durable; false: the disk refuses.
    std::function<bool(std::vector<std::uint64_t>&)> take_stored;
    std::function<void(const cluster::Event&, base::TimePoint)> event;
    std::function<void(std::span<std::byte>)> random;  // unpredictable bytes
    // The same for what operators said; it is told to others all the same when it is not durable.
    std::function<bool(const RosterEntries&)> keep_roster;
    // Before the core takes a message: what must be durable before it is acknowledged.
    std::function<void(const cluster::Message&)> before_receive;
  };

  // `roster`: what the disk says that operators said.
  ClusterDriver(const ClusterConfig& config, const cluster::Config& core,
                const cluster::DiskState& disk, std::span<const cluster::DiskLease> leases,
                const RosterEntries& roster, DatagramPort& port, cluster::ChannelCrypto& crypto,
                Hooks hooks, base::TimePoint now);

  // One round; how many datagrams it found. At least every millisecond.
  unsigned poll(base::TimePoint now);

  // A command of the gateway, at the time of this round. Its outputs are carried out by flush(), or
  // at the end of the event that led to it.
  using Command =
      std::function<cluster::Node::Status(cluster::Node&, base::TimePoint, cluster::Outputs&)>;
  cluster::Node::Status command(const Command& run);
  // Sends what commands have written.
  void flush(base::TimePoint now);

  // Operators' words about any member, told to any member: all others hear of them. Errors are
  // sentences for the operator.
  using Told = Roster::Said;
  [[nodiscard]] Told join(const ClusterMember& member);
  [[nodiscard]] Told leave(base::NodeId id);
  [[nodiscard]] Told expel(base::NodeId id);
  [[nodiscard]] Told set_weight(base::NodeId id, std::uint32_t weight);
  [[nodiscard]] Told set_drained(base::NodeId id, bool drained);
  [[nodiscard]] const Roster& roster() const noexcept { return roster_; }
  // As the member says itself; of one that was not heard nothing.
  struct Share {
    std::uint32_t weight = 0;
    cluster::Duty duty = cluster::Duty::Serve;
  };
  [[nodiscard]] Share share_of(base::NodeId id) const;
  // Before the end: this node gives its buckets to the others, whatever operators said.
  void hand_over();

  [[nodiscard]] const cluster::Node& node() const noexcept { return node_; }
  // Of the gateway, too.
  [[nodiscard]] EventJournal& events() noexcept { return events_; }
  [[nodiscard]] const EventJournal& events() const noexcept { return events_; }
  [[nodiscard]] cluster::Node& node() noexcept { return node_; }
  [[nodiscard]] const DriverStats& stats() const noexcept { return stats_; }
  [[nodiscard]] std::vector<MemberStatus> members(base::TimePoint now) const;
  [[nodiscard]] base::Duration suspect_after() const noexcept {
    return config_.heartbeat_interval * kSuspectHeartbeats;
  }

 private:
  static constexpr std::int64_t kSuspectHeartbeats = 3;
  struct Member {
    explicit Member(cluster::ChannelConfig channel_config, cluster::ChannelCrypto& crypto)
        : channel(std::move(channel_config), crypto) {}
    cluster::SecureChannel channel;
    MemberCounters counters;
    base::TimePoint heard{};
    base::TimePoint next_init{};
    bool alive = false;
    std::string way = "cluster";     // by which it is heard
    TokenBucket handshakes{50, 10};  // X25519 costs some 100 us
  };

  void begin_channel(base::NodeId id);
  void watch_loop(base::TimePoint now);
  void take(const ReceivedDatagram& datagram, base::TimePoint now);
  void refuse(cluster::ChannelError error, bool spare);
  void watch_way(base::NodeId id, Member& member, base::TimePoint now);
  void initiate(base::TimePoint now);
  void watch_members(base::TimePoint now);
  void execute(base::TimePoint now);
  void send(const cluster::Send& output);
  [[nodiscard]] bool persist(const cluster::Persist& output);
  [[nodiscard]] bool store(const cluster::StoreLeases& output);
  void take_stored(base::TimePoint now);
  void fail(const char* why);
  [[nodiscard]] cluster::Key32 fresh_key();
  void send_sealed(base::NodeId to, Member& member, std::span<const std::byte> message);
  [[nodiscard]] Told say(const std::function<Told(Roster&)>& change);
  void take_roster(std::span<const std::byte> bytes);
  void apply_roster();
  void tell_roster();
  void step_roster(base::TimePoint now);
  [[nodiscard]] bool is_gone(base::NodeId id) const;
  [[nodiscard]] base::Duration settling_time() const;
  [[nodiscard]] std::string name_of(base::NodeId id) const;

  const ClusterConfig& config_;
  const std::uint32_t own_weight_;  // of the config
  const base::NodeId self_;
  DatagramPort& port_;
  cluster::ChannelCrypto& crypto_;
  Hooks hooks_;
  EventJournal events_{"cluster"};
  cluster::Node node_;
  Roster roster_;
  bool handing_over_ = false;
  base::TimePoint next_telling_{};  // of the roster
  base::TimePoint all_heard_at_;    // since when nobody new has come who may know a later word
  std::map<base::NodeId, Member> members_;  // the others whom we talk to
  cluster::Outputs outputs_;
  std::vector<std::uint64_t> stored_;
  bool dirty_ = false;  // a command wrote records since the last flush
  base::TimePoint last_round_;
  base::TimePoint next_tick_;
  base::TimePoint late_until_{};  // nobody is called lost before
  DriverStats stats_;
};

}  // namespace phalanx::control
