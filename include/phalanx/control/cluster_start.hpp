// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <memory>
#include <string>

#include "phalanx/base/result.hpp"
#include "phalanx/cluster/node_config.hpp"
#include "phalanx/control/cluster_config.hpp"
#include "phalanx/control/cluster_driver.hpp"
#include "phalanx/control/cluster_state.hpp"
#include "phalanx/control/disk_lease_store.hpp"
#include "phalanx/control/roster_file.hpp"

namespace phalanx::control {

// What a member's core starts from, node or witness alike. Start-up thread.

// `state`: with the boot of this start.
[[nodiscard]] cluster::Config core_config(const ClusterConfig& config, const StateStore& state,
                                          cluster::Duty duty);

struct ClusterBeginning {
  bool new_state = false;    // the operator says: whatever was here is lost
  bool new_cluster = false;  // and that no member has ever been started
};
// What the member's disk says of the cluster, or what stands for it at a first start.
[[nodiscard]] base::Result<cluster::DiskState, std::string> begin_cluster(
    const ClusterConfig& config, ClusterStateFile& file, const StateStore& state,
    const ClusterBeginning& beginning);

// And of its members. An error also for one that has left, as `disk` says.
[[nodiscard]] base::Result<RosterEntries, std::string> begin_roster(
    RosterFile& file, const ClusterBeginning& beginning, const cluster::DiskState& disk,
    base::NodeId self);

// The hooks that are the same for all: disk and random bytes. All files outlive the driver.
[[nodiscard]] ClusterDriver::Hooks driver_hooks(ClusterStateFile& file, RosterFile& roster,
                                                DiskLeaseStore& leases);

}  // namespace phalanx::control
