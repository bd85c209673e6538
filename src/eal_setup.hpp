// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <string>
#include <vector>

#include "phalanx/mgmt/config.hpp"

namespace phalanx {

// The argument vector for the DPDK environment that the configuration stands for. lcore 0 is the
// control thread's, 1.. are the workers'.
[[nodiscard]] std::vector<std::string> eal_arguments(const mgmt::Config& config,
                                                     const std::vector<std::string>& extra);

// Under which name DPDK keeps its runtime files, telemetry socket included.
[[nodiscard]] std::string file_prefix(const mgmt::Config& config);

}  // namespace phalanx
