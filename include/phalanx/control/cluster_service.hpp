// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "phalanx/control/channel_crypto.hpp"
#include "phalanx/control/cluster_config.hpp"
#include "phalanx/control/cluster_driver.hpp"
#include "phalanx/control/cluster_leases.hpp"
#include "phalanx/control/cluster_port.hpp"
#include "phalanx/control/cluster_state.hpp"
#include "phalanx/control/disk_lease_store.hpp"
#include "phalanx/control/move_keeper.hpp"
#include "phalanx/control/roster_file.hpp"
#include "phalanx/control/sequence_leases.hpp"
#include "phalanx/control/window_record.hpp"
#include "phalanx/dataplane/dataplane.hpp"

namespace phalanx::control {

struct ClusterServiceStats {
  std::uint64_t opened = 0;     // buckets
  std::uint64_t shut = 0;       // taken away
  std::uint64_t closed = 0;     // given up as planned
  std::uint64_t installed = 0;  // SAs, for the cluster
};

// A gateway as a node of a cluster: carries out in the data path what the core decides. Which
// buckets are ours (DistributionTable), which SAs run and from which number on (SaStore), how far
// they may go (gates), until when ports are open. Control thread.
//
//   bucket:  away --BucketOpened--> settling --no trace of us left--> ours
//            ours --BucketShut--> away          ours --CloseWanted--> closing --> away
//
// A bucket that was ours a moment ago settles first: packets that waited then must be gone, and no
// worker may have its SAs in hand, before windows begin anew.
class ClusterService final : public SequenceLeases {
 public:
  struct Setup {
    const ClusterConfig* config = nullptr;  // outlives the service
    std::shared_ptr<StateDir> dir;
    StateStore* state = nullptr;
    dataplane::Dataplane* dataplane = nullptr;
    bool new_state = false;    // the operator says that what was known here is lost
    bool new_cluster = false;  // the operator says that no member was ever started
  };
  [[nodiscard]] static base::Result<std::unique_ptr<ClusterService>, std::string> open(
      const Setup& setup, base::TimePoint now);
  ~ClusterService() override;

  // After the SAs are in the data path, before the workers start.
  void attach(std::span<const LeaseSpec> specs, base::TimePoint now);

  void on_raise_request(std::size_t index, base::TimePoint now) override;
  void step(base::TimePoint now) override;
  [[nodiscard]] std::uint64_t published() const override;

  // Whether this node answers who asks for one of the shared addresses: the owner of the asker's
  // bucket does.
  [[nodiscard]] bool answers(const net::IpAddress& asker, const net::IpAddress& address) const;
  // Forward and spray mode: whether neighbors and switches shall find an address of ours here; who
  // has the shared ones, and who a node's next-hop address, as far as this node knows.
  [[nodiscard]] bool announces(const net::IpAddress& address) const;
  [[nodiscard]] base::NodeId receiver() const;
  [[nodiscard]] base::NodeId server_of(base::NodeId node) const;
  // Called when they have to be told.
  void set_announce(std::function<void(base::TimePoint)> announce) {
    announce_ = std::move(announce);
  }
  [[nodiscard]] base::BucketIndex bucket_of_asker(const net::IpAddress& asker,
                                                  const net::IpAddress& address) const;

  // What operators say (ClusterDriver). Weights and drains are carried out by planned moves.
  [[nodiscard]] ClusterDriver& operations() noexcept { return *driver_; }
  // What a worker found on a data port (ClusterPort).
  void take_frame(base::PortIndex port, std::span<const std::byte> frame) {
    port_->take_frame(port, frame);
  }
  // Before the end of the daemon: the buckets go to the others as planned moves.
  void hand_over();
  // Out of the cluster, as it was told to.
  [[nodiscard]] bool left() const noexcept { return left_; }
  [[nodiscard]] unsigned owned() const noexcept { return ours_; }

  // Why the daemon has to end and start again as a new boot; empty: it does not.
  [[nodiscard]] const std::string& fatal() const noexcept { return fatal_; }
  [[nodiscard]] base::NodeId self() const noexcept { return self_; }
  [[nodiscard]] const ClusterDriver& driver() const noexcept { return *driver_; }
  [[nodiscard]] const ClusterPort& port() const noexcept { return *port_; }
  [[nodiscard]] const ClusterConfig& config() const noexcept { return config_; }
  [[nodiscard]] const ClusterServiceStats& stats() const noexcept { return stats_; }
  [[nodiscard]] const ClusterLeases& leases() const noexcept { return *leases_; }
  // Node 0: nobody known.
  [[nodiscard]] base::NodeId master() const noexcept { return master_; }
  [[nodiscard]] std::vector<base::NodeId> owners() const;
  // "away", "settling", "ours", "closing".
  [[nodiscard]] const char* phase_name(base::BucketIndex index) const noexcept;
  [[nodiscard]] base::BucketIndex bucket_of(std::uint32_t sa) const noexcept;

 private:
  // Forward mode: who owns it receives. One at a time, whoever is alive; a node without buckets and
  // a witness never.
  static constexpr base::BucketIndex kReceivers{0};

