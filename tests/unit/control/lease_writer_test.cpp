// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/lease_writer.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lease_world.hpp"
#include "phalanx/control/state_store.hpp"

namespace phalanx::control {
namespace {

using cluster::LeaseDirection;
using cluster::LeaseKey;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::SimDisk;
namespace fs = std::filesystem;

constexpr LeaseKey kKey{base::Uid(1), LeaseDirection::Outbound};

std::vector<LeaseFile::Write> write_of(std::uint32_t slot, std::uint64_t number) {
  cluster::LeaseRecord record;
  record.key = kKey;
  record.number = number;
  return {{slot, record}};
}

// A disk whose syncs wait until they are let through.
class SlowDisk {
 public:
  SlowDisk() {
    EXPECT_TRUE(LeaseFile::create(*disk_.dir(), test::kWorldState).ok());
    // Tells when nobody holds the directory any more: the thread, too, has ended.
    auto dir = disk_.dir();
    auto* raw = dir.get();
    auto watched = std::shared_ptr<StateDir>(
        raw, [this, kept = std::move(dir)](StateDir*) mutable { released_.set_value(); });
    auto file = LeaseFile::open(std::move(watched), test::kWorldState);
    EXPECT_TRUE(file.ok());
    file_ = std::make_unique<LeaseFile>(std::move(file).value());
    slot_ = file_->assign(std::span(&kKey, 1))->front().slot;
    disk_.fate = [this](SimDisk::Op op) { return decide(op); };
  }

  LeaseFile take_file() { return std::move(*std::exchange(file_, nullptr)); }
  [[nodiscard]] std::uint32_t slot() const { return slot_; }
  void wait_until_released() { released_.get_future().wait(); }

