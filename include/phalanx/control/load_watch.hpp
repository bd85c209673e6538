// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/control/bucket_balancer.hpp"
#include "phalanx/control/elephant_watch.hpp"
#include "phalanx/dataplane/dataplane.hpp"

namespace phalanx::control {

// Measures once a second what workers and buckets do, lets buckets move when that is uneven, and
// notices elephants. Control thread only.
class LoadWatch {
 public:
  // sa_names: by position.
  LoadWatch(dataplane::Dataplane& dataplane, std::vector<std::string> sa_names,
            base::TimePoint now);

  // Each round of the control loop; cheap until a second has passed.
  void step(base::TimePoint now);

  [[nodiscard]] const LoadSample& sample() const noexcept { return sample_; }
  [[nodiscard]] const std::vector<Elephant>& elephants() const noexcept {
    return elephants_.elephants();
  }
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
  std::vector<std::string> sa_names_;
  base::TimePoint last_;
  std::uint64_t last_tsc_;
  std::vector<std::uint64_t> busy_;                         // cycles, by worker, as last read
  std::vector<Seen> sas_;                                   // by position
  std::vector<std::uint64_t> cost_;                         // of the last interval, by position
  std::array<std::uint64_t, base::kNumBuckets> striped_{};  // packets, as last read
  LoadSample sample_;
  ElephantWatch elephants_;
  std::uint64_t moved_ = 0;
};

}  // namespace phalanx::control
