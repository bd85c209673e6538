// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/state_dir.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "phalanx/control/file_descriptor.hpp"

namespace phalanx::control {
namespace {

static_assert(sizeof(uid_t) == sizeof(std::uint32_t) && sizeof(gid_t) == sizeof(std::uint32_t));

constexpr const char* kLockName = "lock";
constexpr mode_t kDirMode = 0700;
constexpr mode_t kFileMode = 0600;
constexpr mode_t kOthers = 0077;

FileError from_errno() {
  if (errno == ENOENT) return {FileFault::NotFound, errno};
  // ELOOP: O_NOFOLLOW met a symbolic link.
  if (errno == ELOOP) return {FileFault::NotRegular, errno};
  return {FileFault::Io, errno};
}

std::string error_text(int number) {
  return std::generic_category().message(number);
}

// Calls something of POSIX again for as long as a signal interrupts it.
template <typename Call>
auto retry(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

class PosixFile final : public StateFile {
 public:
  explicit PosixFile(FileDescriptor fd) noexcept : fd_(std::move(fd)) {}

  FileResult write_at(std::uint64_t offset, std::span<const std::byte> bytes) noexcept override {
    while (!bytes.empty()) {
      const auto written = retry([&] {
        return ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      });
      if (written < 0) return from_errno();
      if (written == 0) return FileError{FileFault::Io, ENOSPC};
      offset += static_cast<std::uint64_t>(written);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return base::Ok{};
  }
  FileResult sync() noexcept override {
    if (retry([&] { return ::fdatasync(fd_.get()); }) < 0) return from_errno();
    return base::Ok{};
  }

 private:
  FileDescriptor fd_;
};

class PosixDir final : public StateDir {
 public:
  PosixDir(std::string path, FileDescriptor dir, FileDescriptor lock,
           std::optional<StateOwner> owner)
      : path_(std::move(path)), dir_(std::move(dir)), lock_(std::move(lock)), owner_(owner) {}

  const std::string& path() const noexcept override { return path_; }

  base::Result<std::vector<std::byte>, FileError> read(const std::string& name,
                                                       std::size_t limit) override {
    auto fd = open_checked(name, O_RDONLY);
    if (!fd) return fd.error();
    struct stat info {};
    if (::fstat(fd->get(), &info) != 0) return from_errno();
    const auto size = static_cast<std::size_t>(info.st_size);
    if (size > limit) return FileError{FileFault::TooLarge, 0};
    std::vector<std::byte> content(size);
    std::size_t done = 0;
    while (done < size) {
      const auto got = retry([&] {
        return ::pread(fd->get(), content.data() + done, size - done, static_cast<off_t>(done));
      });
      if (got < 0) return from_errno();
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    content.resize(done);
    return content;
  }

  base::Result<std::unique_ptr<StateFile>, FileError> open(const std::string& name) override {
    auto fd = open_checked(name, O_RDWR);
    if (!fd) return fd.error();
    return std::unique_ptr<StateFile>(std::make_unique<PosixFile>(std::move(fd).value()));
  }

  base::Result<std::unique_ptr<StateFile>, FileError> create(const std::string& name) override {
    if (::unlinkat(dir_.get(), name.c_str(), 0) != 0 && errno != ENOENT) return from_errno();
    FileDescriptor fd(retry([&] {
      return ::openat(dir_.get(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                      kFileMode);
    }));
    if (!fd.ok()) return from_errno();
    if (owner_ && ::fchown(fd.get(), owner_->user, owner_->group) != 0) return from_errno();
    return std::unique_ptr<StateFile>(std::make_unique<PosixFile>(std::move(fd)));
  }

  FileResult rename(const std::string& from, const std::string& to) override {
    if (::renameat(dir_.get(), from.c_str(), dir_.get(), to.c_str()) != 0) return from_errno();
    return base::Ok{};
  }
  FileResult sync() override {
    if (retry([&] { return ::fsync(dir_.get()); }) < 0) return from_errno();
    return base::Ok{};
  }

 private:
  base::Result<FileDescriptor, FileError> open_checked(const std::string& name, int flags) const {
    // O_NONBLOCK: a fifo must not keep us waiting.
    FileDescriptor fd(retry([&] {
      return ::openat(dir_.get(), name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    }));
    if (!fd.ok()) return from_errno();
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) return from_errno();
    if (!S_ISREG(info.st_mode)) return FileError{FileFault::NotRegular, 0};
    if ((info.st_mode & kOthers) != 0) return FileError{FileFault::Exposed, 0};
    return fd;
  }

  std::string path_;
  FileDescriptor dir_;
  FileDescriptor lock_;  // holds the flock
  std::optional<StateOwner> owner_;
};

StateError io_error(const std::string& path, const char* what) {
  return {StateFault::Io, "cannot " + std::string(what) + " " + path + ": " + error_text(errno)};
}

// Makes the directory and makes its name durable. Nothing to do when it is there.
base::Result<base::Ok, StateError> make_directory(const std::string& path,
                                                  const std::optional<StateOwner>& owner) {
  if (::mkdir(path.c_str(), kDirMode) != 0) {
    if (errno == EEXIST) return base::Ok{};
    return io_error(path, "create state directory");
  }
  if (owner && ::lchown(path.c_str(), owner->user, owner->group) != 0) {
    return io_error(path, "give away state directory");
  }
  auto parent_path = std::filesystem::path(path).parent_path();
  if (parent_path.empty()) parent_path = ".";
  const FileDescriptor parent(::open(parent_path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent.ok() || ::fsync(parent.get()) != 0) return io_error(path, "sync the parent of");
  return base::Ok{};
}

base::Result<FileDescriptor, StateError> open_directory(const std::string& path,
                                                        const std::optional<StateOwner>& owner) {
  FileDescriptor dir(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!dir.ok()) {
    if (errno == ENOENT) {
      return StateError{
          StateFault::Missing,
          "state directory " + path + " does not exist; start once with --new-state to create it"};
    }
    if (errno == ENOTDIR || errno == ELOOP) {
      return StateError{StateFault::NotADirectory, path + " is not a directory"};
    }
    return io_error(path, "open state directory");
  }
  struct stat info {};
  if (::fstat(dir.get(), &info) != 0) return io_error(path, "look at state directory");
  const bool ours = info.st_uid == ::geteuid() || info.st_uid == 0 ||
                    (owner.has_value() && info.st_uid == owner->user);
  if (!ours) {
    return StateError{StateFault::Exposed, "state directory " + path + " belongs to user " +
                                               std::to_string(info.st_uid) + ", not to us"};
  }
  if ((info.st_mode & kOthers) != 0) {
    return StateError{StateFault::Exposed,
                      "state directory " + path + " is open to others; make its mode 0700"};
  }
  return dir;
}

// A file of its own rather than the directory: NFS wants a writable descriptor.
base::Result<FileDescriptor, StateError> take_lock(const FileDescriptor& dir,
                                                   const std::string& path,
                                                   const std::optional<StateOwner>& owner) {
  FileDescriptor lock(
      ::openat(dir.get(), kLockName, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, kFileMode));
  if (!lock.ok()) return io_error(path + "/" + kLockName, "open");
  if (owner && ::fchown(lock.get(), owner->user, owner->group) != 0) {
    return io_error(path + "/" + kLockName, "give away");
  }
  if (retry([&] { return ::flock(lock.get(), LOCK_EX | LOCK_NB); }) != 0) {
    if (errno == EWOULDBLOCK) {
      return StateError{StateFault::Locked,
                        "state directory " + path + " is in use by another daemon"};
    }
    return io_error(path + "/" + kLockName, "lock");
  }
  return lock;
}

}  // namespace

std::string to_string(const FileError& error) {
  switch (error.fault) {
    case FileFault::NotFound: return "does not exist";
    case FileFault::NotRegular: return "is not a regular file";
    case FileFault::Exposed: return "is open to others; make its mode 0600";
    case FileFault::TooLarge: return "is larger than it can be";
    case FileFault::Io: return error_text(error.error_number);
  }
  return "unknown error";
}

FileResult replace_file(StateDir& dir, const std::string& name,
                        std::span<const std::byte> content) {
  const auto fresh = name + ".new";
  {
    auto file = dir.create(fresh);
    if (!file) return file.error();
    if (auto done = (*file)->write_at(0, content); !done) return done;
    if (auto done = (*file)->sync(); !done) return done;
  }
  if (auto done = dir.rename(fresh, name); !done) return done;
  return dir.sync();
}

base::Result<std::shared_ptr<StateDir>, StateError> open_state_dir(
    const std::string& given, bool create, const std::optional<StateOwner>& owner) {
  // With a slash at its end O_NOFOLLOW would follow.
  auto path = given;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  if (create) {
    if (auto made = make_directory(path, owner); !made) return made.error();
  }
  auto dir = open_directory(path, owner);
  if (!dir) return dir.error();
  auto lock = take_lock(*dir, path, owner);
  if (!lock) return lock.error();
  return std::shared_ptr<StateDir>(
      std::make_shared<PosixDir>(path, std::move(dir).value(), std::move(lock).value(), owner));
}

}  // namespace phalanx::control
