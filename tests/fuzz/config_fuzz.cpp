// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
// modules: mgmt
//
// Any bytes as a config file: never a crash, a leak, an opened file, or an endless loop, and what
// is accepted can be shown.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "phalanx/mgmt/config_loader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  phalanx::mgmt::LoadOptions options;
  options.cpus = {0, 1, 2, 3};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto result = phalanx::mgmt::parse_config_text(text, "fuzz", options);
  if (result.ok()) {
    if (phalanx::mgmt::render_redacted(*result).empty()) std::abort();
    return 0;
  }
  if (result.error().empty()) std::abort();
  for (const auto& problem : result.error()) {
    if (phalanx::mgmt::to_string(problem).empty()) std::abort();
  }
  return 0;
}
