// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <vector>

#include "phalanx/control/control_loop.hpp"
#include "phalanx/dataplane/dataplane.hpp"
#include "phalanx/mgmt/config.hpp"
#include "phalanx/mgmt/view.hpp"

namespace phalanx::mgmt {

// Everything `phalanxctl show` knows, over the parts of a running gateway, which outlive the views.
// Counters are read where they are; what belongs to the control thread is asked of it.
[[nodiscard]] std::vector<View> make_views(const Config& config,
                                           const dataplane::Dataplane& dataplane,
                                           control::ControlLoop& loop);

}  // namespace phalanx::mgmt
