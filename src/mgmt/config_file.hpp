// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <string>

#include "config_text.hpp"
#include "phalanx/base/result.hpp"
#include "phalanx/mgmt/config_loader.hpp"

namespace phalanx::mgmt {

// A file of the config, read at once, with what decides whether it may hold keys.
struct ConfigFile {
  SecretText text;
  std::string exposure;  // why keys in it are not safe; empty: they are
};

// Regular files only, up to kMaxConfigBytes; symbolic links are followed, what they lead to counts.
[[nodiscard]] base::Result<ConfigFile, ConfigProblem> read_config_file(const std::string& path);

// What a file that holds keys has to be.
inline constexpr char kKeyFileRule[] =
    "owned by root or by the user phalanxd is started as, mode 0600 or stricter";

}  // namespace phalanx::mgmt
