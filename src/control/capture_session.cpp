// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/capture_session.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "phalanx/base/log.hpp"

namespace phalanx::control {
namespace {

using namespace std::chrono_literals;

// How long the end of a capture waits for the disk.
constexpr auto kStopLimit = 300ms;
constexpr unsigned kBurst = 32;

std::chrono::nanoseconds wall_clock() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::system_clock::now().time_since_epoch());
}

}  // namespace

CaptureSession::CaptureSession(dataplane::Dataplane& dataplane, const base::Clock& clock)
    : dataplane_(dataplane), clock_(clock) {}

CaptureSession::~CaptureSession() {
  stop();
}

base::Result<base::Ok, std::string> CaptureSession::start(const CaptureRequest& request) {
  const std::lock_guard lock(mutex_);
  if (thread_ && thread_->running()) return "a capture is running already, into " + request_.path;
  thread_.reset();
  CaptureLimits limits;
  limits.max_packets = request.max_packets;
  limits.snaplen = request.filter.snaplen;
  auto opened = CaptureFile::open(request.path, limits);
  if (!opened) return opened.error();
  request_ = request;
  // What workers copied after the last capture had ended.
  CaptureBatch old;
  do {
    old.clear();
    take(old);
  } while (!old.packets().empty());
  // std::function wants what can be copied.
  const std::shared_ptr<CaptureFile> file(std::move(*opened));
  CaptureEnds ends;
  ends.take = [this](CaptureBatch& batch) { take(batch); };
  ends.switch_off = [this] { dataplane_.capture().clear(); };
  ends.write = [file](const CaptureBatch& batch, const CaptureBatch::Packet& packet) {
    return file->write(packet.since_epoch, batch.bytes_of(packet), packet.original_length);
  };
  ends.close = [file, path = request.path] {
    const bool whole = file->close();
    // Said where it is noticed: a full disk ends a capture long before anybody asks for it.
    if (!whole)
      base::log_warn("control", "the capture is not complete, the disk is full file=" + path);
    return whole;
  };
  dataplane_.capture().set(request.filter);
  thread_ = std::make_unique<CaptureThread>(std::move(ends));
  base::log_info("control", "capture starts file=" + request.path);
  return base::Ok{};
}

CaptureStatus CaptureSession::status() const {
  const std::lock_guard lock(mutex_);
  return status_locked();
}

CaptureStatus CaptureSession::status_locked() const {
  if (!thread_) return {};
  const bool running = thread_->running();
  return {running, request_.path, thread_->packets(), running || thread_->whole()};
}

CaptureStatus CaptureSession::stop() {
  const std::lock_guard lock(mutex_);
  if (!thread_) return {};
  const bool was_running = thread_->running();
  dataplane_.capture().clear();
  const bool ended = thread_->stop(kStopLimit);
  auto status = status_locked();
  if (was_running) {
    if (!ended) base::log_warn("control", "the capture is cut short, the disk is slow");
    base::log_info("control", "capture ends file=" + request_.path +
                                  " packets=" + std::to_string(status.packets));
  }
  return status;
}

// One burst of each worker. The worker stamped its copies; the file wants the time of day.
void CaptureSession::take(CaptureBatch& batch) const {
  const auto offset = wall_clock() - clock_.now().time_since_epoch();
  std::array<rte_mbuf*, kBurst> packets;
  for (std::size_t worker = 0; worker < dataplane_.num_workers(); ++worker) {
    const auto count = dataplane_.pop_captured(worker, packets);
    for (unsigned i = 0; i < count; ++i) {
      const auto& meta = dataplane::meta_of(packets[i]);
      const auto length = std::max<std::uint32_t>(packets[i]->data_len, meta.length);
      batch.add(meta.deadline.time_since_epoch() + offset, length,
                {rte_pktmbuf_mtod(packets[i], const std::byte*), packets[i]->data_len});
    }
    rte_pktmbuf_free_bulk(packets.data(), count);
  }
}

}  // namespace phalanx::control
