// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "phalanx/base/result.hpp"

namespace phalanx::control {

struct CaptureLimits {
  std::uint64_t max_packets = 0;                     // 0: no limit
  std::uint64_t max_bytes = std::uint64_t{1} << 30;  // of the file; 0: no limit
  std::uint32_t snaplen = 262144;                    // bytes kept of a packet, 1..262144
};

enum class CaptureWrite : std::uint8_t {
  Written,
  Full,    // a limit is reached; nothing more is taken
  Failed,  // the file system refused (disk full); nothing more is taken
};

struct CaptureStats {
  std::uint64_t packets = 0;  // written
  std::uint64_t bytes = 0;    // of the file
  std::uint64_t refused = 0;  // offered after a limit or a failure
};

// A pcap file of Ethernet frames with nanosecond time stamps, written by libpcap. One owner; write
// goes to a buffer and from there to the page cache, so it may wait for the disk when that is full
// of dirty pages: bound it by limits.
class CaptureFile {
 public:
  // Creates `path` readable by its owner only. An existing file is replaced only if it is a
  // regular file of one name, not behind a symbolic link, and empty or itself a capture: whoever
  // may ask for a capture must not be able to destroy anything else. The error is a sentence.
  [[nodiscard]] static base::Result<std::unique_ptr<CaptureFile>, std::string> open(
      const std::string& path, const CaptureLimits& limits);
  ~CaptureFile();
  CaptureFile(const CaptureFile&) = delete;
  CaptureFile& operator=(const CaptureFile&) = delete;

  // `frame`: what there is of the packet, from the Ethernet header on; `original_length`: how long
  // it was on the wire, at least frame.size(). `since_epoch`: wall clock.
  CaptureWrite write(std::chrono::nanoseconds since_epoch, std::span<const std::byte> frame,
                     std::uint32_t original_length) noexcept;
  // Hands what is buffered to the file, so that readers see it.
  [[nodiscard]] bool flush() noexcept;
  // Flushes and closes; false when something did not reach the file. Nothing is written afterwards.
  [[nodiscard]] bool close() noexcept;

  [[nodiscard]] const CaptureStats& stats() const noexcept { return stats_; }

 private:
  struct Writer;  // libpcap's handles
  CaptureFile(std::unique_ptr<Writer> writer, const CaptureLimits& limits);

  std::unique_ptr<Writer> writer_;  // null once closed
  CaptureLimits limits_;
  CaptureStats stats_;
  CaptureWrite state_ = CaptureWrite::Written;
};

}  // namespace phalanx::control
