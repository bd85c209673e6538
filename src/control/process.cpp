// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/process.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include "phalanx/base/log.hpp"

namespace phalanx::control {
namespace {

std::atomic<bool> stop_requested{false};
static_assert(std::atomic<bool>::is_always_lock_free, "set from a signal handler");

void on_signal(int) {
  stop_requested.store(true, std::memory_order_relaxed);
}

}  // namespace

void protect_memory() noexcept {
  const rlimit no_core{0, 0};
  if (setrlimit(RLIMIT_CORE, &no_core) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
    base::log_warn("process", "memory cannot be kept out of core dumps");
  }
}

const std::atomic<bool>& catch_stop_signals() noexcept {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  // A terminal that goes away ends us, but not without making the leases exact.
  sigaction(SIGHUP, &action, nullptr);
  // A management client that goes away must not take the daemon with it.
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, nullptr);
  return stop_requested;
}

std::optional<StateOwner> owner_of(const std::string& user) {
  if (user.empty() || geteuid() != 0) return std::nullopt;
  const auto* entry = getpwnam(user.c_str());  // start-up: no other thread runs yet
  if (entry == nullptr) return std::nullopt;
  return StateOwner{entry->pw_uid, entry->pw_gid};
}

base::Result<base::Ok, std::string> drop_privileges(const std::string& user) {
  // Nothing we could execute may bring privileges back.
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return std::string("cannot give up new privileges: ") + std::strerror(errno);
  }
  if (user.empty()) {
    if (geteuid() == 0) base::log_info("process", "stays root, as node.user is not set");
    return base::Ok{};
  }
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(16384);
  if (getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
      found == nullptr) {
    return "node.user: there is no user " + user;
  }
  if (geteuid() == entry.pw_uid) return base::Ok{};
  // The C library carries these to all threads; leaving uid 0 clears every capability.
  if (setgroups(0, nullptr) != 0 || setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid) != 0 ||
      setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid) != 0) {
    return "cannot become user " + user + ": " + std::strerror(errno);
  }
  if (setuid(0) == 0) return "user " + user + " can still become root";
  // Changing the user made the memory dumpable again.
  protect_memory();
  return base::Ok{};
}

}  // namespace phalanx::control
