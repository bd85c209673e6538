// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "checker.hpp"
#include "gateway.hpp"
#include "random.hpp"

namespace phalanx::simulation {

// What a run may do to the cluster. Drawn from the seed; the shrinker switches parts off.
struct Plan {
  std::uint64_t seed = 1;
  unsigned nodes = 3;
  unsigned witnesses = 0;
  base::Duration length = std::chrono::milliseconds(900);
  double loss = 0;
  double duplication = 0;
  base::Duration delay = std::chrono::microseconds(50);
  base::Duration jitter = std::chrono::microseconds(100);
  double spike = 0;  // a message is late by milliseconds
  double ghost = 0;  // a copy of a message arrives after tens of milliseconds
  unsigned crashes = 0;
  unsigned partitions = 0;
  unsigned stalls = 0;
  unsigned drains = 0;
  unsigned joins = 0;   // nodes that come to the cluster while it runs
  unsigned leaves = 0;  // nodes that go, and come back later
  unsigned expels = 0;  // nodes that another one is told to give up
  unsigned power_losses = 0;
  unsigned disk_losses = 0;
  unsigned slow_nodes = 0;       // everything reaches one node late for a while
  unsigned record_losses = 0;    // one node's records are lost, its heartbeats are not
  double crash_in_step = 0;      // a crash comes between two outputs of one step
  double crash_in_election = 0;  // a candidate stops while it asks for votes
  double clone = 0;              // a node starts twice at once, one of them with a new disk
  bool quick_restarts = false;   // a crashed process is back within milliseconds
  double clock_error = 0;        // clocks run fast or slow by up to this
  bool encode = false;           // every message goes through the codec
  unsigned sas = 6;
  bool planned = false;  // nothing but planned changes: no packet may be lost, doubled or late
  base::Duration tick = std::chrono::milliseconds(2);
  base::Duration traffic_every = std::chrono::milliseconds(2);
  base::Duration skew = std::chrono::microseconds(300);  // between copies of a packet
  unsigned fixed_sas = 1;       // of `sas`: static ones, which outlive a generation
  bool slow_disks = false;      // writes take tens of milliseconds
  std::uint32_t max_steps = 6;  // small: who misses a few allocations needs a snapshot
  bool scripted = false;        // nothing happens by itself, and planned moves are not worth a line
};
// Seeds from here on are storms.
inline constexpr std::uint64_t kFirstStorm = std::uint64_t{1} << 32;
// And from here on there are planned changes only.
inline constexpr std::uint64_t kFirstPlanned = std::uint64_t{1} << 33;
[[nodiscard]] Plan draw_plan(std::uint64_t seed);
[[nodiscard]] std::string describe(const Plan& plan);

struct Report {
  std::optional<Checker::Violation> violation;
  base::TimePoint at{};
  std::map<std::string, std::uint64_t> counts;
  std::vector<std::string> timeline;  // filled when asked for
};

// After the last fault everything must serve again within this time.
inline constexpr auto kSettle = std::chrono::milliseconds(600);
// More than ten times what a run takes.
inline constexpr std::uint64_t kMaxSteps = 600'000;
// A bucket that moves as planned is with nobody for less than this.
inline constexpr auto kMoveTime = std::chrono::milliseconds(60);

// N nodes of the real core on a simulated network and clock.
class World {
 public:
  World(const Plan& plan, bool keep_timeline);
  Report run();

