// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>

#include "phalanx/base/clock.hpp"

namespace phalanx::control {

// Who lets the workers use sequence numbers: the disk of a gateway alone, or the voters of a
// cluster. Control thread.
class SequenceLeases {
 public:
  virtual ~SequenceLeases() = default;
  // The worker of the SA at this position of the list asked for more (ipsec::LeaseRaise).
  virtual void on_raise_request(std::size_t index, base::TimePoint now) = 0;
  // Each round of the control loop.
  virtual void step(base::TimePoint now) = 0;
  // Limits given to gates so far: after a new one held packets may get another try.
  [[nodiscard]] virtual std::uint64_t published() const = 0;
};

}  // namespace phalanx::control
