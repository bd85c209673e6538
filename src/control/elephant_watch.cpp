// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/elephant_watch.hpp"

#include <utility>

namespace phalanx::control {

std::vector<Elephant> ElephantWatch::step(std::span<const Elephant> large) {
  const auto before = std::exchange(candidates_, {});
  std::vector<Elephant> found;
  elephants_.clear();
  auto known = before.begin();
  for (const auto& each : large) {
    while (known != before.end() && known->sa < each.sa) ++known;
    const bool again = known != before.end() && known->sa == each.sa;
    const auto intervals = again ? known->intervals + 1 : 1;
    candidates_.push_back({each.sa, intervals});
    if (intervals >= kPatience) elephants_.push_back(each);
    if (intervals == kPatience) found.push_back(each);
  }
  return found;
}

}  // namespace phalanx::control
