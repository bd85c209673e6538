// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <bitset>
#include <map>

#include "core.hpp"
#include "phalanx/cluster/lease_keeper.hpp"

namespace phalanx::cluster {

// Our own stream and the buckets we serve: writes records, sends them, learns how far a quorum
// holds them, and tells the gateway what it may do.
class Owner {
 public:
  explicit Owner(Core& core) noexcept : core_(core) {}

  // Commands of the gateway, for buckets we serve. False: not served (any more).
  [[nodiscard]] bool serves(base::BucketIndex bucket) const noexcept {
    return serving_[bucket.value()];
  }
  void append(Record record);

  void on(const Header& from, const Acknowledge& ack);
  // The table changed: open and shut buckets.
  void refresh();
  // A new allocation, agreed or not: who takes a bucket from us that we have not closed has had our
  // stream frozen by a quorum. We count with the voters of that allocation from now on, and these
  // need not know of the freeze.
  void heed(const Allocation& allocation);
  // Our stream was frozen, by us or by others: shut all and go on with the next incarnation.
  void on_frozen();
  void flush();
  void tick();
  // Our disk has more leases.
  void on_disk() { advance_commit(); }

  [[nodiscard]] std::uint64_t commit() const;
  [[nodiscard]] const LeaseKeeper& leases() const noexcept { return leases_; }
  void start_stream();

 private:
  struct Receiver {
    base::BootCount boot;
    std::uint64_t held = 0;     // what it says
    std::uint64_t voted = 0;    // what it says as a voter
    std::uint64_t counted = 0;  // what it says as a voter, leases on its disk
    // The same, said by a voter that knew of a later voter set than we: counts when we know it.
    std::uint64_t later_version = 0;
    std::uint64_t later_voted = 0;
    std::uint64_t later_counted = 0;
    std::uint64_t applied = 0;
    std::uint64_t sent = 0;
    base::TimePoint sent_at{};
    base::TimePoint waiting_since{};  // for an acknowledgement that says more
  };
  Receiver& receiver(base::NodeId node);
  void send_to(base::NodeId node, Receiver& receiver);
  void advance_commit();
  using Held = std::vector<std::pair<std::uint64_t, base::NodeId>>;
  // The highest index that a quorum has.
  [[nodiscard]] std::uint64_t quorum_of(Held& held) const;
  void count(Receiver& to, std::uint64_t version, std::uint64_t voted, std::uint64_t counted) const;
  void confirm(std::uint64_t held);
  void on_committed(std::uint64_t from, std::uint64_t to);
  [[nodiscard]] std::uint64_t stable() const;
  void publish(const LeaseKeeper::Key& key, base::BucketIndex bucket);

  Core& core_;
  LeaseKeeper leases_;
  std::map<LeaseKeeper::Key, std::uint64_t> published_;
  std::map<base::NodeId, Receiver> receivers_;
  std::bitset<base::kNumBuckets> serving_;
  std::array<Grant, base::kNumBuckets> closed_under_{};  // the grant we closed the bucket under
  std::uint64_t confirming_ = 0;                         // voter set that has to hold, too, ...
  std::uint64_t confirm_target_ = 0;                     // ... what was agreed before it
  bool dirty_ = false;                                   // records appended since the last flush

 public:
  // Marks a bucket as closed by the gateway; refresh() does not open it under the same grant.
  void mark_closed(base::BucketIndex bucket);
};

}  // namespace phalanx::cluster
