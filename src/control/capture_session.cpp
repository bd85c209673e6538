// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/capture_session.hpp"

#include <algorithm>
#include <chrono>

#include "phalanx/base/log.hpp"
#include "phalanx/control/capture.hpp"

namespace phalanx::control {
namespace {

std::chrono::nanoseconds wall_clock() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::system_clock::now().time_since_epoch());
}

}  // namespace

CaptureSession::CaptureSession(dataplane::Dataplane& dataplane) : dataplane_(dataplane) {}
CaptureSession::~CaptureSession() = default;

base::Result<base::Ok, std::string> CaptureSession::start(const CaptureRequest& request) {
  if (file_) return "a capture is running already, into " + request_.path;
  CaptureLimits limits;
  limits.max_packets = request.max_packets;
  limits.snaplen = request.filter.snaplen;
  auto file = CaptureFile::open(request.path, limits);
  if (!file) return file.error();
  file_ = std::move(*file);
  request_ = request;
  packets_ = 0;
  dataplane_.capture().set(request.filter);
  base::log_info("control", "capture starts file=" + request.path);
  return base::Ok{};
}

CaptureStatus CaptureSession::status() const {
  return {file_ != nullptr, request_.path, packets_};
}

CaptureStatus CaptureSession::stop() {
  dataplane_.capture().clear();
  if (!file_) return status();
  if (!file_->close()) base::log_warn("control", "the capture is not complete, the disk is full");
  base::log_info("control",
                 "capture ends file=" + request_.path + " packets=" + std::to_string(packets_));
  file_.reset();
  return status();
}

void CaptureSession::write(const rte_mbuf* copy) {
  if (!file_) return;
  const auto length = std::max<std::uint32_t>(copy->data_len, dataplane::meta_of(copy).length);
  const auto written = file_->write(
      wall_clock(), {rte_pktmbuf_mtod(copy, const std::byte*), copy->data_len}, length);
  if (written == CaptureWrite::Written) {
    ++packets_;
  } else {
    stop();
  }
}

}  // namespace phalanx::control
