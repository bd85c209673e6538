// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "phalanx/base/result.hpp"

namespace phalanx::ctl {

// Stream: the daemon's command socket; Packet: DPDK's telemetry socket.
enum class SocketKind : std::uint8_t { Stream, Packet };

// One sentence for standard error.
struct Failure {
  std::string text;
};

// A connection to a unix socket. Nothing waits longer than kTimeoutSeconds. Errors are one
// sentence.
class UnixSocket {
 public:
  static constexpr int kTimeoutSeconds = 5;

  static base::Result<UnixSocket, Failure> connect(const std::string& path, SocketKind kind);
  ~UnixSocket();
  UnixSocket(const UnixSocket&) = delete;
  UnixSocket& operator=(const UnixSocket&) = delete;
  UnixSocket(UnixSocket&& other) noexcept;
  UnixSocket& operator=(UnixSocket&&) = delete;

  base::Result<base::Ok, Failure> send(std::string_view data);
  // What one read gives: a whole packet, or some bytes of a stream. Longer packets are an error.
  base::Result<std::string, Failure> receive(std::size_t most);

 private:
  UnixSocket(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  int fd_;
  std::string path_;
};

}  // namespace phalanx::ctl
