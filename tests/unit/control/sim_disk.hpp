// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "phalanx/control/state_dir.hpp"

namespace phalanx::test {

// A disk that keeps no promise it did not make. What was written is seen by the process at once;
// a power cut leaves, of each write that was not synced, all, nothing, or a part cut at any byte,
// and of the names that were not synced those that came first. A sync that fails may have lost what
// it did not write while the page cache goes on showing it.
class SimDisk {
 public:
  enum class Op : std::uint8_t { Read, Open, Create, Write, Sync, Rename, SyncDir };
  enum class Fate : std::uint8_t {
    Good,
    Error,  // it fails; a write may have been carried out in part
    Die,    // the process ends in the middle of it; everything after it fails
  };
  // Asked about every operation but reads.
  std::function<Fate(Op)> fate;
  std::uint64_t operations = 0;  // that were asked about

  explicit SimDisk(std::uint64_t seed) : random_(seed) {}

  [[nodiscard]] bool dead() const noexcept { return dead_; }
  // The process was killed: the system lives, and with it the page cache.
  void kill() { dead_ = false; }
  void power_cut() {
    dead_ = false;
    const auto kept = pick(pending_names_.size() + 1);
    for (std::size_t i = 0; i < kept; ++i) pending_names_[i](durable_names_);
    pending_names_.clear();
    for (auto& [name, inode] : durable_names_) {
      for (const auto& write : inode->pending) apply_part(*inode, write);
      inode->pending.clear();
      inode->seen = inode->durable;
    }
    names_ = durable_names_;
  }

  [[nodiscard]] bool exists(const std::string& name) const { return names_.contains(name); }
  // What the process sees, to look at and to damage. On the disk at once.
  [[nodiscard]] std::vector<std::byte> content(const std::string& name) const {
    return names_.at(name)->seen;
  }
  void set_content(const std::string& name, std::vector<std::byte> bytes) {
    auto inode = std::make_shared<Inode>();
    inode->seen = inode->durable = std::move(bytes);
    names_[name] = durable_names_[name] = inode;
  }
  void remove(const std::string& name) {
    names_.erase(name);
    durable_names_.erase(name);
  }

  // The directory as one process has it.
  [[nodiscard]] std::shared_ptr<control::StateDir> dir() { return std::make_shared<Dir>(*this); }

 private:
  struct Write {
    std::size_t offset = 0;
    std::vector<std::byte> bytes;
  };
  struct Inode {
    std::vector<std::byte> seen;
    std::vector<std::byte> durable;
    std::vector<Write> pending;
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>>;

  class File final : public control::StateFile {
   public:
    File(SimDisk& disk, std::shared_ptr<Inode> inode) : disk_(disk), inode_(std::move(inode)) {}
    control::FileResult write_at(std::uint64_t offset,
                                 std::span<const std::byte> bytes) noexcept override {
      return disk_.write(*inode_, static_cast<std::size_t>(offset), bytes);
    }
    control::FileResult sync() noexcept override { return disk_.sync(*inode_); }

   private:
    SimDisk& disk_;
    std::shared_ptr<Inode> inode_;
  };

