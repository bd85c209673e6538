// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/lease_writer.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "start_thread.hpp"

namespace phalanx::control {
namespace {

// How long the end of the daemon waits for a disk, before it leaves the thread behind.
constexpr auto kLastWait = std::chrono::milliseconds(100);

}  // namespace

struct LeaseThread::Shared {
  explicit Shared(LeaseFile leases) : file(std::move(leases)) {}

  void run() noexcept;

  LeaseFile file;  // storage thread
  std::thread thread;

  std::mutex mutex;  // guards what follows
  std::condition_variable work;
  std::condition_variable idle;
  std::vector<std::vector<LeaseFile::Write>> queue;
  std::vector<LeaseOutcome> done;
  std::size_t submitted = 0;
  bool stop = false;
  bool ended = false;

  std::atomic<std::size_t> finished{0};  // batches; writer: storage thread; reader: control thread
};

void LeaseThread::Shared::run() noexcept {
  std::vector<LeaseFile::Write> writes;
  std::unique_lock lock(mutex);
  while (true) {
    work.wait(lock, [this] { return stop || !queue.empty(); });
    if (queue.empty()) break;
    const auto batches = std::exchange(queue, {});
    lock.unlock();

    writes.clear();
    for (const auto& batch : batches) writes.insert(writes.end(), batch.begin(), batch.end());
    const auto placed = file.place(writes);
    const auto result = placed ? file.commit(writes) : placed;

    lock.lock();
    auto number = finished.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < batches.size(); ++i, ++number) {
      done.push_back({number, result ? std::nullopt : std::optional(result.error())});
    }
    finished.store(number, std::memory_order_release);
    idle.notify_all();
  }
  ended = true;
  idle.notify_all();
}

LeaseThread::LeaseThread(LeaseFile file) : shared_(std::make_shared<Shared>(std::move(file))) {
  // The thread shares the ownership: it may outlive us.
  shared_->thread = start_thread("phx-storage", [shared = shared_]() noexcept { shared->run(); });
}

LeaseThread::~LeaseThread() {
  std::unique_lock lock(shared_->mutex);
  shared_->stop = true;
  shared_->work.notify_all();
  const bool ended = shared_->idle.wait_for(lock, kLastWait, [this] { return shared_->ended; });
  auto thread = std::move(shared_->thread);
  lock.unlock();
  if (ended) {
    thread.join();
  } else {
    thread.detach();
  }
}

void LeaseThread::submit(std::vector<LeaseFile::Write> batch) {
  const std::lock_guard lock(shared_->mutex);
  shared_->queue.push_back(std::move(batch));
  ++shared_->submitted;
  shared_->work.notify_one();
}

void LeaseThread::take_done(std::vector<LeaseOutcome>& done) {
  if (shared_->finished.load(std::memory_order_acquire) == taken_) return;
  const std::lock_guard lock(shared_->mutex);
  done.insert(done.end(), shared_->done.begin(), shared_->done.end());
  taken_ += shared_->done.size();
  shared_->done.clear();
}

bool LeaseThread::wait_idle(base::Duration limit) {
  std::unique_lock lock(shared_->mutex);
  return shared_->idle.wait_for(lock, limit, [this] {
    return shared_->finished.load(std::memory_order_relaxed) == shared_->submitted;
  });
}

}  // namespace phalanx::control
