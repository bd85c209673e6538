// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
// modules: control dataplane cluster
//
// Frames of the cluster protocol on data ports, from anybody. What parses lies inside the frame and
// is written back to something that parses to the same.
#include <algorithm>
#include <cstdlib>
#include <span>

#include "phalanx/control/cluster_paths.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace phalanx;
  constexpr base::NodeId kSelf{1};
  const auto input = std::as_bytes(std::span(data, size));
  const auto frame = control::parse_data_frame(input, kSelf);
  if (!frame) return 0;
  if (frame->payload.size() > input.size()) std::abort();
  const auto written = control::write_data_frame({}, frame->mac, kSelf, *frame, {});
  const auto again = control::parse_data_frame(written, kSelf);
  if (!again || again->from != frame->from || again->deaf != frame->deaf ||
      again->mac != frame->mac || !std::ranges::equal(again->payload, frame->payload)) {
    std::abort();
  }
  return 0;
}