  void wait_for_syncs(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return begun_ >= count; });
  }
  void let_through(SimDisk::Fate fate = SimDisk::Fate::Good) {
    const std::lock_guard lock(mutex_);
    fate_ = fate;
    open_ = true;
    changed_.notify_all();
  }
  void hold() {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  int syncs() {
    const std::lock_guard lock(mutex_);
    return begun_;
  }

 private:
  SimDisk::Fate decide(SimDisk::Op op) {
    if (op != SimDisk::Op::Sync) return SimDisk::Fate::Good;
    std::unique_lock lock(mutex_);
    ++begun_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    return fate_;
  }

  SimDisk disk_{5};
  std::promise<void> released_;
  std::unique_ptr<LeaseFile> file_;
  std::uint32_t slot_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  int begun_ = 0;
  bool open_ = false;
  SimDisk::Fate fate_ = SimDisk::Fate::Good;
};

TEST(LeaseThread, BatchesThatQueueUpShareOneSync) {
  SlowDisk disk;
  {
    LeaseThread thread(disk.take_file());
    std::vector<LeaseOutcome> done;
    thread.submit(write_of(disk.slot(), 1));
    disk.wait_for_syncs(1);
    for (std::uint64_t i = 0; i < 20; ++i) thread.submit(write_of(disk.slot(), 2 + i));
    thread.take_done(done);
    EXPECT_TRUE(done.empty());
    EXPECT_FALSE(thread.wait_idle(milliseconds(0)));
    disk.let_through();
    EXPECT_TRUE(thread.wait_idle(seconds(60)));
    thread.take_done(done);
    ASSERT_EQ(done.size(), 21U);
    for (std::size_t i = 0; i < done.size(); ++i) {
      EXPECT_EQ(done[i].batch, i);
      EXPECT_FALSE(done[i].error.has_value());
    }
    EXPECT_EQ(disk.syncs(), 2);
    thread.take_done(done);
    EXPECT_EQ(done.size(), 21U);
  }
  disk.wait_until_released();
}

TEST(LeaseThread, EveryBatchOfAFailedSyncFails) {
  SlowDisk disk;
  {
    LeaseThread thread(disk.take_file());
    thread.submit(write_of(disk.slot(), 1));
    disk.let_through(SimDisk::Fate::Error);
    ASSERT_TRUE(thread.wait_idle(seconds(60)));
    disk.let_through(SimDisk::Fate::Good);
    thread.submit(write_of(disk.slot(), 2));
    ASSERT_TRUE(thread.wait_idle(seconds(60)));
    std::vector<LeaseOutcome> done;
    thread.take_done(done);
    ASSERT_EQ(done.size(), 2U);
    ASSERT_TRUE(done[0].error.has_value());
    EXPECT_EQ(done[0].error->fault, FileFault::Io);
    EXPECT_FALSE(done[1].error.has_value());
  }
  disk.wait_until_released();
}

TEST(LeaseThread, WritesWhatIsQueuedBeforeItEnds) {
  SlowDisk disk;
  disk.let_through();
  {
    LeaseThread thread(disk.take_file());
    for (std::uint64_t i = 0; i < 5; ++i) thread.submit(write_of(disk.slot(), i));
  }
  disk.wait_until_released();
  EXPECT_GE(disk.syncs(), 1);
}

TEST(LeaseThread, ADiskThatHangsDoesNotKeepTheDaemonFromEnding) {
  SlowDisk disk;
  {
    LeaseThread thread(disk.take_file());
    thread.submit(write_of(disk.slot(), 1));
    disk.wait_for_syncs(1);
  }
  disk.let_through();
  disk.wait_until_released();
}

// ---- real threads, real files, real kills

// Shared with the processes that are killed.
struct Board {
  static constexpr std::size_t kNumbers = 1 << 20;
  std::uint64_t boots[64];
  std::uint8_t sent[kNumbers];
};

// One life: sends by the service's rules until it kills itself, with the storage thread wherever it
// is then. Never returns.
[[noreturn]] void live(const std::string& path, bool born, std::uint64_t packets, Board& board,
                       std::size_t life) {
  auto dir = open_state_dir(path, !born, std::nullopt);
  if (!dir) _exit(2);
  StateOptions options;
  options.new_state = !born;
  auto store = StateStore::open(std::move(dir).value(), options);
  if (!store) _exit(3);
  board.boots[life] = store->identity().boot.value();
  std::uint64_t token = 0;
  const QuiescenceProbe probe{[&token] { return ++token; }, [](std::uint64_t) { return true; }};
  const std::vector<LeaseSpec> specs = {{kKey, true}};
  base::TimePoint now{seconds(1)};
  auto service = LeaseService::open(store->take_leases(), specs, probe, now);
  if (!service) _exit(4);
  test::FakeSa sa;
  sa.number = (*service)->start(0).first - 1;
  (*service)->attach(0, sa.source());
  while (packets > 0) {
    if (sa.gate.wants_raise(sa.number)) (*service)->on_raise_request(0, now);
    if (sa.gate.allows(sa.number + 1)) {
      ++sa.number;
      ++sa.packets;
      ++board.sent[sa.number % Board::kNumbers];
      --packets;
    } else {
      std::this_thread::yield();
    }
    now += std::chrono::microseconds(10);
    (*service)->step(now);
  }
  ::kill(::getpid(), SIGKILL);
  _exit(5);
}

TEST(LeaseThread, KilledProcessesSendNothingTwice) {
  std::string root = fs::temp_directory_path() / "phalanx_kill_XXXXXX";
  ASSERT_NE(mkdtemp(root.data()), nullptr);
  auto* memory =
      ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto& board = *static_cast<Board*>(memory);
  constexpr std::uint64_t kSeed = 4711;
  std::mt19937_64 random(kSeed);
  constexpr std::size_t kLives = 40;
  std::uint64_t packets = 0;
  for (std::size_t life = 0; life < kLives; ++life) {
    const auto share = 1 + random() % 3000;
    packets += share;
    const auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) live(root + "/state", life != 0, share, board, life);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "exit status " << WEXITSTATUS(status);
    ASSERT_EQ(WTERMSIG(status), SIGKILL);
    ASSERT_EQ(board.boots[life], life + 1);
  }
  EXPECT_EQ(std::count(std::begin(board.sent), std::end(board.sent), 1),
            static_cast<std::ptrdiff_t>(packets))
      << "seed " << kSeed;
  ::munmap(memory, sizeof(Board));
  fs::remove_all(root);
}

}  // namespace
}  // namespace phalanx::control
