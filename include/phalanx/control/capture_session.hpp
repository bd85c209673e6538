// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <memory>
#include <string>

#include "phalanx/base/result.hpp"
#include "phalanx/dataplane/capture_filter.hpp"
#include "phalanx/dataplane/dataplane.hpp"

namespace phalanx::control {

class CaptureFile;

struct CaptureRequest {
  dataplane::CaptureFilter filter;
  std::string path;
  std::uint64_t max_packets = 0;  // 0: until it is stopped
};

struct CaptureStatus {
  bool running = false;
  std::string path;
  std::uint64_t packets = 0;
};

// The one capture that may run: switches the workers' copying on, and writes what they copied to a
// file. Control thread only.
class CaptureSession {
 public:
  explicit CaptureSession(dataplane::Dataplane& dataplane);
  ~CaptureSession();
  CaptureSession(const CaptureSession&) = delete;
  CaptureSession& operator=(const CaptureSession&) = delete;

  base::Result<base::Ok, std::string> start(const CaptureRequest& request);
  // Ends it; what it had written. Without one: as it ended.
  CaptureStatus stop();
  [[nodiscard]] CaptureStatus status() const;

  // A copy from a worker; the caller frees it.
  void write(const rte_mbuf* copy);

 private:
  dataplane::Dataplane& dataplane_;
  std::unique_ptr<CaptureFile> file_;
  CaptureRequest request_;
  std::uint64_t packets_ = 0;
};

}  // namespace phalanx::control
