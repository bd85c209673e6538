// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>

namespace phalanx::test {

// A daemon of one socket that serves one client after the other, until it is destroyed: greets each
// and answers each message by what the test says. An empty answer hangs up.
class FakeDaemon {
 public:
  using Answer = std::function<std::string(const std::string& request)>;

  FakeDaemon(const std::string& path, int type, std::string greeting, Answer answer)
      : greeting_(std::move(greeting)), answer_(std::move(answer)) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    listener_ = ::socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) throw std::runtime_error("path too long");
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
        ::listen(listener_, 4) != 0) {
      throw std::runtime_error("cannot listen at " + path);
    }
    thread_ = std::thread([this] { run(); });
  }
  ~FakeDaemon() {
    // Wakes accept(); a client that is still there ends by itself when the test closes it.
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;

 private:
  void run() {
    for (;;) {
      const int client = ::accept(listener_, nullptr, nullptr);
      if (client < 0) return;
      serve(client);
      ::close(client);
    }
  }
  void serve(int client) {
    if (!greeting_.empty()) ::send(client, greeting_.data(), greeting_.size(), MSG_NOSIGNAL);
    std::array<char, 4096> buffer{};
    for (;;) {
      const auto length = ::recv(client, buffer.data(), buffer.size(), 0);
      if (length <= 0) return;
      const auto reply = answer_(std::string(buffer.data(), static_cast<std::size_t>(length)));
      if (reply.empty()) return;
      ::send(client, reply.data(), reply.size(), MSG_NOSIGNAL);
    }
  }

  int listener_ = -1;
  std::string greeting_;
  Answer answer_;
  std::thread thread_;
};

inline const std::string kTelemetryGreeting =
    R"({"version":"DPDK 22.11.0","pid":1,"max_output_len":16384})";

}  // namespace phalanx::test
