// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/base/ids.hpp"
#include "phalanx/cluster/lease_record.hpp"

namespace phalanx::cluster {

// What the SA has used so far, read without stopping its worker.
struct LeaseUse {
  std::uint64_t number = 0;   // highest one sent, or accepted into the window (held ones included)
  std::uint64_t packets = 0;  // how many: numbers may jump, and only packets are traffic
};

// How far ahead a lease promises.
struct LeaseSize {
  base::Duration horizon;     // of traffic at the SA's own rate
  std::uint64_t minimum = 1;  // whatever the rate, at least 1
  std::uint64_t maximum = 1;
};

struct LeaseBookConfig {
  // A crash makes the peer's next numbers up to the lease unusable, so it is short. 1 ahead rather
  // than none, as a disk may take longer than a packet can be held.
  LeaseSize inbound{std::chrono::seconds(1), 1, std::uint64_t{1} << 20};
  // A gap in what we send costs nothing.
  LeaseSize outbound{std::chrono::seconds(1), 1024, std::uint64_t{1} << 22};
};

// Position of a lease in its book.
using LeaseIndex = base::StrongId<struct LeaseIndexTag, std::uint32_t>;

// What the owner of the book has to do, in this order: publish, then start waiting for quiescence
// and hand the records to the storage.
struct LeaseActions {
  struct Publish {
    LeaseIndex lease;
    std::uint64_t limit = 0;
    std::uint64_t raise_at = 0;
  };
  struct Quiesce {
    LeaseIndex lease;
    std::uint32_t round = 0;  // to be handed back
  };
  struct Store {
    LeaseIndex lease;
    LeaseRecord record;
    bool urgent = false;  // packets wait, or soon will
  };
  std::vector<Publish> publish;
  std::vector<Quiesce> quiesce;
  std::vector<Store> store;

  void clear() noexcept {
    publish.clear();
    quiesce.clear();
    store.clear();
  }
};

struct LeaseBookStats {
  std::uint64_t raises = 0;    // records that promised more
  std::uint64_t lowers = 0;    // records that promised less
  std::uint64_t restores = 0;  // lowerings given up because the SA woke up
  std::uint64_t failures = 0;  // records that could not be stored
};

// Decides how far each SA promises ahead (P2, P3; docs/abi.md, "Number leases"). Pure: no clock, no
// I/O, no thread; the same calls give the same actions. Whoever stores the records (a disk, the
// voters of a cluster) takes at most one of a lease at a time, in order.
//
// The rule that all of it serves: at any moment, whatever record of a lease the storage would give
// back after a crash, no number above it has been used. So
//   - raise: store, then publish;
//   - lower: publish, wait until no worker can have the old limit in hand, look again, then store;
//   - a record whose fate is unknown counts with the value that is worse for us.
//
//            due            stored, failed
//   Idle ------------> Storing ------------> Idle
//    |  too large                 quiescent, SA still below
//    +------------> Lowering ------------------------------> Storing
//                      |  due, or SA passed the lower limit
//                      +-----------------------------------> Idle, old limit published again
//   any -- close --> Storing --> Closed
class LeaseBook {
 public:
  explicit LeaseBook(const LeaseBookConfig& config = {}) noexcept : config_(config) {}

  // `stored` is the lease that storage holds now (0: none yet): every number up to it may have been
  // used. `highest` is the last number the SA can have: 2^32 - 1 without ESN. Asks for the first
  // record; until on_stored() the limit is `stored`.
  LeaseIndex add(const LeaseKey& key, std::uint64_t stored, std::uint64_t highest,
                 base::TimePoint now, LeaseActions& actions);

  // The storage is a cluster's and gave the SA to us: used up to `used`, and up to `granted` may be
  // used now. Ends with suspend(), when it is taken away; what was being stored then is forgotten.
  void resume(LeaseIndex lease, std::uint64_t used, std::uint64_t granted, base::TimePoint now,
              LeaseActions& actions);
  void suspend(LeaseIndex lease) noexcept;

