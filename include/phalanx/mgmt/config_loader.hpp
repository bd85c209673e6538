// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "phalanx/base/result.hpp"
#include "phalanx/mgmt/config.hpp"

namespace phalanx::mgmt {

// One thing that is wrong, or doubtful, in a config file. Never holds key bytes.
struct ConfigProblem {
  std::string file;
  std::uint32_t line = 0;  // 0: the file as a whole
  std::string key;         // "sas[2].spi", counted from 0
  std::string problem;
  std::string allowed;  // what would be right; may be empty
};

// "file:line key: problem (allowed)".
[[nodiscard]] std::string to_string(const ConfigProblem& problem);

struct LoadOptions {
  std::vector<std::uint16_t> cpus;  // CPUs the threads may run on; empty: what the kernel allows us
  std::vector<ConfigProblem>* warnings = nullptr;  // what is allowed but looks like a mistake
};

// Reads and checks a config file: everything that is wrong with it is returned at once, in the
// order of the lines; a syntax error alone, since nothing can be said about the rest. A file that
// holds keys must be ours or root's and closed to everybody else. Start-up thread.
[[nodiscard]] base::Result<Config, std::vector<ConfigProblem>> load_config(
    const std::string& path, const LoadOptions& options = {});

// The same for text in memory. Opens no file: key_file is refused.
[[nodiscard]] base::Result<Config, std::vector<ConfigProblem>> parse_config_text(
    std::string_view text, const std::string& filename, const LoadOptions& options = {});

// Extra EAL arguments (eal.extra, or what follows "--" on the command line) that contradict what
// the config sets, or that EAL would not understand. `origin` names them in the problems.
[[nodiscard]] std::vector<ConfigProblem> check_eal_arguments(
    const std::vector<std::string>& arguments, const Config& config, const std::string& origin);

// The config as JSON for operators, without a byte of any key.
[[nodiscard]] std::string render_redacted(const Config& config);

}  // namespace phalanx::mgmt
