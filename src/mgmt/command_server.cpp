// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/mgmt/command_server.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "phalanx/base/log.hpp"
#include "phalanx/control/file_descriptor.hpp"

namespace phalanx::mgmt {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

std::string failed(const std::string& path, const std::string& what, int error = errno) {
  return "command socket " + path + " " + what + ": " + std::generic_category().message(error);
}

// Whether a server listens there; a socket without one is left over from a crash.
bool is_served(const sockaddr_un& address) {
  const control::FileDescriptor probe(
      ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // EAGAIN: it listens, and is busy.
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
             0 ||
         errno == EAGAIN;
}

base::Result<base::Ok, std::string> clear_path(const std::string& path,
                                               const sockaddr_un& address) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return base::Ok{};
    return failed(path, "cannot be examined");
  }
  if (!S_ISSOCK(status.st_mode)) return "command socket " + path + " is a file of another kind";
  if (is_served(address)) return "command socket " + path + " is in use by another phalanxd";
  if (::unlink(path.c_str()) != 0) return failed(path, "cannot be replaced");
  return base::Ok{};
}

// The address, with its directory made and nobody there.
base::Result<sockaddr_un, std::string> prepare(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return "command socket " + path + " is too long";
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const auto directory = std::filesystem::path(path).parent_path().string();
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) {
    return failed(path, "has no directory");
  }
  if (auto clear = clear_path(path, address); !clear) return clear.error();
  return address;
}

base::Result<control::FileDescriptor, std::string> listen_at(const std::string& path) {
  const auto address = prepare(path);
  if (!address) return address.error();
  control::FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.get() < 0) return failed(path, "cannot be made");
  // Linux gives the file the mode of the unbound socket: there is no moment at which others could
  // connect.
  if (::fchmod(socket.get(), 0600) != 0 ||
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0 ||
      ::listen(socket.get(), static_cast<int>(CommandServer::kMaxClients)) != 0) {
    return failed(path, "cannot be opened");
  }
  return socket;
}

struct Client {
  control::FileDescriptor socket;
  ucred peer{};
  std::string input;
  std::string output;
  bool closing = false;  // once the output is gone
  SteadyTime deadline;
};

std::string describe(const ucred& peer) {
  return "uid=" + std::to_string(peer.uid) + " pid=" + std::to_string(peer.pid);
}

}  // namespace

// Everything the server's thread owns.
class CommandServer::Loop {
 public:
  Loop(std::string path, control::FileDescriptor listener, control::FileDescriptor wake,
       Commands commands)
      : path_(std::move(path)),
        listener_(std::move(listener)),
        wake_(std::move(wake)),
        commands_(std::move(commands)),
        owner_(::geteuid()) {}
  ~Loop();

  void start() {
    thread_ = std::thread([this]() noexcept { run(); });
  }

 private:
  void run();
  void accept_client();
  void read_from(Client& client);
  void take_lines(Client& client);
  void write_to(Client& client);
  void drop_finished();

