// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/control/lease_file.hpp"

namespace phalanx::control {

// What became of one batch of records.
struct LeaseOutcome {
  std::size_t batch = 0;           // 0, 1, 2, ... in the order of submission
  std::optional<FileError> error;  // none: all of it is on the disk
};

// Takes records to the disk while the control thread goes on. Called by the control thread only.
class LeaseWriter {
 public:
  virtual ~LeaseWriter() = default;
  // Batches are written in this order.
  virtual void submit(std::vector<LeaseFile::Write> batch) = 0;
  // Appends what is finished, in order. Costs one load when nothing is.
  virtual void take_done(std::vector<LeaseOutcome>& done) = 0;
  // Waits until all that was submitted is finished, but not longer than this; whether it is.
  [[nodiscard]] virtual bool wait_idle(base::Duration limit) = 0;
};

// A thread that waits for the disk: everything that queued up meanwhile shares one sync. It has the
// CPU affinity of the thread that makes it and takes no signals. A disk that hangs does not keep
// the daemon from ending: the thread is left behind then, with the file and the directory's lock.
class LeaseThread final : public LeaseWriter {
 public:
  explicit LeaseThread(LeaseFile file);
  ~LeaseThread() override;
  LeaseThread(const LeaseThread&) = delete;
  LeaseThread& operator=(const LeaseThread&) = delete;

  void submit(std::vector<LeaseFile::Write> batch) override;
  void take_done(std::vector<LeaseOutcome>& done) override;
  [[nodiscard]] bool wait_idle(base::Duration limit) override;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
  std::size_t taken_ = 0;  // outcomes handed out
};

}  // namespace phalanx::control
