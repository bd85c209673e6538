// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/base/ids.hpp"
#include "phalanx/control/host_counters.hpp"
#include "phalanx/control/slow_path_io.hpp"
#include "phalanx/net/address.hpp"

namespace phalanx::control {

struct NeighborKey {
  base::PortIndex port;
  net::IpAddress address;
  friend auto operator<=>(const NeighborKey&, const NeighborKey&) noexcept = default;
};

// RFC 4861 7.3.2, for ARP as well. Ours are Failed: a gateway that did not answer and is asked
// again after a pause, while packets to it are dropped; and Static: configured, neither asked nor
// aged.
enum class NeighborState : std::uint8_t {
  Incomplete,
  Reachable,
  Stale,
  Delay,
  Probe,
  Failed,
  Static
};
inline constexpr std::size_t kNumNeighborStates = 7;
[[nodiscard]] const char* to_string(NeighborState state) noexcept;

struct NeighborLimits {
  std::uint32_t entries = 1024;       // all neighbors, gateways included
  std::uint32_t queue = 16;           // packets waiting for one neighbor
  std::uint32_t held_packets = 1024;  // packets waiting in all
};

// One row of `show neighbors`.
struct NeighborInfo {
  NeighborKey key;
  dataplane::AdjacencyIndex adjacency;
  NeighborState state = NeighborState::Incomplete;
  bool permanent = false;  // a configured gateway or neighbor
  std::optional<net::MacAddress> mac;
  std::uint32_t held = 0;
  base::Duration age{};  // since the last sign of life, or since the entry was made
};

// What the table asks of its owner.
class NeighborOutput {
 public:
  virtual ~NeighborOutput() = default;
  // Send an ARP request or neighbor solicitation: to `unicast_to`, or to everybody when null.
  virtual void on_solicit(const NeighborKey& key, const net::MacAddress* unicast_to) noexcept = 0;
  // The held packet will be dropped after this call because its next hop does not answer.
  virtual void on_unreachable(void* handle, base::TimePoint now) noexcept = 0;
  // A known neighbor answers from another MAC now.
  virtual void on_moved(const NeighborKey& key, const net::MacAddress& from,
                        const net::MacAddress& to, base::TimePoint now) noexcept = 0;
  // A gateway has stopped answering, or is reachable again (also for the first time).
  virtual void on_gateway(const NeighborKey& key, bool reachable) noexcept = 0;
};

// What a message from a neighbor says about it. Seen in a request or solicitation of its own: not
// solicited, overriding.
struct NeighborNews {
  std::optional<net::MacAddress> mac;  // link-layer address option; absent: only a confirmation
  bool solicited = false;              // RFC 4861 4.4 S: answers our solicitation
  bool override_cache = true;          // O: may replace a cached address
};

// (port, address) -> MAC, with neighbor unreachability detection and the packets that wait for an
// answer. Bounded in entries and packets; traffic can never displace a gateway or a neighbor that
// is in use. Control thread only; time is handed in.
//
//                packet, add_gateway
//                        |            3 x no answer
//                   Incomplete -------------------------> removed; gateway: Failed, asked again
//      solicited answer |  | learnt otherwise             ^         after 1, 2, 4, 5, 5... s
//                       v  v                              |
//   +-----------> Reachable   Stale <-- other MAC heard   | removed; gateway: Incomplete
//   |                 |        ^ |                        |
//   |    30 s +-50 %  +--------+ | a worker used it       | 3 x no answer
//   |                            v            5 s         |
//   +--- solicited answer ---- Delay ----------------> Probe
class NeighborTable {
 public:
  NeighborTable(const NeighborLimits& limits, SlowPathIo& io, NeighborOutput& output,
                HostCounters& counters, std::uint64_t seed);
  ~NeighborTable();
  NeighborTable(const NeighborTable&) = delete;
  NeighborTable& operator=(const NeighborTable&) = delete;

  // Makes a permanent entry before traffic starts, and asks for its MAC. Same key, same row.
  // nullopt: the table is full or the address is not one of a neighbor.
  [[nodiscard]] std::optional<dataplane::AdjacencyIndex> add_gateway(const NeighborKey& key,
                                                                     base::TimePoint now);