  class Dir final : public control::StateDir {
   public:
    explicit Dir(SimDisk& disk) : disk_(disk) {}
    const std::string& path() const noexcept override { return path_; }
    base::Result<std::vector<std::byte>, control::FileError> read(const std::string& name,
                                                                  std::size_t limit) override {
      if (disk_.dead_) return io(EIO);
      const auto found = disk_.names_.find(name);
      if (found == disk_.names_.end()) return not_found();
      if (found->second->seen.size() > limit) {
        return control::FileError{control::FileFault::TooLarge, 0};
      }
      return found->second->seen;
    }
    base::Result<std::unique_ptr<control::StateFile>, control::FileError> open(
        const std::string& name) override {
      if (disk_.ask(Op::Open) != Fate::Good) return io(EIO);
      const auto found = disk_.names_.find(name);
      if (found == disk_.names_.end()) return not_found();
      return std::unique_ptr<control::StateFile>(std::make_unique<File>(disk_, found->second));
    }
    base::Result<std::unique_ptr<control::StateFile>, control::FileError> create(
        const std::string& name) override {
      const auto answer = disk_.ask(Op::Create);
      if (answer == Fate::Error) return io(ENOSPC);
      const auto inode = std::make_shared<Inode>();
      disk_.rename_op([name, inode](Names& names) { names[name] = inode; });
      if (answer == Fate::Die) return io(EIO);
      return std::unique_ptr<control::StateFile>(std::make_unique<File>(disk_, inode));
    }
    control::FileResult rename(const std::string& from, const std::string& to) override {
      const auto answer = disk_.ask(Op::Rename);
      if (answer == Fate::Error) return io(EIO);
      disk_.rename_op([from, to](Names& names) {
        const auto found = names.find(from);
        if (found == names.end()) return;
        names[to] = found->second;
        names.erase(found);
      });
      if (answer == Fate::Die) return io(EIO);
      return base::Ok{};
    }
    control::FileResult sync() override {
      if (disk_.ask(Op::SyncDir) != Fate::Good) return io(EIO);
      for (const auto& change : disk_.pending_names_) change(disk_.durable_names_);
      disk_.pending_names_.clear();
      return base::Ok{};
    }

   private:
    static control::FileError io(int number) { return {control::FileFault::Io, number}; }
    static control::FileError not_found() { return {control::FileFault::NotFound, ENOENT}; }
    SimDisk& disk_;
    std::string path_ = "/sim";
  };

  std::size_t pick(std::size_t below) { return static_cast<std::size_t>(random_() % below); }

  Fate ask(Op op) {
    if (dead_) return Fate::Error;
    ++operations;
    const auto answer = fate ? fate(op) : Fate::Good;
    dead_ = answer == Fate::Die;
    return answer;
  }

  void rename_op(std::function<void(Names&)> change) {
    change(names_);
    pending_names_.push_back(std::move(change));
  }

  static void put(std::vector<std::byte>& content, std::size_t offset,
                  std::span<const std::byte> bytes) {
    if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size());
    std::copy(bytes.begin(), bytes.end(), content.begin() + static_cast<std::ptrdiff_t>(offset));
  }
  void apply_part(Inode& inode, const Write& write) {
    const std::span<const std::byte> all(write.bytes);
    const auto cut = pick(all.size() + 1);
    switch (pick(4)) {
      case 0: break;
      case 1: put(inode.durable, write.offset, all); break;
      case 2: put(inode.durable, write.offset, all.first(cut)); break;
      default: put(inode.durable, write.offset + cut, all.subspan(cut)); break;
    }
  }

  control::FileResult write(Inode& inode, std::size_t offset, std::span<const std::byte> bytes) {
    const bool was_dead = dead_;
    const auto answer = ask(Op::Write);
    if (was_dead) return control::FileError{control::FileFault::Io, EIO};
    if (answer != Fate::Good) bytes = bytes.first(pick(bytes.size() + 1));
    put(inode.seen, offset, bytes);
    inode.pending.push_back({offset, {bytes.begin(), bytes.end()}});
    if (answer == Fate::Good) return base::Ok{};
    return control::FileError{control::FileFault::Io, ENOSPC};
  }
  control::FileResult sync(Inode& inode) {
    const bool was_dead = dead_;
    const auto answer = ask(Op::Sync);
    if (was_dead || answer == Fate::Die) return control::FileError{control::FileFault::Io, EIO};
    for (const auto& pending : inode.pending) {
      if (answer == Fate::Good) {
        put(inode.durable, pending.offset, pending.bytes);
      } else {
        apply_part(inode, pending);
      }
    }
    inode.pending.clear();
    if (answer == Fate::Good) return base::Ok{};
    return control::FileError{control::FileFault::Io, EIO};
  }

  std::mt19937_64 random_;
  bool dead_ = false;
  Names names_;
  Names durable_names_;
  std::vector<std::function<void(Names&)>> pending_names_;
};

}  // namespace phalanx::test
