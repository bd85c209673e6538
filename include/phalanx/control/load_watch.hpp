// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/control/bucket_balancer.hpp"
#include "phalanx/dataplane/dataplane.hpp"

namespace phalanx::control {

// An SA in session mode that takes more than the configured share of a worker's time.
struct Elephant {
  std::uint32_t sa = 0;  // position in the list of SAs
  unsigned percent = 0;  // of its owner's time
};

// Measures once a second what workers and buckets do, lets buckets move when that is uneven, and
// notices elephants. Control thread only.
class LoadWatch {
 public:
  LoadWatch(dataplane::Dataplane& dataplane, base::TimePoint now);

  // Each round of the control loop; cheap until a second has passed.
  void step(base::TimePoint now);

  [[nodiscard]] const LoadSample& sample() const noexcept { return sample_; }
  [[nodiscard]] const std::vector<Elephant>& elephants() const noexcept { return elephants_; }
  [[nodiscard]] std::uint64_t moved() const noexcept { return moved_; }  // buckets, by itself

 private:
  struct Seen {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
  };

  void measure_workers(std::uint64_t tsc);
  void measure_buckets();
  void find_elephants();

  dataplane::Dataplane& dataplane_;
  BucketBalancer balancer_;
  base::TimePoint next_;
  std::uint64_t last_tsc_;
  std::vector<std::uint64_t> busy_;                         // cycles, by worker, as last read
  std::vector<Seen> sas_;                                   // by position
  std::vector<std::uint64_t> cost_;                         // of the last interval, by position
  std::array<std::uint64_t, base::kNumBuckets> striped_{};  // packets, as last read
  LoadSample sample_;
  std::vector<Elephant> elephants_;
  std::uint64_t moved_ = 0;
};

}  // namespace phalanx::control
