// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/state_dir.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

#include "phalanx/control/state_store.hpp"
#include "support/hex.hpp"

// The state directory on the real file system.
namespace phalanx::control {
namespace {

namespace fs = std::filesystem;

StateOptions options(bool new_state) {
  StateOptions value;
  value.new_state = new_state;
  return value;
}

class StateDirTest : public testing::Test {
 protected:
  StateDirTest() {
    std::string name = fs::temp_directory_path() / "phalanx_state_XXXXXX";
    root_ = mkdtemp(name.data());
    path_ = root_ / "state";
  }
  ~StateDirTest() override { fs::remove_all(root_); }

  base::Result<StateStore, StateError> start(bool new_state) {
    auto dir = open_state_dir(path_, new_state, std::nullopt);
    if (!dir) return dir.error();
    return StateStore::open(std::move(dir).value(), options(new_state));
  }
  void expect_fault(bool new_state, StateFault fault, const std::string& text) {
    const auto store = start(new_state);
    ASSERT_FALSE(store.ok());
    EXPECT_EQ(store.error().fault, fault) << store.error().message;
    EXPECT_NE(store.error().message.find(text), std::string::npos) << store.error().message;
  }
  static unsigned mode_of(const fs::path& path) {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    return info.st_mode & 07777;
  }

  fs::path root_;
  fs::path path_;
};

TEST_F(StateDirTest, MakesADirectoryThatOnlyItsOwnerCanEnter) {
  expect_fault(false, StateFault::Missing, "--new-state");
  EXPECT_FALSE(fs::exists(path_));
  ASSERT_TRUE(start(true).ok());
  EXPECT_EQ(mode_of(path_), 0700U);
  for (const auto* name : {"identity", "leases", "lock"}) {
    EXPECT_EQ(mode_of(path_ / name), 0600U) << name;
  }
  EXPECT_EQ(start(false)->identity().boot, base::BootCount(2));
  path_ += "/";
  EXPECT_EQ(start(false)->identity().boot, base::BootCount(3));
}

TEST_F(StateDirTest, IsUsedByOneDaemonAtATime) {
  const auto first = start(true);
  ASSERT_TRUE(first.ok());
  expect_fault(false, StateFault::Locked, "in use");
  expect_fault(true, StateFault::Locked, "in use");
}

TEST_F(StateDirTest, RefusesADirectoryOrFileThatIsOpenToOthers) {
  ASSERT_TRUE(start(true).ok());
  fs::permissions(path_, fs::perms(0750));
  expect_fault(false, StateFault::Exposed, "0700");
  expect_fault(true, StateFault::Exposed, "0700");
  fs::permissions(path_, fs::perms(0700));
  fs::permissions(path_ / "identity", fs::perms(0640));
  expect_fault(false, StateFault::Exposed, "0600");
  expect_fault(true, StateFault::Exposed, "0600");
  fs::permissions(path_ / "identity", fs::perms(0600));
  fs::permissions(path_ / "leases", fs::perms(0604));
  expect_fault(false, StateFault::Exposed, "0600");
  fs::permissions(path_ / "leases", fs::perms(0600));
  EXPECT_TRUE(start(false).ok());
}

TEST_F(StateDirTest, FollowsNoSymbolicLinks) {
  const auto target = root_ / "elsewhere";
  fs::create_directory(target);
  fs::permissions(target, fs::perms(0700));
  fs::create_directory_symlink(target, path_);
  expect_fault(true, StateFault::NotADirectory, "not a directory");
  path_ += "/";
  expect_fault(true, StateFault::NotADirectory, "not a directory");
  path_ = target;
  ASSERT_TRUE(start(true).ok());
  fs::rename(path_ / "identity", root_ / "identity");
  fs::create_symlink(root_ / "identity", path_ / "identity");
  expect_fault(false, StateFault::Damaged, "regular file");
}

TEST_F(StateDirTest, RefusesWhatIsNoDirectoryOrNoFile) {
  std::ofstream(path_) << "text";
  expect_fault(true, StateFault::NotADirectory, "not a directory");
  fs::remove(path_);
  ASSERT_TRUE(start(true).ok());
  fs::remove(path_ / "identity");
  ASSERT_EQ(::mkfifo((path_ / "identity").c_str(), 0600), 0);
  expect_fault(false, StateFault::Damaged, "regular file");
  fs::remove(path_ / "identity");
  fs::create_directory(path_ / "identity");
  EXPECT_FALSE(start(false).ok());
}

TEST_F(StateDirTest, GivesEverythingToTheUserWhoWillRunTheDaemon) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  const StateOwner nobody{65534, 65534};
  for (const bool new_state : {true, false}) {
    auto dir = open_state_dir(path_, new_state, nobody);
    ASSERT_TRUE(dir.ok()) << dir.error().message;
    ASSERT_TRUE(StateStore::open(std::move(dir).value(), options(new_state)).ok());
    for (const auto& path : {path_, path_ / "identity", path_ / "leases", path_ / "lock"}) {
      struct stat info {};
      ASSERT_EQ(::stat(path.c_str(), &info), 0);
      EXPECT_EQ(info.st_uid, nobody.user) << path;
    }
  }
  // Without that user it is a stranger's.
  expect_fault(false, StateFault::Exposed, "belongs to user 65534");
}

TEST_F(StateDirTest, KnowsTheMachineWithoutTellingItsId) {
  const auto file = root_ / "machine-id";
  EXPECT_FALSE(this_machine(file).has_value());
  std::ofstream(file) << "uninitialized\n";
  EXPECT_FALSE(this_machine(file).has_value());
  std::ofstream(file) << "0123456789abcdef0123456789abcdef\n";
  const auto machine = this_machine(file);
  ASSERT_TRUE(machine.has_value());
  // printf 'phalanx machine id v1' | openssl dgst -sha256 -mac HMAC -macopt key:0123...
  EXPECT_EQ(test::to_hex(*machine), "586350b82a3875813de119e6a37a265d");
}

}  // namespace
}  // namespace phalanx::control
