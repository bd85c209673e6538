// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <string>

#include "phalanx/base/result.hpp"

namespace phalanx {

// First thing in main: no core dump and no debugger may see the memory that holds keys.
void protect_memory() noexcept;

// After devices, state and sockets are open: becomes `user` with no capability left; with an empty
// name it stays who it is but can gain nothing any more. All threads.
[[nodiscard]] base::Result<base::Ok, std::string> drop_privileges(const std::string& user);

}  // namespace phalanx
