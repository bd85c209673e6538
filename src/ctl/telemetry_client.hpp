// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <string>
#include <vector>

#include "phalanx/base/result.hpp"
#include "rows.hpp"
#include "unix_socket.hpp"

namespace phalanx::ctl {

// Reads lists and texts of phalanxd from DPDK's telemetry socket, page by page: a reply has at most
// 16 KiB. Nothing the daemon sends is taken on trust.
class TelemetryClient {
 public:
  static base::Result<TelemetryClient, Failure> connect(const std::string& path);

  // All rows of list `name`.
  base::Result<Rows, Failure> rows(const std::string& name);
  // The whole text `name`.
  base::Result<std::string, Failure> text(const std::string& name);

 private:
  explicit TelemetryClient(UnixSocket socket) : socket_(std::move(socket)) {}
  // One page from `offset`: the object that carries total, offset and count.
  base::Result<Json, Failure> page(const std::string& name, std::size_t offset);

  UnixSocket socket_;
};

// Where DPDK may have put runtime directories of its processes, best first. DPDK 22.11 uses
// $RUNTIME_DIRECTORY (which systemd sets for the daemon, not for us), for root /var/run, for others
// $XDG_RUNTIME_DIR or /tmp; below it dpdk/FILE_PREFIX/dpdk_telemetry.v2.
[[nodiscard]] std::vector<std::string> runtime_directories();

// Connects to `socket` if it is given, else to the daemon with this file prefix, else to the only
// one that runs, whose prefix then begins with "phalanx".
struct Target {
  std::string socket;
  std::string prefix;
};
[[nodiscard]] base::Result<TelemetryClient, Failure> connect_to(
    const Target& target, const std::vector<std::string>& directories);

}  // namespace phalanx::ctl