  enum class Phase : std::uint8_t { Away, Settling, Ours, Closing };
  struct Bucket {
    Phase phase = Phase::Away;
    base::TimePoint since{};              // of the phase
    std::uint64_t token = 0;              // quiescence that is waited for
    unsigned rounds = 0;                  // of quiescence still to come
    bool waited = false;                  // closing: packets waited for a lease
    bool given_up = false;                // closing: on those; no number is given out any more
    base::NodeId closed_for{};            // away: by a closing record, as far as we know
    std::optional<base::TimePoint> left;  // when it was ours last
    std::vector<std::uint32_t> sas;       // positions in the list
  };

  // Of our buckets.
  struct Changes {
    unsigned opened = 0;
    unsigned moved_here = 0;  // of those, as planned; the others' owners are gone
    unsigned moved_away = 0;
    unsigned taken_away = 0;  // the others have given up on this node
  };

  ClusterService(const Setup& setup, const cluster::DiskState& disk, const RosterEntries& roster,
                 std::unique_ptr<DiskLeaseStore> disk_leases, base::TimePoint now);
  [[nodiscard]] ClusterDriver::Hooks hooks();
  [[nodiscard]] ClusterLeases::Hooks lease_hooks();
  void on_event(const cluster::Event& event, base::TimePoint now);
  void on_admitted();
  void on_master(base::NodeId node);
  void on_voters();
  [[nodiscard]] std::string why_not_master(base::NodeId before) const;
  void begin_opening(base::BucketIndex index, base::TimePoint now);
  void finish_opening(base::BucketIndex index, base::TimePoint now);
  void begin_closing(base::BucketIndex index, base::NodeId to, base::TimePoint now);
  void step_closings(base::TimePoint now);
  [[nodiscard]] bool may_finish_closing(base::BucketIndex index, base::TimePoint now);
  void move_ready(base::BucketIndex index);
  void finish_closing(base::BucketIndex index, base::TimePoint now);
  void shut(base::BucketIndex index, base::TimePoint now);
  void shut_all(base::TimePoint now);
  void install(std::uint32_t sa);
  void open_sa(std::uint32_t sa, const cluster::Entry& entry, base::TimePoint now);
  void step_buckets(base::TimePoint now);
  [[nodiscard]] bool settled(Bucket& bucket);
  // cluster_ingress.cpp
  struct Entrance {
    bool announced = false;   // neighbors shall find it here
    base::TimePoint until{};  // not any more, but it is served until then
  };
  void step_ingress(base::TimePoint now);
  [[nodiscard]] static bool step_entrance(Entrance& entrance, bool ours, base::TimePoint now);
  void name_owners();
  void end(const std::string& why);
  void report(base::TimePoint now);

  template <typename Condition>
  [[nodiscard]] bool any_worker(Condition condition) const {
    for (std::size_t i = 0; i < dataplane_.num_workers(); ++i) {
      if (condition(dataplane_.worker(i))) return true;
    }
    return false;
  }
  [[nodiscard]] Bucket& at(base::BucketIndex index) noexcept { return buckets_[index.value()]; }
  [[nodiscard]] cluster::Direction direction_of(std::uint32_t sa) const noexcept {
    return specs_[sa].key.direction == cluster::LeaseDirection::Inbound
               ? cluster::Direction::Inbound
               : cluster::Direction::Outbound;
  }

  const ClusterConfig& config_;
  const base::NodeId self_;
  dataplane::Dataplane& dataplane_;
  StateStore& state_;
  ClusterStateFile file_;
  RosterFile roster_file_;
  std::unique_ptr<DiskLeaseStore> disk_leases_;
  ChannelCrypto crypto_;
  std::unique_ptr<ClusterPort> port_;
  std::unique_ptr<ClusterDriver> driver_;
  std::unique_ptr<ClusterLeases> leases_;
  MoveKeeper moves_;
  std::vector<LeaseSpec> specs_;
  std::unordered_map<base::Uid, std::uint32_t> by_uid_;  // static SAs
  std::array<Bucket, base::kNumBuckets> buckets_;
  struct WantedClosing {
    base::NodeId to;
    MoveKeeper::Drain drain;
  };
  std::map<base::BucketIndex, WantedClosing> to_close_;
  std::set<base::BucketIndex> moving_;  // settling or closing
  std::set<std::uint32_t> to_install_;  // the core had no room for their records
  base::NodeId master_{0};
  std::function<void(base::TimePoint)> announce_;
  // By whose next-hop address; node 0: the shared addresses. Forward and spray mode.
  std::map<base::NodeId, Entrance> entrances_{{base::NodeId{}, {}}};
  base::TimePoint announce_at_{};
  unsigned ours_ = 0;
  bool left_ = false;
  unsigned reported_ = 0;  // buckets, in the log
  Changes changes_;        // since then
  base::TimePoint next_report_{};
  std::string fatal_;
  ClusterServiceStats stats_;
};

}  // namespace phalanx::control
