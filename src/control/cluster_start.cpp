// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/cluster_start.hpp"

#include <optional>
#include <utility>

#include "phalanx/base/log.hpp"

namespace phalanx::control {
namespace {

constexpr const char* kComponent = "cluster";
constexpr std::uint32_t kFenceHalfHeartbeats = 5;
constexpr std::int64_t kResendsPerHeartbeat = 5;

}  // namespace

cluster::Config core_config(const ClusterConfig& config, const StateStore& state,
                            cluster::Duty duty) {
  cluster::Config core;
  core.id = state.identity().node;
  core.weight = config.weight;
  core.duty = duty;
  core.machine = state.identity().machine;
  static_cast<void>(system_random(core.nonce));
  for (const auto& member : config.members) core.seeds.push_back(member.id);
  core.heartbeat_interval = config.heartbeat_interval;
  core.resend_after = config.heartbeat_interval / kResendsPerHeartbeat;
  core.fence_after = config.heartbeat_interval * kFenceHalfHeartbeats / 2;
  return core;
}

base::Result<cluster::DiskState, std::string> begin_cluster(const ClusterConfig& config,
                                                            ClusterStateFile& file,
                                                            const StateStore& state,
                                                            const ClusterBeginning& beginning) {
  cluster::DiskState disk;
  std::optional<cluster::DiskState> stored;
  if (!beginning.new_state && !beginning.new_cluster) {
    auto loaded = file.load();
    if (!loaded) return loaded.error().message;
    stored = *std::move(loaded);
  }
  if (stored) {
    disk = *std::move(stored);
  } else {
    disk.fresh = !beginning.new_cluster;
    disk.voters.version = 1;
    for (const auto& member : config.members) disk.voters.current.push_back(member.id);
  }
  // The boot of this start is on disk already; the core takes the next one above what it is given.
  const auto boot = state.identity().boot.value();
  disk.boot = base::BootCount(static_cast<std::uint16_t>(boot - 1));
  return disk;
}

base::Result<RosterEntries, std::string> begin_roster(RosterFile& file,
                                                      const ClusterBeginning& beginning,
                                                      const cluster::DiskState& disk,
                                                      base::NodeId self) {
  if (beginning.new_state || beginning.new_cluster) {
    const auto done = file.store({});
    if (!done) return "what was said of members cannot be forgotten: " + to_string(done.error());
    return RosterEntries{};
  }
  auto loaded = file.load();
  if (!loaded) return loaded.error().message;
  const auto own = loaded->find(self);
  const bool asked = own != loaded->end() && own->second.membership != Membership::Member;
  if (asked && disk.voters.has_left(self)) {
    return std::string(
        "this node has left the cluster, as it was told to; to come back it is let in by "
        "'phalanxctl cluster join' on another one, and started with --new-state");
  }
  return *std::move(loaded);
}

ClusterDriver::Hooks driver_hooks(ClusterStateFile& file, RosterFile& roster,
                                  DiskLeaseStore& leases) {
  ClusterDriver::Hooks hooks;
  hooks.persist = [&file](const cluster::DiskState& state) {
    const auto done = file.store(state);
    if (!done) base::log_error(kComponent, "state is not stored: " + to_string(done.error()));
    return done.ok();
  };
  hooks.keep_roster = [&roster](const RosterEntries& entries) {
    const auto done = roster.store(entries);
    if (!done) base::log_error(kComponent, "roster is not stored: " + to_string(done.error()));
    return done.ok();
  };
  hooks.store = [&leases](const cluster::StoreLeases& batch) { return leases.store(batch); };
  hooks.take_stored = [&leases](std::vector<std::uint64_t>& ids) {
    return leases.take_stored(ids);
  };
  hooks.random = [](std::span<std::byte> bytes) { static_cast<void>(system_random(bytes)); };
  return hooks;
}

}  // namespace phalanx::control
