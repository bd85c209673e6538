// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <deque>
#include <map>
#include <set>
#include <vector>

#include "checker.hpp"
#include "phalanx/ipsec/replay_window.hpp"
#include "random.hpp"

namespace phalanx::simulation {

// The data path of one node by number only: real replay windows and leases, no bytes. It does with
// the core what the control thread and the workers will do.
class Gateway {
 public:
  struct Counters {
    std::uint64_t delivered = 0;
    std::uint64_t sent = 0;
    std::uint64_t held = 0;
    std::uint64_t released = 0;
    std::uint64_t expired = 0;
    std::uint64_t refused = 0;
    std::uint64_t forged = 0;
    std::uint64_t raises = 0;
    std::uint64_t lowerings = 0;
    std::uint64_t closed = 0;
    std::uint64_t opened = 0;
    base::Duration longest_wait{};  // of a packet that was held
  };
  Gateway(Node& node, Checker& checker, Counters& counters) noexcept
      : node_(node), checker_(checker), counters_(counters) {}

  void on(const Event& event, base::TimePoint now);
  // An ESP packet with this number arrived; `genuine` is what the ICV would say.
  void inbound(base::Uid uid, base::BucketIndex bucket, std::uint64_t number, bool genuine,
               base::TimePoint now, Outputs& out);
  // A clear packet that belongs into this SA.
  void outbound(base::Uid uid, base::BucketIndex bucket, std::uint64_t packet, base::TimePoint now,
                Outputs& out);
  // What the core waits for since its last events.
  void answer(base::TimePoint now, Outputs& out);
  // Closes buckets that were asked for, gives up on old held packets, lowers idle leases.
  void tick(base::TimePoint now, Outputs& out, Random& random);

  // Before its tombstone is written: no packet uses it any more.
  void forget(base::Uid uid) { sas_.erase(uid); }

  [[nodiscard]] bool serves(base::Uid uid) const { return sas_.contains(uid); }

 private:
  struct Way {
    std::uint64_t limit = 0;  // what the workers were told
    std::uint64_t asked = 0;  // newest promise we wrote
    std::uint8_t size_log2 = 5;
  };
  struct Sa {
    base::BucketIndex bucket;
    Grant grant = 0;
    ipsec::ReplayWindow window;
    std::uint64_t next = 1;
    std::deque<std::uint64_t>
        sent;  // digests of clear packets noted before a move, against doubles
    std::array<Way, kNumDirections> ways;
  };
  struct Held {
    base::Uid uid;
    base::BucketIndex bucket;
    std::uint64_t number = 0;  // Outbound: which packet
    Direction direction = Direction::Inbound;
    base::TimePoint since{};
  };
  void open(base::BucketIndex bucket);
  void open_entry(base::BucketIndex bucket, base::Uid uid, const Entry& entry);
  void shut(base::BucketIndex bucket);
  void note(base::BucketIndex bucket, base::TimePoint now);
  void close(base::BucketIndex bucket, base::TimePoint now, Outputs& out);
  void raise(base::Uid uid, Sa& sa, Direction direction, std::uint64_t top, base::TimePoint now,
             Outputs& out);
  void hold(const Held& held);
  // One packet that came in, or one that was held. False: held (again).
  [[nodiscard]] bool pass(const Held& packet, bool was_held, base::TimePoint now, Outputs& out);
  [[nodiscard]] bool waits(const Held& packet) const;
  void send(base::Uid uid, Sa& sa, std::uint64_t packet);
  void deliver(base::Uid uid, Sa& sa, std::uint64_t number);
  void release(base::TimePoint now, Outputs& out);

  Node& node_;
  Checker& checker_;
  Counters& counters_;
  std::map<base::Uid, Sa> sas_;
  std::map<SaKey, std::uint64_t> limits_;
  std::map<base::BucketIndex, base::TimePoint> closing_;
  std::map<base::BucketIndex, base::TimePoint> coming_;
  std::map<base::BucketIndex, base::TimePoint> noting_;
  std::vector<base::BucketIndex> ready_;
  std::deque<Held> held_;
  bool release_due_ = false;
};

}  // namespace phalanx::simulation
