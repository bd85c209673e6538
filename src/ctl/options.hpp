// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "phalanx/base/result.hpp"
#include "telemetry_client.hpp"

namespace phalanx::ctl {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;

enum class Action : std::uint8_t {
  Show,
  Watch,
  CaptureStart,
  CaptureStop,
  CaptureStatus,
  Cluster,  // a word about a member
  MoveBucket,
};

struct CaptureOptions {
  std::string port;  // one of the three
  std::string sa;
  std::string drop;
  std::string file;
  std::uint64_t snaplen = 262144;
  std::uint64_t max_packets = 0;  // 0: until it is stopped
};

// What is said of a member of the cluster.
struct MemberOptions {
  std::string word;  // drain, undrain, weight, join, leave, expel
  std::string node;  // name or id; empty: this one
  std::uint64_t weight = 0;
  std::string address;  // join
  std::string name;
  bool witness = false;
};

struct Options {
  Target target;
  std::string control_socket;  // empty: as the daemon's config says
  bool json = false;
  bool all = false;  // all rows and columns
  Action action = Action::Show;
  std::string list;
  std::string name;  // show sa NAME
  double interval_s = 1;
  std::uint64_t count = 0;  // readings of watch; 0: until interrupted
  CaptureOptions capture;
  MemberOptions member;
  std::uint64_t bucket = 0;  // move BUCKET WORKER
  std::uint64_t worker = 0;
};

// Help and version are printed here and end the program, as wrong usage does: then the exit code.
[[nodiscard]] std::variant<Options, int> parse_options(int argc, char** argv);

}  // namespace phalanx::ctl
