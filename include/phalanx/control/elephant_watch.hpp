// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace phalanx::control {

// An SA in session mode that takes more than the configured share of a worker's time.
struct Elephant {
  std::uint32_t sa = 0;  // position in the list of SAs
  unsigned percent = 0;  // of its owner's time
};

// Decides which large SAs are elephants. Pure; one call an interval. An SA has to stay large: a
// worker that was kept off its CPU while it was at work seems busy all that time, and a transfer of
// a second needs no other mode.
class ElephantWatch {
 public:
  static constexpr unsigned kPatience = 3;  // intervals

  // large: the SAs that took the configured share in this interval, in the order of positions.
  // Returns those that have become elephants with it.
  std::vector<Elephant> step(std::span<const Elephant> large);

  [[nodiscard]] const std::vector<Elephant>& elephants() const noexcept { return elephants_; }

 private:
  struct Candidate {
    std::uint32_t sa = 0;
    unsigned intervals = 0;  // in a row
  };

  std::vector<Candidate> candidates_;  // in the order of positions
  std::vector<Elephant> elephants_;
};

}  // namespace phalanx::control