  // Makes a permanent entry whose MAC is configured. nullopt: as above, or a group MAC.
  [[nodiscard]] std::optional<dataplane::AdjacencyIndex> add_static(const NeighborKey& key,
                                                                    const net::MacAddress& mac);

  // Takes the packet: it is sent, kept, or dropped.
  void hold(const NeighborKey& key, void* handle, base::TimePoint now);

  // Updates an entry that exists; RFC 4861 7.2.5 and 7.2.3. False: there is none.
  bool update(const NeighborKey& key, const NeighborNews& news, base::TimePoint now);
  // The same, but makes an entry when there is none and the table has room: who asks for us will
  // be sent an answer (RFC 826, RFC 4861 7.2.3).
  void learn(const NeighborKey& key, const net::MacAddress& mac, base::TimePoint now);

  void tick(base::TimePoint now);
  // When tick has work to do; TimePoint::max() when never.
  [[nodiscard]] base::TimePoint next_deadline() const noexcept;

  // Drops every held packet (HeldDrop::Shutdown).
  void drop_all_held();

  [[nodiscard]] std::optional<net::MacAddress> lookup_mac(const NeighborKey& key) const;
  [[nodiscard]] std::vector<NeighborInfo> list(base::TimePoint now) const;
  [[nodiscard]] std::size_t size() const noexcept { return by_key_.size(); }
  [[nodiscard]] std::size_t held() const noexcept { return held_; }

 private:
  using Row = std::uint32_t;
  struct Entry {
    NeighborKey key;
    net::MacAddress mac;
    NeighborState state = NeighborState::Incomplete;
    bool permanent = false;      // configured: never removed
    bool up = false;             // what on_gateway said last
    std::uint8_t attempts = 0;   // solicitations sent in this state
    base::TimePoint deadline{};  // of the state; its place in timers_
    base::TimePoint heard{};     // last sign of life, or creation
    base::TimePoint used{};      // when it was last known to be in use; its place in stale_
    std::vector<void*> queue;    // oldest first

    // Whether packets can be sent: the row is published then, and only then.
    [[nodiscard]] bool resolved() const noexcept {
      return state != NeighborState::Incomplete && state != NeighborState::Failed;
    }
    // Whether it counts against the share of unanswered entries.
    [[nodiscard]] bool unanswered() const noexcept { return !permanent && !resolved(); }
  };

  [[nodiscard]] Entry* find(const NeighborKey& key) noexcept;
  [[nodiscard]] Row row_of(const Entry& entry) const noexcept;
  [[nodiscard]] Entry* make_entry(const NeighborKey& key, base::TimePoint now);
  [[nodiscard]] bool evict_stale(base::TimePoint now);
  void remove(Entry& entry);
  void enter(Entry& entry, NeighborState state, base::TimePoint deadline,
             std::optional<base::TimePoint> used = std::nullopt);
  void enter_stale(Entry& entry, base::TimePoint now);
  void enter_reachable(Entry& entry, base::TimePoint now);
  void start_resolving(Entry& entry, base::TimePoint now);
  // False: the row could not be published; the entry is as it was, and its timers ask again.
  [[nodiscard]] bool set_mac(Entry& entry, const net::MacAddress& mac, base::TimePoint now);
  void solicit(Entry& entry, base::TimePoint next);
  void on_deadline(Entry& entry, base::TimePoint now);
  void on_stale_poll(Entry& entry, base::TimePoint now);
  void give_up(Entry& entry, base::TimePoint now);
  void send_queue(Entry& entry);
  void drop_queue(Entry& entry, HeldDrop reason);
  void drop(void* handle, HeldDrop reason);

  const NeighborLimits limits_;
  SlowPathIo& io_;
  NeighborOutput& output_;
  HostCounters& counters_;
  std::mt19937_64 random_;
  std::vector<Entry> rows_;    // never reallocated; adjacency index = position
  std::deque<Row> free_rows_;  // longest free first: a worker may still remember a row for a moment
  std::map<NeighborKey, Row> by_key_;                 // a tree: nobody can aim at a bad hash
  std::set<std::pair<base::TimePoint, Row>> timers_;  // every entry that is not Static
  std::set<std::pair<base::TimePoint, Row>> stale_;   // what may be evicted, longest unused first
  std::size_t unanswered_ = 0;
  std::size_t held_ = 0;
};

}  // namespace phalanx::control
