// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "phalanx/base/ids.hpp"
#include "phalanx/dataplane/bucket_table.hpp"

namespace phalanx::control {

// What workers did in one interval.
struct LoadSample {
  struct Worker {
    double busy = 0;        // share of its time that it had work, 0..1
    bool encrypts = false;  // may own buckets
  };
  std::vector<Worker> workers;
  std::array<std::uint8_t, base::kNumBuckets> owner{};
  std::array<std::uint64_t, base::kNumBuckets> cost{};  // in any unit, of the same interval
};

// Decides which buckets move when workers are loaded unevenly. Pure; one call an interval. A gap
// has to last before anything moves, and after a move the loads are watched anew: so a burst moves
// nothing, and no bucket goes to and fro.
class BucketBalancer {
 public:
  static constexpr double kGap = 0.15;      // of a worker's time: smaller differences stay
  static constexpr double kIdle = 0.3;      // a worker below has nothing to give away
  static constexpr unsigned kPatience = 3;  // intervals that a gap has to last
  static constexpr std::size_t kMostMoves = 32;

  [[nodiscard]] std::vector<dataplane::BucketMove> step(const LoadSample& sample);

 private:
  unsigned uneven_ = 0;  // intervals in a row
  std::uint8_t from_ = 0;
  std::uint8_t to_ = 0;
};

}  // namespace phalanx::control
