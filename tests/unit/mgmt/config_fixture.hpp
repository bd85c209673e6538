// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "phalanx/mgmt/config_loader.hpp"

namespace phalanx::test {

using mgmt::Config;
using mgmt::ConfigProblem;
using mgmt::LoadOptions;

inline LoadOptions four_cpus(std::vector<ConfigProblem>* warnings = nullptr) {
  LoadOptions options;
  options.cpus = {0, 1, 2, 3};
  options.warnings = warnings;
  return options;
}

inline std::vector<std::string> lines(const std::vector<ConfigProblem>& problems) {
  std::vector<std::string> text;
  for (const auto& problem : problems) text.push_back(to_string(problem));
  return text;
}

// The config, or a test failure that says why there is none.
inline Config loaded(const std::string& text, std::vector<ConfigProblem>* warnings = nullptr) {
  auto result = parse_config_text(text, "test.conf", four_cpus(warnings));
  if (!result.ok()) {
    ADD_FAILURE() << testing::PrintToString(lines(result.error()));
    return {};
  }
  return *std::move(result);
}

inline std::vector<std::string> problems_of(const std::string& text) {
  const auto result = parse_config_text(text, "test.conf", four_cpus());
  return result.ok() ? std::vector<std::string>{} : lines(result.error());
}

inline std::vector<std::string> warnings_of(const std::string& text) {
  std::vector<ConfigProblem> warnings;
  loaded(text, &warnings);
  return lines(warnings);
}

}  // namespace phalanx::test
