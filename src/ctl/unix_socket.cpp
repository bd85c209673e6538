// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "unix_socket.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace phalanx::ctl {
namespace {

Failure failed(const std::string& path, const std::string& what) {
  const auto error =
      errno == EAGAIN ? std::string("no answer in time") : std::generic_category().message(errno);
  return {path + ": " + what + ": " + error};
}

}  // namespace

base::Result<UnixSocket, Failure> UnixSocket::connect(const std::string& path, SocketKind kind) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path))
    return Failure{path + ": the path is too long for a socket"};
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int type = kind == SocketKind::Stream ? SOCK_STREAM : SOCK_SEQPACKET;
  UnixSocket made(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0), path);
  if (made.fd_ < 0) return failed(path, "no socket");
  const timeval timeout{kTimeoutSeconds, 0};
  if (::setsockopt(made.fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) != 0 ||
      ::setsockopt(made.fd_, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) != 0) {
    return failed(path, "no time limit");
  }
  if (::connect(made.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return failed(path, "cannot connect");
  }
  return made;
}

UnixSocket::UnixSocket(UnixSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

UnixSocket::~UnixSocket() {
  if (fd_ >= 0) ::close(fd_);
}

base::Result<base::Ok, Failure> UnixSocket::send(std::string_view data) {
  while (!data.empty()) {
    const auto length = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return failed(path_, "cannot send");
    data.remove_prefix(static_cast<std::size_t>(length));
  }
  return base::Ok{};
}

base::Result<std::string, Failure> UnixSocket::receive(std::size_t most) {
  std::string data(most, '\0');
  ssize_t length = 0;
  do {
    length = ::recv(fd_, data.data(), data.size(), MSG_TRUNC);
  } while (length < 0 && errno == EINTR);
  if (length < 0) return failed(path_, "cannot receive");
  if (length == 0) return Failure{path_ + ": phalanxd has hung up"};
  if (static_cast<std::size_t>(length) > most) return Failure{path_ + ": the answer is too long"};
  data.resize(static_cast<std::size_t>(length));
  return data;
}

}  // namespace phalanx::ctl
