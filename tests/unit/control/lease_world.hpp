// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "phalanx/control/lease_service.hpp"
#include "sim_disk.hpp"

namespace phalanx::test {

// A storage thread that works when it is told to.
class ManualWriter final : public control::LeaseWriter {
 public:
  explicit ManualWriter(control::LeaseFile file) : file_(std::move(file)) {}

  void submit(std::vector<control::LeaseFile::Write> batch) override {
    queue_.push_back(std::move(batch));
  }
  void take_done(std::vector<control::LeaseOutcome>& done) override {
    done.insert(done.end(), done_.begin(), done_.end());
    done_.clear();
  }
  bool wait_idle(base::Duration) override {
    if (hangs) return false;
    while (write_one()) {
    }
    return true;
  }

  // Writes the oldest batch; false when there is none.
  bool write_one() {
    if (queue_.empty()) return false;
    const auto batch = std::move(queue_.front());
    queue_.pop_front();
    const auto result = file_.commit(batch);
    done_.push_back({number_++, result ? std::nullopt : std::optional(result.error())});
    return true;
  }
  [[nodiscard]] std::size_t queued() const noexcept { return queue_.size(); }

  bool hangs = false;

 private:
  control::LeaseFile file_;
  std::deque<std::vector<control::LeaseFile::Write>> queue_;
  std::vector<control::LeaseOutcome> done_;
  std::size_t number_ = 0;
};

// What the service sees of an SA.
struct FakeSa {
  std::uint64_t number = 0;
  std::uint64_t packets = 0;
  mutable std::uint64_t looks = 0;
  ipsec::LeaseGate gate;

  control::LeaseSource source() {
    const auto use = [](const void* of) noexcept {
      const auto* sa = static_cast<const FakeSa*>(of);
      ++sa->looks;
      return cluster::LeaseUse{sa->number, sa->packets};
    };
    return {this, use, &gate};
  }
};

inline constexpr control::StateId kWorldState = {std::byte{0x77}};

}  // namespace phalanx::test
