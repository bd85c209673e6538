// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "privileges.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "phalanx/base/log.hpp"

namespace phalanx {

void protect_memory() noexcept {
  const rlimit no_core{0, 0};
  if (setrlimit(RLIMIT_CORE, &no_core) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
    base::log_warn("phalanxd", "memory cannot be kept out of core dumps");
  }
}

base::Result<base::Ok, std::string> drop_privileges(const std::string& user) {
  // Nothing we could execute may bring privileges back.
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return std::string("cannot give up new privileges: ") + std::strerror(errno);
  }
  if (user.empty()) {
    if (geteuid() == 0) base::log_info("phalanxd", "stays root, as node.user is not set");
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

}  // namespace phalanx
