// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <atomic>
#include <optional>
#include <string>

#include "phalanx/base/result.hpp"
#include "phalanx/control/state_dir.hpp"

namespace phalanx::control {

// What a daemon does with its own process. Start-up thread.

// First thing in main: no core dump and no debugger may see the memory that holds keys.
void protect_memory() noexcept;

// SIGTERM, SIGINT and SIGHUP ask the process to stop: the flag becomes true. SIGPIPE is ignored.
const std::atomic<bool>& catch_stop_signals() noexcept;

// Whom `user` owns files as, if we may give them away; nullopt: they stay ours.
[[nodiscard]] std::optional<StateOwner> owner_of(const std::string& user);

// After devices, state and sockets are open: becomes `user` with no capability left; with an empty
// name it stays who it is but can gain nothing any more. All threads.
[[nodiscard]] base::Result<base::Ok, std::string> drop_privileges(const std::string& user);

}  // namespace phalanx::control
