// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "phalanx/base/clock.hpp"
#include "phalanx/base/result.hpp"
#include "phalanx/control/capture_thread.hpp"
#include "phalanx/dataplane/capture_filter.hpp"
#include "phalanx/dataplane/dataplane.hpp"

namespace phalanx::control {

struct CaptureRequest {
  dataplane::CaptureFilter filter;
  std::string path;
  std::uint64_t max_packets = 0;  // 0: until it is stopped
};

struct CaptureStatus {
  bool running = false;
  std::string path;
  std::uint64_t packets = 0;
  bool complete = true;  // false: the file system refused the rest
};

// The one capture that may run: switches the workers' copying on, and has a thread write what they
// copied to a file. For management threads; opening and closing a file may wait for a disk.
class CaptureSession {
 public:
  CaptureSession(dataplane::Dataplane& dataplane, const base::Clock& clock);
  ~CaptureSession();
  CaptureSession(const CaptureSession&) = delete;
  CaptureSession& operator=(const CaptureSession&) = delete;

  base::Result<base::Ok, std::string> start(const CaptureRequest& request);
  // Ends it; what it had written. Without one: as it ended.
  CaptureStatus stop();
  [[nodiscard]] CaptureStatus status() const;

 private:
  [[nodiscard]] CaptureStatus status_locked() const;
  void take(CaptureBatch& batch) const;

  dataplane::Dataplane& dataplane_;
  const base::Clock& clock_;
  mutable std::mutex mutex_;  // guards what follows
  std::unique_ptr<CaptureThread> thread_;
  CaptureRequest request_;
};

}  // namespace phalanx::control
