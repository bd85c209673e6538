// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/event_journal.hpp"

namespace phalanx::control {

void EventJournal::add(base::LogLevel level, std::string text) {
  base::log(level, component_, text);
  if (entries_.size() == kMostEvents) entries_.pop_front();
  entries_.push_back({++count_, std::chrono::system_clock::now(), level, std::move(text)});
}

}  // namespace phalanx::control
