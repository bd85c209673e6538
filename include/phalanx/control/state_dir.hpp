// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "phalanx/base/result.hpp"

namespace phalanx::control {

// Why the daemon cannot use its state directory. Each is final: it does not start.
enum class StateFault : std::uint8_t {
  Missing,         // no directory or file, and --new-state was not given
  NotADirectory,   // something else stands there, a symbolic link included
  Exposed,         // others than the owner may read or write it
  Locked,          // another daemon uses it
  Damaged,         // a checksum does not match, or a value cannot be
  WrongVersion,    // written by a later version
  ForeignNode,     // of another node id
  ForeignMachine,  // of another machine
  BootsUsedUp,     // boot count at its end
  Conflict,        // two SAs that the state cannot tell apart
  Io,              // the operating system refused
};
struct StateError {
  StateFault fault = StateFault::Io;
  std::string message;  // one sentence for the operator, with the path
};

enum class FileFault : std::uint8_t { NotFound, NotRegular, Exposed, TooLarge, Io };
struct FileError {
  FileFault fault = FileFault::Io;
  int error_number = 0;  // errno, with Io
};
using FileResult = base::Result<base::Ok, FileError>;
[[nodiscard]] std::string to_string(const FileError& error);

// A file of the state directory, open for writing. One thread at a time.
class StateFile {
 public:
  virtual ~StateFile() = default;
  // All bytes or an error; after an error any part of them may have been written.
  [[nodiscard]] virtual FileResult write_at(std::uint64_t offset,
                                            std::span<const std::byte> bytes) noexcept = 0;
  // What was written is on the disk, unless an error is returned: then none of it may be.
  [[nodiscard]] virtual FileResult sync() noexcept = 0;
};

// The directory with what a node must not forget. The only way to its files, so that tests can put
// a disk there that loses power. Control thread.
class StateDir {
 public:
  virtual ~StateDir() = default;
  [[nodiscard]] virtual const std::string& path() const noexcept = 0;
  // A whole file of at most `limit` bytes.
  [[nodiscard]] virtual base::Result<std::vector<std::byte>, FileError> read(
      const std::string& name, std::size_t limit) = 0;
  [[nodiscard]] virtual base::Result<std::unique_ptr<StateFile>, FileError> open(
      const std::string& name) = 0;
  // A new, empty file; one of this name that was left over is removed.
  [[nodiscard]] virtual base::Result<std::unique_ptr<StateFile>, FileError> create(
      const std::string& name) = 0;
  [[nodiscard]] virtual FileResult rename(const std::string& from, const std::string& to) = 0;
  // Names that were created and renamed are on the disk.
  [[nodiscard]] virtual FileResult sync() = 0;
};

// Gives `name` this content, in one step: after a crash it has the old or the new one. On success
// the new one is on the disk.
[[nodiscard]] FileResult replace_file(StateDir& dir, const std::string& name,
                                      std::span<const std::byte> content);

// Who shall own what is created, when the daemon gives up its privileges later.
struct StateOwner {
  std::uint32_t user = 0;   // uid_t
  std::uint32_t group = 0;  // gid_t
};

// A directory of the real file system, locked against a second daemon while the object lives.
// Refuses symbolic links, foreign owners, and modes that let others in. `create`: makes it (0700)
// when it is not there.
[[nodiscard]] base::Result<std::shared_ptr<StateDir>, StateError> open_state_dir(
    const std::string& path, bool create, const std::optional<StateOwner>& owner);

}  // namespace phalanx::control
