// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "config_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "phalanx/base/secret.hpp"
#include "phalanx/control/file_descriptor.hpp"

namespace phalanx::mgmt {
namespace {

ConfigProblem failed(const std::string& path, const std::string& what, int error) {
  return {path, 0, "", what + ": " + std::generic_category().message(error), ""};
}

std::string exposure_of(const struct stat& status) {
  constexpr std::string_view kOctal = "01234567";
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
    return "belongs to user " + std::to_string(status.st_uid);
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    const auto mode = status.st_mode & 0777;
    return std::string("has mode 0") + kOctal[mode >> 6] + kOctal[(mode >> 3) & 7] +
           kOctal[mode & 7];
  }
  return {};
}

}  // namespace

base::Result<ConfigFile, ConfigProblem> read_config_file(const std::string& path) {
  // O_NONBLOCK: opening a FIFO must not wait for its writer; only regular files get further.
  const control::FileDescriptor file(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0) return failed(path, "cannot be opened", errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return failed(path, "cannot be examined", errno);
  if (!S_ISREG(status.st_mode)) {
    return ConfigProblem{path, 0, "", "is not a regular file", "a regular file"};
  }
  ConfigFile read;
  read.exposure = exposure_of(status);
  std::array<char, 65536> chunk{};
  for (;;) {
    const auto length = ::read(file.get(), chunk.data(), chunk.size());
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return failed(path, "cannot be read", errno);
    if (length == 0) break;
    read.text.append({chunk.data(), static_cast<std::size_t>(length)});
    if (read.text.view().size() > kMaxConfigBytes) {
      return ConfigProblem{path, 0, "", "the file is too large", "at most 64 MiB"};
    }
  }
  base::wipe(chunk.data(), chunk.size());
  return read;
}

}  // namespace phalanx::mgmt
