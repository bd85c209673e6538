// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/cluster_service.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "phalanx/control/cluster_start.hpp"

namespace phalanx::control {
namespace {

using namespace std::chrono_literals;
using cluster::EventKind;

constexpr auto kReportEvery = 1s;

std::string text(base::NodeId node) {
  return std::to_string(node.value());
}

}  // namespace

base::Result<std::unique_ptr<ClusterService>, std::string> ClusterService::open(
    const Setup& setup, base::TimePoint now) {
  if (!setup.dataplane->cluster_link()) return std::string("there is no cluster port");
  ClusterStateFile file(setup.dir, *setup.state);
  const ClusterBeginning beginning{setup.new_state, setup.new_cluster};
  auto disk = begin_cluster(*setup.config, file, *setup.state, beginning);
  if (!disk) return disk.error();
  RosterFile roster_file(setup.dir, *setup.state);
  auto roster = begin_roster(roster_file, beginning, *disk, setup.state->identity().node);
  if (!roster) return roster.error();
  auto leases = DiskLeaseStore::open(setup.state->take_leases());
  if (!leases) return leases.error().message;
  return std::unique_ptr<ClusterService>(
      new ClusterService(setup, *disk, *roster, std::move(*leases), now));
}

ClusterService::ClusterService(const Setup& setup, const cluster::DiskState& disk,
                               const RosterEntries& roster,
                               std::unique_ptr<DiskLeaseStore> disk_leases, base::TimePoint now)
    : config_(*setup.config),
      self_(setup.state->identity().node),
      dataplane_(*setup.dataplane),
      state_(*setup.state),
      file_(setup.dir, *setup.state),
      roster_file_(setup.dir, *setup.state),
      disk_leases_(std::move(disk_leases)),
      port_(std::make_unique<ClusterPort>(dataplane_, config_, self_)),
      driver_(std::make_unique<ClusterDriver>(
          config_, core_config(config_, state_, cluster::Duty::Serve), disk, disk_leases_->found(),
          roster, *port_, crypto_, hooks(), now)),
      moves_(dataplane_, config_.move_hold(),
             [this](base::BucketIndex bucket) { move_ready(bucket); }) {}

ClusterService::~ClusterService() = default;

ClusterDriver::Hooks ClusterService::hooks() {
  auto hooks = driver_hooks(file_, roster_file_, *disk_leases_);
  hooks.event = [this](const cluster::Event& event, base::TimePoint now) { on_event(event, now); };
  return hooks;
}

ClusterLeases::Hooks ClusterService::lease_hooks() {
  auto& quiescence = dataplane_.quiescence();
  ClusterLeases::Hooks hooks;
  hooks.promise = [this](std::size_t index, const cluster::LeaseValue& lease) {
    const auto sa = static_cast<std::uint32_t>(index);
    const cluster::Promise promise{specs_[sa].key.uid, bucket_of(sa), direction_of(sa), lease};
    return driver_
        ->command([&](cluster::Node& node, base::TimePoint now, cluster::Outputs& out) {
          return node.promise(promise, now, out);
        })
        .ok();
  };
  hooks.usable = [this](std::size_t index) {
    const auto sa = static_cast<std::uint32_t>(index);
    return driver_->node().usable(specs_[sa].key.uid, direction_of(sa));
  };
  hooks.quiescence = {[&quiescence] { return quiescence.start(); },
                      [&quiescence](std::uint64_t token) { return quiescence.passed(token); }};
  return hooks;
}

void ClusterService::attach(std::span<const LeaseSpec> specs, base::TimePoint now) {
  specs_.assign(specs.begin(), specs.end());
  leases_ = std::make_unique<ClusterLeases>(specs, config_.heartbeat_interval, lease_hooks(), now);
  auto& sas = *dataplane_.tables().sas;
  for (std::uint32_t i = 0; i < specs_.size(); ++i) {
    by_uid_[specs_[i].key.uid] = i;
    if (auto* in = sas.inbound(i)) leases_->attach(i, LeaseSource::of(*in));
    if (auto* out = sas.outbound(i)) leases_->attach(i, LeaseSource::of(*out));
    at(bucket_of(i)).sas.push_back(i);
  }
}

base::BucketIndex ClusterService::bucket_of(std::uint32_t sa) const noexcept {
  const auto& sas = *dataplane_.tables().sas;
  const auto* in = sas.inbound(sa);
  return in != nullptr ? in->bucket() : sas.outbound(sa)->bucket();
}

void ClusterService::on_raise_request(std::size_t index, base::TimePoint now) {
  leases_->on_raise_request(index, now);
}

std::uint64_t ClusterService::published() const {
  return leases_->published();
}

void ClusterService::step(base::TimePoint now) {
  driver_->poll(now);
  if (driver_->stats().failed && fatal_.empty()) {
    shut_all(now);
    end("the state directory refuses writes");
  }
  const auto until = fatal_.empty() ? driver_->node().forward_until(now) : base::TimePoint{};
  dataplane_.tables().open_until_ns.store(
      std::max<std::int64_t>(until.time_since_epoch().count(), 0), std::memory_order_relaxed);
  moves_.step(now);
  step_buckets(now);
  step_ingress(now);
  leases_->step(now);
  driver_->flush(now);
  report(now);
}

void ClusterService::on_event(const cluster::Event& event, base::TimePoint now) {
  switch (event.kind) {
    case EventKind::Admitted: on_admitted(); break;
    case EventKind::Levelled: driver_->events().info("this node is a voter now"); break;
    case EventKind::Superseded:
      shut_all(now);
      end("a newer boot of this node, or a newer generation of the cluster, exists");
      break;
    case EventKind::BootRefused:
      end("node " + text(self_) + " is another machine's: two machines must not have one id");
      break;
    case EventKind::MasterChanged: on_master(event.node); break;
    case EventKind::BucketOpened: begin_opening(event.bucket, now); break;
    case EventKind::BucketShut: shut(event.bucket, now); break;
    case EventKind::CloseWanted: begin_closing(event.bucket, event.node, now); break;
    case EventKind::MoveWanted:
      if (at(event.bucket).phase == Phase::Ours) moves_.note(event.bucket, now);
      break;
    case EventKind::MoveComing:
      if (at(event.bucket).phase == Phase::Away) moves_.expect(event.bucket, now);
      break;
    case EventKind::EntryInstalled: {
      const auto found = by_uid_.find(event.uid);
      const auto& entries = driver_->node().memory().table.bucket(event.bucket).entries;
      const auto entry = entries.find(event.uid);
      if (found == by_uid_.end() || entry == entries.end()) break;
      const auto& bucket = at(event.bucket);
      if (bucket.phase == Phase::Ours && !leases_->is_open(found->second)) {
        open_sa(found->second, entry->second, now);
      }
      break;
    }
    case EventKind::GateChanged: {
      const auto found = by_uid_.find(event.uid);
      if (found != by_uid_.end() && direction_of(found->second) == event.direction) {
        leases_->on_gate(found->second, now);
      }
      break;
    }
    case EventKind::StreamFrozen:
      driver_->events().warn("the others have given up on this node: all its buckets are shut");
      shut_all(now);
      break;
    case EventKind::ColdStarted:
      driver_->events().warn(
          "a new generation begins: nobody remembered the one before; static SAs go on above the "
          "leases on disk");
      break;
    case EventKind::VotersChanged: on_voters(); break;
    case EventKind::Left:
      shut_all(now);
      driver_->events().info("this node has left the cluster, as it was told to");
      left_ = true;
      break;
  }
}

// The boot goes into every IV, and the SAs were made with the one on disk.
void ClusterService::on_admitted() {
  const auto boot = driver_->node().self().boot;
  driver_->events().info("this node is admitted boot=" + std::to_string(boot.value()));
  if (boot != state_.started_as()) {
    end("the cluster knew a higher boot of this node than its disk did");
  }
}

void ClusterService::on_voters() {
  const auto& voters = driver_->node().voters();
  const auto list = [](const std::vector<base::NodeId>& nodes) {
    std::string out;
    for (const auto node : nodes) out += " " + text(node);
    return out;
  };
  if (!voters.changing()) return driver_->events().info("the voters are" + list(voters.current));
  const std::string how = voters.decided ? "is decided" : "begins";
  driver_->events().info("a change of the voters " + how + ": from" + list(voters.current) + " to" +
                         list(voters.next));
}

std::string ClusterService::why_not_master(base::NodeId before) const {
  if (before == base::NodeId{}) return "there was none";
  if (driver_->node().voters().has_left(before)) return "node " + text(before) + " has left";
  const auto members = driver_->members(base::SteadyClock().now());
  const auto found = std::find_if(members.begin(), members.end(),
                                  [&](const auto& member) { return member.id == before; });
  const bool lost = found != members.end() && !found->alive;
  return "node " + text(before) + (lost ? " is lost" : " stepped down");
}

void ClusterService::on_master(base::NodeId node) {
  const auto before = std::exchange(master_, node);
  if (before == node) return;
  const auto* member = driver_->roster().find(node);
  driver_->events().info("the master is node=" + text(node) +
                         (member == nullptr ? "" : " name=" + member->name) + ": " +
                         why_not_master(before));
}

base::BucketIndex ClusterService::bucket_of_asker(const net::IpAddress& asker,
                                                  const net::IpAddress& address) const {
  return dataplane_.tables().bucket_hash->other(asker, address, 0);
}

bool ClusterService::answers(const net::IpAddress& asker, const net::IpAddress& address) const {
  if (config_.hands_on()) return announces(address);
  return dataplane_.tables().distribution.is_ours(bucket_of_asker(asker, address));
}

std::vector<base::NodeId> ClusterService::owners() const {
  std::vector<base::NodeId> owners;
  const auto& table = driver_->node().memory().table;
  for (std::size_t i = 0; i < base::kNumBuckets; ++i) {
    const base::BucketIndex index(static_cast<std::uint8_t>(i));
    owners.push_back(table.bucket(index).owner.stream.node);
  }
  return owners;
}

const char* ClusterService::phase_name(base::BucketIndex index) const noexcept {
  switch (buckets_[index.value()].phase) {
    case Phase::Away: return "away";
    case Phase::Settling: return "settling";
    case Phase::Ours: return "ours";
    case Phase::Closing: return "closing";
  }
  return "";
}

void ClusterService::hand_over() {
  driver_->hand_over();
  driver_->events().info("this node gives its buckets away");
}

void ClusterService::end(const std::string& why) {
  if (!fatal_.empty()) return;
  fatal_ = why;
  driver_->events().error("this node must be started again: " + why);
}

void ClusterService::report(base::TimePoint now) {
  if (ours_ == reported_ || now < next_report_) return;
  next_report_ = now + kReportEvery;
  reported_ = ours_;
  const auto [opened, moved_here, moved_away, taken_away] = std::exchange(changes_, {});
  driver_->events().info("buckets of this node changed buckets=" + std::to_string(ours_) +
                         " moved_here=" + std::to_string(moved_here) +
                         " taken_over=" + std::to_string(opened - moved_here) + " moved_away=" +
                         std::to_string(moved_away) + " taken_away=" + std::to_string(taken_away));
}

}  // namespace phalanx::control
