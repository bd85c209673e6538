// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <chrono>

namespace phalanx::base {

// Time of the gateway: nanoseconds on a monotonic clock that starts anywhere. Pure code never reads
// a clock, it is handed a TimePoint.
using Duration = std::chrono::nanoseconds;
struct GatewayClock {
  using rep = Duration::rep;
  using period = Duration::period;
  using duration = Duration;
  using time_point = std::chrono::time_point<GatewayClock>;
  static constexpr bool is_steady = true;
};
using TimePoint = GatewayClock::time_point;

// Where the daemon's threads get the time from; tests hand in one that they move by hand.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual TimePoint now() const noexcept = 0;
};

class SteadyClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const noexcept override {
    return TimePoint(
        std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
  }
};

}  // namespace phalanx::base
