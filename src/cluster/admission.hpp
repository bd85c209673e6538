// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include "core.hpp"

namespace phalanx::cluster {

// Boot identity (P1). Before a node uses a shared key, a quorum has stored its boot:
//
//   Asking --quorum said which boots it knows--> Registering --quorum stored ours--> admitted
//     ^                                             |
//     +---------- refused: somebody knows more -----+
//
// boot = 1 + max(own disk, the quorum's highest), on our disk before anybody hears of it.
class Admission {
 public:
  explicit Admission(Core& core) noexcept : core_(core) {}

  void on(const Header& from, const Hello& hello);
  // True when this reply admitted us.
  [[nodiscard]] bool on(const Header& from, const HelloReply& reply);
  void tick();

 private:
  void choose_boot();
  void admit();
  [[nodiscard]] bool agreed() const;

  Core& core_;
  bool registering_ = false;
  base::BootCount highest_;
  std::vector<base::NodeId> answers_;
  base::TimePoint asked_at_{};
};

}  // namespace phalanx::cluster
