// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "phalanx/base/clock.hpp"

namespace phalanx::control {

// So many events a second, and so many at once after a pause. Exact: the fraction of a token is
// kept as time. One owner; time is handed in and may stand still, but a step back is taken as none.
class TokenBucket {
 public:
  // Both at least 1, per_second at most 10^9. Starts full.
  TokenBucket(std::uint32_t per_second, std::uint32_t burst) noexcept
      : interval_(base::Duration(std::chrono::seconds(1)) / std::max(per_second, 1U)),
        depth_(interval_ * std::max(burst, 1U)) {}

  // Takes a token if there is one.
  [[nodiscard]] bool take(base::TimePoint now) noexcept {
    // empty_at_ is when the tokens in the bucket would have been made, were it empty then.
    empty_at_ = std::max(empty_at_, now - depth_);
    if (empty_at_ + interval_ > now) return false;
    empty_at_ += interval_;
    return true;
  }

 private:
  base::Duration interval_;
  base::Duration depth_;
  base::TimePoint empty_at_ = base::TimePoint(base::TimePoint::min().time_since_epoch() / 2);
};

}  // namespace phalanx::control
