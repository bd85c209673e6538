// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <rte_rcu_qsbr.h>

#include <cstdint>
#include <memory>
#include <string>

#include "phalanx/base/result.hpp"

namespace phalanx::dpdk {

// Quiescent-state reclamation (RCU): readers report that they hold no reference between two bursts;
// the writer learns when all have done so since a given moment.
class Quiescence {
 public:
  using Token = std::uint64_t;

  static base::Result<Quiescence, std::string> create(std::uint32_t readers);

  // Reader threads, each with an id below `readers`.
  void online(unsigned reader) noexcept {
    rte_rcu_qsbr_thread_register(state_.get(), reader);
    rte_rcu_qsbr_thread_online(state_.get(), reader);
  }
  void offline(unsigned reader) noexcept {
    rte_rcu_qsbr_thread_offline(state_.get(), reader);
    rte_rcu_qsbr_thread_unregister(state_.get(), reader);
  }
  void report(unsigned reader) noexcept { rte_rcu_qsbr_quiescent(state_.get(), reader); }

  // Writer thread: a token for "now", and whether every online reader has reported since.
  [[nodiscard]] Token start() noexcept { return rte_rcu_qsbr_start(state_.get()); }
  [[nodiscard]] bool passed(Token token) noexcept {
    return rte_rcu_qsbr_check(state_.get(), token, false) == 1;
  }

 private:
  struct Free {
    void operator()(rte_rcu_qsbr* state) const noexcept;
  };
  explicit Quiescence(rte_rcu_qsbr* state) noexcept : state_(state) {}
  std::unique_ptr<rte_rcu_qsbr, Free> state_;
};

}  // namespace phalanx::dpdk
