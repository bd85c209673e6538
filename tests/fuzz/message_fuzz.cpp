// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
// modules: cluster
#include <cstdlib>
#include <span>

#include "phalanx/cluster/message_codec.hpp"

// What parses must write back to something that parses to the same message.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace phalanx::cluster;
  const auto parsed = parse_message(std::as_bytes(std::span(data, size)));
  if (!parsed.ok()) return 0;
  const auto written = write_message(*parsed);
  if (!written.ok()) return 0;
  const auto again = parse_message(*written);
  if (!again.ok() || !(*again == *parsed)) std::abort();
  return 0;
}
