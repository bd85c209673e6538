// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <vector>

#include "phalanx/control/cluster_service.hpp"
#include "phalanx/control/control_loop.hpp"
#include "phalanx/mgmt/config.hpp"
#include "phalanx/mgmt/view.hpp"

namespace phalanx::mgmt {

// What `phalanxctl cluster` shows, over the parts of a running node, which outlive the views. All
// of it belongs to the control thread and is asked of it.
[[nodiscard]] std::vector<View> make_cluster_views(const Config& config,
                                                   const control::ClusterService& cluster,
                                                   control::ControlLoop& loop);

}  // namespace phalanx::mgmt
