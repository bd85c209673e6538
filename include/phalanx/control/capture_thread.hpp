// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/control/capture.hpp"

namespace phalanx::control {

// Copies of packets on their way to a file, in one block of memory.
class CaptureBatch {
 public:
  struct Packet {
    std::chrono::nanoseconds since_epoch{};
    std::uint32_t original_length = 0;
    std::size_t offset = 0;
    std::size_t length = 0;
  };
  void add(std::chrono::nanoseconds since_epoch, std::uint32_t original_length,
           std::span<const std::byte> bytes);
  void clear() noexcept;
  [[nodiscard]] const std::vector<Packet>& packets() const noexcept { return packets_; }
  [[nodiscard]] std::span<const std::byte> bytes_of(const Packet& packet) const noexcept {
    return std::span(bytes_).subspan(packet.offset, packet.length);
  }

 private:
  std::vector<Packet> packets_;
  std::vector<std::byte> bytes_;
};

// What a capture is made of. All are called on the capture's thread.
struct CaptureEnds {
  // Takes what workers have copied, a bounded part of it at a time, without waiting.
  std::function<void(CaptureBatch&)> take;
  // Tells the workers to copy no more.
  std::function<void()> switch_off;
  // To the file; these may wait for a disk as long as they like.
  std::function<CaptureWrite(const CaptureBatch&, const CaptureBatch::Packet&)> write;
  std::function<bool()> close;
};

// A thread that carries one capture to its file, so that neither workers nor the control thread
// ever wait for a disk: when it is behind, the workers' queues are full and they count what they
// could not copy. It ends when the file is full or fails, and on stop(). Owner: one thread at a
// time.
class CaptureThread {
 public:
  explicit CaptureThread(CaptureEnds ends);
  ~CaptureThread();
  CaptureThread(const CaptureThread&) = delete;
  CaptureThread& operator=(const CaptureThread&) = delete;

  // What was copied before is written still. False when the disk took longer than `limit`: the
  // thread is left behind then, and calls neither take nor switch_off any more.
  bool stop(base::Duration limit) noexcept;

  [[nodiscard]] bool running() const noexcept;
  [[nodiscard]] std::uint64_t packets() const noexcept;
  // After it ended: whether all that it wrote has reached the file.
  [[nodiscard]] bool whole() const noexcept;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace phalanx::control
