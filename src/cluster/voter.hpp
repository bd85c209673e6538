// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include "core.hpp"
#include "owner.hpp"

namespace phalanx::cluster {

// The duties of a voter towards streams and allocations of others: store, freeze, report, hand on.
class Voter {
 public:
  Voter(Core& core, Owner& owner) noexcept : core_(core), owner_(owner) {}

  void on(const Header& from, const Records& message);
  void on(const Header& from, const Fetch& message);
  void on(const Header& from, const Freeze& message);
  void on(const Header& from, const Propose& message);
  // The peer knows how far its stream is agreed, and which allocation is.
  void on(const Header& from, const Heartbeat& message);
  void tick();

  // The disk has more leases: what waits for them can be acknowledged.
  void on_disk();

  // Freezes one stream here; ours as well.
  void freeze(const StreamId& stream);
  // After anything that may let the table move on.
  void advance();
  [[nodiscard]] bool lags() const noexcept { return lags_ || core_.memory.table_lags(); }
  [[nodiscard]] bool gap() const noexcept { return lags_; }
  void caught_up() noexcept {
    lags_ = false;
    early_.clear();
  }

 private:
  void extend(StreamLog& log, const Records& message);
  void acknowledge_allocation();
  void fetch_missing();
  void forget_strangers();

  Core& core_;
  Owner& owner_;
  // Records that came before those they continue: networks reorder.
  std::map<StreamId, std::map<std::uint64_t, std::vector<Record>>> early_;
  bool lags_ = false;            // a stream's records are gone at its origin
  bool unacknowledged_ = false;  // `newest` waits for its prefixes
  Version heeded_;               // newest allocation that our stream was compared with
  base::TimePoint fetched_at_{};
  base::TimePoint tidied_at_{};
};

}  // namespace phalanx::cluster
