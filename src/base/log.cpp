// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/base/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <exception>
#include <memory>

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
  try {
    logger().log(to_spdlog(level), "{}: {}", component, message);
  } catch (const std::exception&) {
    // A full disk or a closed standard error must not stop the gateway.
    return;
  }
}

}  // namespace phalanx::base
