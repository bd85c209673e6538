// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/capture_thread.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "start_thread.hpp"

namespace phalanx::control {
namespace {

using namespace std::chrono_literals;

// The pause when nothing was there to take: the workers' queues hold hundreds of packets.
constexpr auto kRest = 1ms;

}  // namespace

void CaptureBatch::add(std::chrono::nanoseconds since_epoch, std::uint32_t original_length,
                       std::span<const std::byte> bytes) {
  packets_.push_back({since_epoch, original_length, bytes_.size(), bytes.size()});
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

void CaptureBatch::clear() noexcept {
  packets_.clear();
  bytes_.clear();
}

struct CaptureThread::Shared {
  explicit Shared(CaptureEnds given) : ends(std::move(given)) {}

  void run() noexcept;
  [[nodiscard]] bool take();
  [[nodiscard]] bool write();

  const CaptureEnds ends;
  CaptureBatch batch;  // capture thread
  std::thread thread;

  std::mutex mutex;  // guards the bools, and keeps take and switch_off from running after abandoned
  std::condition_variable changed;
  bool stop = false;
  bool abandoned = false;
  bool ended = false;
  bool whole = false;

  std::atomic<std::uint64_t> packets{0};  // written
};

// False: nothing is left and nothing more is wanted.
bool CaptureThread::Shared::take() {
  batch.clear();
  std::unique_lock lock(mutex);
  if (abandoned) return false;
  ends.take(batch);
  if (!batch.packets().empty()) return true;
  if (stop) return false;
  changed.wait_for(lock, kRest, [this] { return stop; });
  return true;
}

bool CaptureThread::Shared::write() {
  for (const auto& packet : batch.packets()) {
    if (ends.write(batch, packet) != CaptureWrite::Written) return false;
    packets.fetch_add(1, std::memory_order_relaxed);
  }
  return true;
}

void CaptureThread::Shared::run() noexcept {
  while (take() && write()) {
  }
  {
    const std::lock_guard lock(mutex);
    if (!abandoned) ends.switch_off();
  }
  const bool complete = ends.close();
  const std::lock_guard lock(mutex);
  whole = complete;
  ended = true;
  changed.notify_all();
}

CaptureThread::CaptureThread(CaptureEnds ends)
    : shared_(std::make_shared<Shared>(std::move(ends))) {
  // The thread shares the ownership: it may outlive us.
  shared_->thread = start_thread("phx-capture", [shared = shared_]() noexcept { shared->run(); });
}

CaptureThread::~CaptureThread() {
  stop(base::Duration::zero());
}

bool CaptureThread::stop(base::Duration limit) noexcept {
  std::unique_lock lock(shared_->mutex);
  shared_->stop = true;
  shared_->changed.notify_all();
  const bool ended = shared_->changed.wait_for(lock, limit, [this] { return shared_->ended; });
  shared_->abandoned = !ended;
  auto thread = std::move(shared_->thread);
  lock.unlock();
  if (!thread.joinable()) return ended;  // stopped before
  if (ended) {
    thread.join();
  } else {
    thread.detach();
  }
  return ended;
}

bool CaptureThread::running() const noexcept {
  const std::lock_guard lock(shared_->mutex);
  return !shared_->ended && !shared_->abandoned;
}

std::uint64_t CaptureThread::packets() const noexcept {
  return shared_->packets.load(std::memory_order_relaxed);
}

bool CaptureThread::whole() const noexcept {
  const std::lock_guard lock(shared_->mutex);
  return shared_->whole;
}

}  // namespace phalanx::control
