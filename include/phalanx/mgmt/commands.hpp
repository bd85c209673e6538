// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include "phalanx/control/control_loop.hpp"
#include "phalanx/mgmt/command_server.hpp"
#include "phalanx/mgmt/config.hpp"

namespace phalanx::mgmt {

// What `phalanxctl` may ask a running gateway to do:
//   capture_start   one of port, sa, drop (a name); file; optionally snaplen, max_packets
//   capture_stop, capture_status
// The handlers run on the server's thread and hand the work to the control thread.
[[nodiscard]] Commands make_commands(const Config& config, control::ControlLoop& loop);

}  // namespace phalanx::mgmt
