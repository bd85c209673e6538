// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

namespace phalanx::ctl {

// Keeps the order of columns as the daemon sent them.
using Json = nlohmann::ordered_json;
// Each an object of names and values.
using Rows = std::vector<Json>;

}  // namespace phalanx::ctl
