// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <string>
#include <string_view>

#include "options.hpp"
#include "phalanx/base/result.hpp"

namespace phalanx::ctl {

// Each writes to standard output.
using Outcome = base::Result<base::Ok, Failure>;
[[nodiscard]] Outcome run_show(const Options& options, TelemetryClient& client);
[[nodiscard]] Outcome run_watch(const Options& options, TelemetryClient& client);
// `control_socket`: path of the daemon's command socket.
[[nodiscard]] Outcome run_command(const Options& options, const std::string& control_socket);

// What the options come to, on their own.
[[nodiscard]] base::Result<Rows, Failure> select_row(std::string_view list, Rows rows,
                                                     const std::string& name);
[[nodiscard]] std::string command_request(const Options& options);
// The command socket's path in the config as the daemon shows it.
[[nodiscard]] base::Result<std::string, Failure> control_socket_in(const std::string& config);

}  // namespace phalanx::ctl
