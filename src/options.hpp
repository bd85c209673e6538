// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <string>
#include <vector>

#include "phalanx/base/log.hpp"
#include "phalanx/base/result.hpp"

namespace phalanx {

// Exit codes of phalanxd.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;  // command line or configuration

struct Options {
  std::string config_path;
  bool check_config = false;
  bool new_state = false;
  bool new_cluster = false;
  bool help = false;
  bool version = false;
  base::LogLevel log_level = base::LogLevel::Info;
  std::vector<std::string> eal_arguments;  // what follows "--"
};

// The error is one sentence for standard error.
[[nodiscard]] base::Result<Options, std::string> parse_options(int argc, char** argv);
[[nodiscard]] const char* usage_text() noexcept;

}  // namespace phalanx
