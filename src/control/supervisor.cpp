// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/supervisor.hpp"

#include <systemd/sd-daemon.h>

#include <chrono>
#include <cstdint>

namespace phalanx::control {
namespace {

constexpr int kKeepEnvironment = 0;

// Who does not listen does not want to know.
void tell(const std::string& text) noexcept {
  static_cast<void>(::sd_notify(kKeepEnvironment, text.c_str()));
}

}  // namespace

Supervisor::Supervisor() noexcept {
  std::uint64_t microseconds = 0;
  if (::sd_watchdog_enabled(kKeepEnvironment, &microseconds) > 0) {
    interval_ = std::chrono::microseconds(microseconds / 2);
  }
}

void Supervisor::ready(const std::string& status) const noexcept {
  tell("READY=1\nSTATUS=" + status);
}

void Supervisor::alive(base::TimePoint now) noexcept {
  if (!interval_ || now < next_) return;
  next_ = now + *interval_;
  tell("WATCHDOG=1");
}

void Supervisor::stopping() const noexcept {
  tell("STOPPING=1");
}

}  // namespace phalanx::control
