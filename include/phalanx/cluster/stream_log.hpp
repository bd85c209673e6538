// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "phalanx/cluster/planted.hpp"
#include "phalanx/cluster/record.hpp"

namespace phalanx::cluster {

// What one voter holds of one stream: a contiguous run of records. Indices begin at 1; everything
// up to start() is in the table already and no longer here.
//
//        start            applied         commit        held
//   -------|-----------------|---------------|------------|
//   gone   | kept for others | to be applied | not yet agreed
//
class StreamLog {
 public:
  explicit StreamLog(std::uint64_t start = 0) noexcept
      : start_(start), applied_(start), noted_(start), covered_(start) {}

  [[nodiscard]] std::uint64_t start() const noexcept { return start_; }
  [[nodiscard]] std::uint64_t held() const noexcept { return start_ + records_.size(); }
  [[nodiscard]] std::uint64_t applied() const noexcept { return applied_; }
  [[nodiscard]] std::uint64_t commit() const noexcept { return commit_; }
  // Up to here our disk has leases as high as all in the records (cluster/disk_leases.hpp): only so
  // far do we say as voters that we hold the stream. noted(): the records that were looked at.
  [[nodiscard]] std::uint64_t covered() const noexcept { return covered_; }
  [[nodiscard]] std::uint64_t noted() const noexcept { return noted_; }
  [[nodiscard]] bool frozen() const noexcept { return frozen_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

  // nullptr unless start() < index <= held().
  [[nodiscard]] const Record* at(std::uint64_t index) const noexcept {
    if (index <= start_ || index > held()) return nullptr;
    return &records_[static_cast<std::size_t>(index - start_ - 1)];
  }

  // Adds what continues the log; returns how many records were new. What is held already and what
  // leaves a gap is ignored. Levelling may extend a frozen log, its origin may not.
  std::size_t extend(std::uint64_t first, std::span<const Record> records) {
    if (first > held() + 1 || first + records.size() <= held() + 1) return 0;
    const auto fresh = records.subspan(static_cast<std::size_t>(held() + 1 - first));
    for (const auto& record : fresh) append(record);
    return fresh.size();
  }
  void append(const Record& record) {
    bytes_ += wire_size(record);
    records_.push_back(record);
  }

  void freeze() noexcept { frozen_ = true; }
  void raise_commit(std::uint64_t commit) noexcept { commit_ = std::max(commit_, commit); }
  void set_applied(std::uint64_t applied) noexcept { applied_ = applied; }
  void set_noted(std::uint64_t noted) noexcept { noted_ = noted; }
  void set_covered(std::uint64_t covered) noexcept { covered_ = std::max(covered_, covered); }

  // Forgets records that are applied and covered here and that nobody will ask for.
  void forget(std::uint64_t up_to) {
    up_to = std::min({up_to, applied_, covered_});
    while (start_ < up_to) {
      bytes_ -= wire_size(records_.front());
      records_.pop_front();
      ++start_;
    }
  }
  // Records from `from` on, at least one if there is one, at most `limit` bytes.
  [[nodiscard]] std::vector<Record> read(std::uint64_t from, std::size_t limit) const {
    std::vector<Record> out;
    std::size_t bytes = 0;
    for (auto index = from; const Record* record = at(index); ++index) {
      bytes += wire_size(*record);
      if (!out.empty() && bytes > limit) break;
      out.push_back(*record);
    }
    return out;
  }

 private:
  std::uint64_t start_ = 0;
  std::uint64_t applied_ = 0;
  std::uint64_t noted_ = 0;
  std::uint64_t covered_ = 0;
  std::uint64_t commit_ = 0;
  bool frozen_ = false;
  std::size_t bytes_ = 0;
  std::deque<Record> records_;
};

}  // namespace phalanx::cluster