  // A look at an SA, often enough to notice that it has become quiet: four times in a horizon.
  void observe(LeaseIndex lease, base::TimePoint now, const LeaseUse& use, LeaseActions& actions);
  // The SA's worker met the raise mark, or a packet beyond the limit.
  void on_raise_request(LeaseIndex lease, base::TimePoint now, const LeaseUse& use,
                        LeaseActions& actions);
  // Every worker has been quiescent since the Publish that came with this Quiesce; `use` was read
  // after that.
  void on_quiescent(LeaseIndex lease, std::uint32_t round, base::TimePoint now, const LeaseUse& use,
                    LeaseActions& actions);
  // Fate of the record of the last Store. Failed: it may or may not be what a restart finds.
  void on_stored(LeaseIndex lease, base::TimePoint now, const LeaseUse& use, LeaseActions& actions);
  void on_failed(LeaseIndex lease) noexcept;
  // The SA is at rest for good: sets its lease to exactly what was used, when the record that is on
  // its way has been stored. Once.
  void close(LeaseIndex lease, const LeaseUse& use, LeaseActions& actions);

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] bool storing(LeaseIndex lease) const noexcept;
  [[nodiscard]] LeaseActions::Publish published(LeaseIndex lease) const noexcept;
  [[nodiscard]] const LeaseKey& key(LeaseIndex lease) const noexcept;
  [[nodiscard]] const LeaseBookStats& stats() const noexcept { return stats_; }

 private:
  enum class State : std::uint8_t { Idle, Lowering, Storing, Closed };
  struct Mark {
    base::TimePoint at;
    std::uint64_t packets = 0;
  };
  struct Entry {
    LeaseKey key;
    std::uint64_t highest = 0;
    std::uint64_t used = 0;
    std::uint64_t packets = 0;
    std::uint64_t low = 0;     // least that storage can hold now: what may be published
    std::uint64_t high = 0;    // most that storage can hold now: what a crash would cost
    std::uint64_t target = 0;  // number of the record being stored
    std::uint64_t limit = 0;   // as published
    std::uint64_t raise_at = 0;
    Mark older;  // two looks back in time, from which the rate is taken
    Mark newer;
    std::uint32_t round = 0;
    State state = State::Idle;
    bool asked = false;    // a request came while Storing
    bool closing = false;  // close() was called
  };

  [[nodiscard]] const LeaseSize& size_of(const Entry& entry) const noexcept;
  [[nodiscard]] std::uint64_t recent_packets(const Entry& entry,
                                             base::TimePoint now) const noexcept;
  [[nodiscard]] std::uint64_t ahead_wanted(const Entry& entry, base::TimePoint now) const noexcept;
  [[nodiscard]] bool too_large(const Entry& entry, base::TimePoint now) const noexcept;
  void note(Entry& entry, base::TimePoint now, const LeaseUse& use) const noexcept;
  void act(LeaseIndex lease, base::TimePoint now, bool asked, LeaseActions& actions);
  void raise(LeaseIndex lease, base::TimePoint now, LeaseActions& actions);
  void lower(LeaseIndex lease, base::TimePoint now, LeaseActions& actions);
  void restore(LeaseIndex lease, base::TimePoint now, LeaseActions& actions);
  void finish(LeaseIndex lease, LeaseActions& actions);
  void publish(LeaseIndex lease, std::uint64_t limit, LeaseActions& actions);
  void store(LeaseIndex lease, std::uint64_t number, bool urgent, LeaseActions& actions);
  [[nodiscard]] Entry& at(LeaseIndex lease) noexcept { return entries_[lease.value()]; }
  [[nodiscard]] const Entry& at(LeaseIndex lease) const noexcept { return entries_[lease.value()]; }

  LeaseBookConfig config_;
  LeaseBookStats stats_;
  std::vector<Entry> entries_;
};

}  // namespace phalanx::cluster
