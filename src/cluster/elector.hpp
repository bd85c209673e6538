// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include "core.hpp"

namespace phalanx::cluster {

// Election of the master by terms and votes.
//
//   Idle --no master for 3 heartbeats and our rank's delay--> Asking (pre-vote, changes nothing)
//   Asking --quorum would--> Voting (term + 1, votes for itself) --quorum did--> master
//
// Votes carry the newest stored allocation and the frozen streams, so whoever wins knows every
// allocation that may be committed: there is no need to elect the best informed.
class Elector {
 public:
  explicit Elector(Core& core) noexcept : core_(core) {}

  void on(const Header& from, const VoteRequest& request);
  // True when this reply made us master.
  [[nodiscard]] bool on(const Header& from, const VoteReply& reply);
  // True when we are the whole electorate and became master.
  [[nodiscard]] bool tick();
  void stop() noexcept { phase_ = Phase::Idle; }
  // Only the old voters of an open change elected us: to withdraw it, before anything else.
  [[nodiscard]] bool withdraws() const noexcept { return withdraws_; }
  // Streams that the voters who elected us had frozen.
  [[nodiscard]] const std::vector<StreamId>& frozen() const noexcept { return frozen_; }

 private:
  enum class Phase : std::uint8_t { Idle, Asking, Voting };

  [[nodiscard]] bool hears_master() const;
  [[nodiscard]] base::Duration patience() const;
  void ask(bool pre);
  [[nodiscard]] bool advance();
  [[nodiscard]] bool elected();

  Core& core_;
  Phase phase_ = Phase::Idle;
  base::Term term_;  // asked for
  Agreement agreement_;
  std::vector<StreamId> frozen_;
  bool withdraws_ = false;
  base::TimePoint asked_at_{};
  base::TimePoint lonely_since_{};
};

}  // namespace phalanx::cluster
