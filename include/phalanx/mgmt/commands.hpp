// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include "phalanx/control/cluster_service.hpp"
#include "phalanx/control/control_loop.hpp"
#include "phalanx/mgmt/command_server.hpp"
#include "phalanx/mgmt/config.hpp"

namespace phalanx::mgmt {

// What `phalanxctl` may ask a running gateway to do:
//   capture_start   one of port, sa, drop (a name); file; optionally snaplen, max_packets
//   capture_stop, capture_status
// and in a cluster, about any member (node: name or id; without it this one):
//   cluster_drain, cluster_undrain, cluster_leave, cluster_expel
//   cluster_weight   weight
//   cluster_join     node (an id), address; optionally name, witness
// The handlers run on the server's thread and hand the work to the control thread.
// cluster: nullptr without one.
[[nodiscard]] Commands make_commands(const Config& config, control::ControlLoop& loop,
                                     control::ClusterService* cluster);

}  // namespace phalanx::mgmt
