// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <string>
#include <vector>

#include "phalanx/base/result.hpp"
#include "phalanx/mgmt/config.hpp"
#include "phalanx/mgmt/config_loader.hpp"

namespace phalanx::mgmt {

// What a witness needs of a config file: the sections node and cluster, as every node has them.
struct WitnessConfig {
  NodeConfig node;
  control::ClusterConfig cluster;
};

// As load_config(). Other sections are refused.
[[nodiscard]] base::Result<WitnessConfig, std::vector<ConfigProblem>> load_witness_config(
    const std::string& path);

}  // namespace phalanx::mgmt