  std::string path_;
  control::FileDescriptor listener_;
  control::FileDescriptor wake_;
  Commands commands_;
  uid_t owner_;
  std::vector<Client> clients_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

CommandServer::Loop::~Loop() {
  stop_.store(true);
  const std::uint64_t one = 1;
  if (::write(wake_.get(), &one, sizeof(one)) != sizeof(one)) {
    base::log_warn("mgmt", "the command server cannot be woken");
  }
  if (thread_.joinable()) thread_.join();
  // After privileges were dropped the directory may no longer be ours; the next start takes over.
  if (::unlink(path_.c_str()) != 0) base::log_debug("mgmt", "command socket stays path=" + path_);
}

void CommandServer::Loop::run() {
  // Signals belong to the main thread.
  sigset_t all;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  ::pthread_setname_np(::pthread_self(), "phx-command");
  while (!stop_.load()) {
    std::vector<pollfd> waiting{{wake_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    for (const auto& client : clients_) {
      const auto events = static_cast<short>(client.output.empty() ? POLLIN : POLLOUT);
      waiting.push_back({client.socket.get(), events, 0});
    }
    constexpr int kTickMs = 1000;  // how exactly idle clients are noticed
    if (::poll(waiting.data(), waiting.size(), clients_.empty() ? -1 : kTickMs) < 0 &&
        errno != EINTR) {
      return base::log_error("mgmt", "the command server stops: poll failed");
    }
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      const auto events = waiting[i + 2].revents;
      if ((events & POLLOUT) != 0) write_to(clients_[i]);
      if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) read_from(clients_[i]);
    }
    drop_finished();
    if ((waiting[1].revents & POLLIN) != 0) accept_client();
  }
}

void CommandServer::Loop::accept_client() {
  Client client;
  client.socket = control::FileDescriptor(
      ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (client.socket.get() < 0) return;
  socklen_t length = sizeof(client.peer);
  if (::getsockopt(client.socket.get(), SOL_SOCKET, SO_PEERCRED, &client.peer, &length) != 0)
    return;
  if (client.peer.uid != 0 && client.peer.uid != owner_) {
    return base::log_warn("mgmt", "a client is refused " + describe(client.peer));
  }
  client.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(kIdleSeconds);
  if (clients_.size() == kMaxClients) {
    client.output = "{\"ok\":false,\"error\":\"too many clients\"}\n";
    return write_to(client);
  }
  clients_.push_back(std::move(client));
}

void CommandServer::Loop::read_from(Client& client) {
  if (client.closing) return;
  std::array<char, kMaxLineBytes> chunk{};
  const auto length = ::recv(client.socket.get(), chunk.data(), chunk.size(), 0);
  if (length < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (length <= 0) {
    // It may still read what it asked for; when it does not, sending fails.
    client.closing = true;
    return;
  }
  client.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(kIdleSeconds);
  client.input.append(chunk.data(), static_cast<std::size_t>(length));
  take_lines(client);
  write_to(client);
}

void CommandServer::Loop::take_lines(Client& client) {
  while (!client.closing) {
    const auto end = client.input.find('\n');
    if (std::min(end, client.input.size()) > kMaxLineBytes) {
      client.output += "{\"ok\":false,\"error\":\"the line is too long\"}\n";
      client.closing = true;
    }
    if (client.closing || end == std::string::npos) return;
    base::log_info("mgmt",
                   "a command arrived " + describe(client.peer) + " bytes=" + std::to_string(end));
    client.output +=
        answer_command(commands_, std::string_view(client.input).substr(0, end)) + "\n";
    client.input.erase(0, end + 1);
  }
}

void CommandServer::Loop::write_to(Client& client) {
  if (client.output.empty()) return;
  const auto length =
      ::send(client.socket.get(), client.output.data(), client.output.size(), MSG_NOSIGNAL);
  if (length < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (length < 0) {
    client.closing = true;
    client.output.clear();
    return;
  }
  client.output.erase(0, static_cast<std::size_t>(length));
}

void CommandServer::Loop::drop_finished() {
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(clients_, [now](const Client& client) {
    return (client.closing && client.output.empty()) || now >= client.deadline;
  });
}

base::Result<base::Ok, std::string> CommandServer::check(const std::string& path) {
  if (auto address = prepare(path); !address) return address.error();
  return base::Ok{};
}

base::Result<std::unique_ptr<CommandServer>, std::string> CommandServer::start(
    const std::string& path, Commands commands) {
  auto listener = listen_at(path);
  if (!listener) return listener.error();
  control::FileDescriptor wake(::eventfd(0, EFD_CLOEXEC));
  if (wake.get() < 0) return failed(path, "cannot be served");
  auto loop =
      std::make_unique<Loop>(path, *std::move(listener), std::move(wake), std::move(commands));
  loop->start();
  return std::unique_ptr<CommandServer>(new CommandServer(std::move(loop)));
}

CommandServer::CommandServer(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
CommandServer::~CommandServer() = default;

}  // namespace phalanx::mgmt
