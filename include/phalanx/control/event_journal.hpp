// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

#include "phalanx/base/log.hpp"

namespace phalanx::control {

// What happened to this node and its cluster, and why: goes to the log, and the newest of it can be
// shown. Control thread.
class EventJournal {
 public:
  static constexpr std::size_t kMostEvents = 256;
  struct Entry {
    std::uint64_t number = 0;  // since the start, from 1
    std::chrono::system_clock::time_point at;
    base::LogLevel level = base::LogLevel::Info;
    std::string text;
  };

  explicit EventJournal(std::string_view component) noexcept : component_(component) {}

  void info(std::string text) { add(base::LogLevel::Info, std::move(text)); }
  void warn(std::string text) { add(base::LogLevel::Warn, std::move(text)); }
  void error(std::string text) { add(base::LogLevel::Error, std::move(text)); }
  [[nodiscard]] const std::deque<Entry>& entries() const noexcept { return entries_; }

 private:
  void add(base::LogLevel level, std::string text);

  std::string_view component_;
  std::uint64_t count_ = 0;
  std::deque<Entry> entries_;
};

}  // namespace phalanx::control
