// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include "phalanx/mgmt/commands.hpp"

namespace phalanx::mgmt {

// cluster_drain, _undrain, _weight, _join, _leave, _expel. Everything outlives the commands.
void add_cluster_commands(Commands& commands, const Config& config, control::ControlLoop& loop,
                          control::ClusterService& cluster);

}  // namespace phalanx::mgmt
