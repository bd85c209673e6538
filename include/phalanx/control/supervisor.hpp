// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <optional>
#include <string>

#include "phalanx/base/clock.hpp"

namespace phalanx::control {

// What the service manager that started us is told, if there is one (sd_notify(3)): when we are
// ready, that we live, and that we stop. Control thread.
class Supervisor {
 public:
  // Reads from the environment whether it wants to hear that we live, and how often.
  Supervisor() noexcept;

  void ready(const std::string& status) const noexcept;
  // In each round of the main loop; speaks twice in the time after which it would be taken for
  // dead.
  void alive(base::TimePoint now) noexcept;
  void stopping() const noexcept;

 private:
  std::optional<base::Duration> interval_;  // nullopt: nobody watches
  base::TimePoint next_{};
};

}  // namespace phalanx::control
