// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "phalanx/base/byte_reader.hpp"
#include "phalanx/base/endian.hpp"
#include "phalanx/cluster/types.hpp"

namespace phalanx::control {

// The replay window of a closing record (docs/abi.md): top (8), then words (8 each), newest first.
// Bit k of word j is set if top - 64 j - k was accepted.
struct WindowRecord {
  std::uint64_t top = 0;
  std::vector<std::uint64_t> seen;
};

[[nodiscard]] inline cluster::Bytes write_window(const WindowRecord& window) {
  std::vector<base::be64> words{base::be64(window.top)};
  for (const auto word : window.seen) words.emplace_back(word);
  const auto bytes = std::as_bytes(std::span(words));
  return {bytes.begin(), bytes.end()};
}

// nullopt: there is none, or it is not one.
[[nodiscard]] inline std::optional<WindowRecord> parse_window(std::span<const std::byte> bytes) {
  if (bytes.size() < sizeof(base::be64) || bytes.size() % sizeof(base::be64) != 0) {
    return std::nullopt;
  }
  base::ByteReader in(bytes);
  WindowRecord window;
  window.top = in.u64();
  while (in.remaining() != 0) window.seen.push_back(in.u64());
  return window;
}

}  // namespace phalanx::control
