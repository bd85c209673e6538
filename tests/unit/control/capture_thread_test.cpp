// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/capture_thread.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>

namespace phalanx::control {
namespace {

using namespace std::chrono_literals;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

// Stands in for workers and disk. Shared with the capture's thread, which may outlive a test.
struct World {
  std::atomic<int> to_copy{0};  // packets that workers have ready
  std::atomic<bool> copying{true};
  std::atomic<int> takes{0};
  std::atomic<int> closed{0};
  int room = 1000;      // packets that the file takes
  std::string content;  // of the file; read when the capture has ended
  std::atomic<bool> told{false};
  std::promise<void> reached_disk;
  std::shared_future<void> disk_answers;  // not valid: the disk is fast
};

CaptureEnds ends_of(const std::shared_ptr<World>& world) {
  CaptureEnds ends;
  ends.take = [world](CaptureBatch& batch) {
    ++world->takes;
    for (int i = 0; i < 3 && world->to_copy > 0; ++i, --world->to_copy) {
      batch.add(1s, 5, bytes_of("packet"));
    }
  };
  ends.switch_off = [world] { world->copying = false; };
  ends.write = [world](const CaptureBatch& batch, const CaptureBatch::Packet& packet) {
    if (world->disk_answers.valid()) {
      if (!world->told.exchange(true)) world->reached_disk.set_value();
      world->disk_answers.wait();
    }
    if (world->room-- == 0) return CaptureWrite::Full;
    const auto bytes = batch.bytes_of(packet);
    world->content.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return CaptureWrite::Written;
  };
  ends.close = [world] {
    ++world->closed;
    return true;
  };
  return ends;
}

TEST(CaptureThread, WritesWhatWasCopiedBeforeItWasStopped) {
  const auto world = std::make_shared<World>();
  world->to_copy = 100;
  CaptureThread thread(ends_of(world));
  EXPECT_TRUE(thread.stop(1min));
  EXPECT_EQ(thread.packets(), 100U);
  EXPECT_EQ(world->content.size(), 600U);
  EXPECT_EQ(world->closed, 1);
  EXPECT_FALSE(world->copying);
  EXPECT_FALSE(thread.running());
  EXPECT_TRUE(thread.whole());
  EXPECT_TRUE(thread.stop(1min)) << "once more does no harm";
}

TEST(CaptureThread, EndsByItselfWhenTheFileIsFull) {
  const auto world = std::make_shared<World>();
  world->room = 7;
  world->to_copy = 100;
  CaptureThread thread(ends_of(world));
  while (thread.running()) std::this_thread::yield();
  EXPECT_FALSE(world->copying);
  EXPECT_EQ(thread.packets(), 7U);
  EXPECT_EQ(world->closed, 1);
}

// Whoever stops a capture is not kept by a disk that does not answer, and what the capture was
// about may be destroyed: only the file is used by then.
TEST(CaptureThread, IsLeftBehindWhenTheDiskDoesNotAnswer) {
  const auto world = std::make_shared<World>();
  std::promise<void> disk;
  world->disk_answers = disk.get_future().share();
  world->to_copy = 100;
  auto reached = world->reached_disk.get_future();
  {
    CaptureThread thread(ends_of(world));
    reached.wait();
    EXPECT_FALSE(thread.stop(base::Duration::zero()));
    EXPECT_FALSE(thread.running());
    EXPECT_EQ(thread.packets(), 0U);
  }
  const int takes = world->takes;
  EXPECT_GT(world->to_copy, 0) << "the queues are left to fill up";
  disk.set_value();
  while (world->closed == 0) std::this_thread::yield();
  EXPECT_EQ(world->takes, takes);
  EXPECT_TRUE(world->copying) << "the switch was touched";
}

}  // namespace
}  // namespace phalanx::control