 private:
  friend class Script;
  enum class What : std::uint8_t {
    Tick,
    Flush,
    Deliver,
    Esp,
    Clear,
    Fault,
    Restart,
    Heal,
    Resume,
    Undrain,
    Traffic,
    CloneTick,
    Stored,
    Settle
  };
  enum class FaultKind : std::uint8_t {
    Crash,
    Partition,
    Stall,
    Drain,
    Leave,
    Expel,
    PowerLoss,
    DiskLoss,
    SlowNode,
    RecordLoss
  };
  struct Happening {
    base::TimePoint at{};
    std::uint64_t order = 0;
    What what = What::Tick;
    base::NodeId node{};
    std::uint32_t process = 0;  // Tick, Flush: void once the process is gone
    std::shared_ptr<const Message> message{};
    std::uint64_t number = 0;  // Esp: sequence number; Fault: kind; Heal: partition
    std::size_t sa = 0;
    bool genuine = true;
  };
  struct Later {
    bool operator()(const Happening& a, const Happening& b) const noexcept {
      return std::tie(a.at, a.order) > std::tie(b.at, b.order);
    }
  };
  struct Machine {
    Process process;
    Config config;
    DiskState disk;
    Disk leases;  // of static SAs, durable
    std::unique_ptr<Node> node;
    std::unique_ptr<Gateway> gateway;
    base::TimePoint stalled_until{};
    base::TimePoint slow_until{};
    base::TimePoint records_lost_until{};
    double clock_rate = 1;
    std::uint32_t uid_counter = 0;
    bool disk_lost = false;
    Version noted;  // allocation last seen committed, for the timeline
    std::map<std::uint64_t, StoreLeases> storing;  // on their way to the disk
    // Static SAs that a stream of this process has installed.
    std::map<base::Uid, std::pair<std::uint32_t, StreamId>> installed;
  };
  // One SA of a peer; a new incarnation (rekey) has a new uid.
  struct Peer {
    base::Uid uid;
    base::BucketIndex bucket;
    std::uint64_t next = 1;          // the peer's own outbound number
    std::vector<std::uint64_t> old;  // numbers to replay
    std::uint64_t clear = 0;         // packets for it so far
    bool installed = false;
    bool fixed = false;  // a static SA: always there, and never rekeyed
  };
  struct Cut {
    base::NodeId from;
    base::NodeId to;
    std::uint64_t id = 0;
  };

  void at(base::Duration after, Happening happening);
  void start(Machine& machine);
  Machine& add_machine(base::NodeId node, bool witness);
  void crash(Machine& machine, const char* why);
  void lose_disk(Machine& machine);
  void store(Machine& machine, const StoreLeases& leases);
  void stored(Machine& machine, std::uint64_t id);
  void lose_writes(Machine& machine);
  void install_fixed(Peer& peer);
  void execute(Machine& machine, Outputs& outputs);
  void handle(Machine& machine, const Event& event);
  void transmit(const Machine& machine, const Send& send);
  void start_clone(Machine& machine);
  void clone_step(Machine& clone, Outputs& outputs);
  [[nodiscard]] bool is_cut(base::NodeId from, base::NodeId to) const;
  void happen(const Happening& happening);
  void node_happening(Machine& machine, const Happening& happening);
  void fault(FaultKind kind);
  void traffic();
  void steady_traffic();
  void manage_sas();
  void settle();
  void advance(base::TimePoint stop);
  [[nodiscard]] bool has_quorum();
  [[nodiscard]] VoterSet voters();
  void strike_served(std::bitset<base::kNumBuckets>& unserved);
  void note_everybody(base::BucketIndex bucket);
  void note(const std::string& text);
  void note_voters(const Machine& machine);
  void note_allocation(Machine& machine);
  [[nodiscard]] Machine* machine_of(base::NodeId node);
  [[nodiscard]] std::vector<Machine*> running();
  [[nodiscard]] base::TimePoint local(const Machine& machine) const;

  Plan plan_;
  Random random_;
  Checker checker_;
  Gateway::Counters gateway_counters_;
  bool keep_timeline_;
  base::TimePoint now_{std::chrono::seconds(1)};
  base::TimePoint end_;
  VoterSet first_voters_;
  bool faults_over_ = false;
  std::uint64_t order_ = 0;
  std::uint64_t steps_ = 0;
  std::uint32_t next_process_ = 1;
  std::uint64_t next_cut_ = 1;
  std::map<base::NodeId, Machine> machines_;
  std::vector<std::unique_ptr<Machine>> clones_;
  std::vector<Peer> peers_;
  std::vector<Cut> cuts_;
  std::priority_queue<Happening, std::vector<Happening>, Later> queue_;
  Report report_;
};

}  // namespace phalanx::simulation
