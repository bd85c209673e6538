// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/base/log.hpp"

#include <poll.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace phalanx::base {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::Debug: return spdlog::level::debug;
    case LogLevel::Info: return spdlog::level::info;
    case LogLevel::Warn: return spdlog::level::warn;
    case LogLevel::Error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>("phalanx",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
    made->flush_on(spdlog::level::debug);
    return made;
  }();
  return *instance;
}

// Whether standard error takes a line now. Nobody who logs may wait for a reader that does not
// read: it is the control thread, which renews leases. A pipe that says yes has room for PIPE_BUF.
bool has_room() noexcept {
  pollfd out{STDERR_FILENO, POLLOUT, 0};
  return ::poll(&out, 1, 0) != 0;
}

// One event, one line: names of files and of other things may hold anything.
std::string one_line(std::string_view message) {
  std::string line(message);
  std::replace_if(
      line.begin(), line.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return line;
}

}  // namespace

void set_log_level(LogLevel level) noexcept {
  logger().set_level(to_spdlog(level));
}

bool parse_log_level(std::string_view text, LogLevel& level) noexcept {
  if (text == "debug") {
    level = LogLevel::Debug;
  } else if (text == "info") {
    level = LogLevel::Info;
  } else if (text == "warn") {
    level = LogLevel::Warn;
  } else if (text == "error") {
    level = LogLevel::Error;
  } else {
    return false;
  }
  return true;
}

bool log_enabled(LogLevel level) noexcept {
  return logger().should_log(to_spdlog(level));
}

void log(LogLevel level, std::string_view component, std::string_view message) noexcept {
  static std::mutex mutex;
  static std::uint64_t lost = 0;
  try {
    if (!log_enabled(level)) return;
    const std::scoped_lock lock(mutex);
    if (!has_room()) {
      ++lost;
      return;
    }
    if (const auto count = std::exchange(lost, 0); count != 0) {
      logger().warn("log: lines are missing here, as nobody read them lines={}", count);
    }
    logger().log(to_spdlog(level), "{}: {}", component, one_line(message));
  } catch (const std::exception&) {
    // A full disk or a closed standard error must not stop the gateway.
    return;
  }
}

}  // namespace phalanx::base
