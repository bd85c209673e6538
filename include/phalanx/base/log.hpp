// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <string_view>

namespace phalanx::base {

// error: needs an operator; warn: degraded service; info: life cycle and role changes; debug:
// protocol trace.
enum class LogLevel : std::uint8_t { Debug, Info, Warn, Error };

// Process-wide: call once before any thread starts. Logs go to standard error.
void set_log_level(LogLevel level) noexcept;
[[nodiscard]] bool parse_log_level(std::string_view text, LogLevel& level) noexcept;

// One event, one line: a sentence, then key=value. Never called by a worker while it forwards.
// `component` is the module's name. Thread-safe.
void log(LogLevel level, std::string_view component, std::string_view message) noexcept;
[[nodiscard]] bool log_enabled(LogLevel level) noexcept;

inline void log_debug(std::string_view component, std::string_view message) noexcept {
  if (log_enabled(LogLevel::Debug)) log(LogLevel::Debug, component, message);
}
inline void log_info(std::string_view component, std::string_view message) noexcept {
  log(LogLevel::Info, component, message);
}
inline void log_warn(std::string_view component, std::string_view message) noexcept {
  log(LogLevel::Warn, component, message);
}
inline void log_error(std::string_view component, std::string_view message) noexcept {
  log(LogLevel::Error, component, message);
}

}  // namespace phalanx::base
