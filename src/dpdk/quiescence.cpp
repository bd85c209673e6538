// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dpdk/quiescence.hpp"

#include <rte_malloc.h>

#include "phalanx/dpdk/eal.hpp"

namespace phalanx::dpdk {

void Quiescence::Free::operator()(rte_rcu_qsbr* state) const noexcept {
  rte_free(state);
}

base::Result<Quiescence, std::string> Quiescence::create(std::uint32_t readers) {
  const auto bytes = rte_rcu_qsbr_get_memsize(readers);
  auto* state = static_cast<rte_rcu_qsbr*>(rte_zmalloc("phalanx_qsbr", bytes, RTE_CACHE_LINE_SIZE));
  if (state == nullptr) return std::string("no memory for the quiescence state of the workers");
  if (rte_rcu_qsbr_init(state, readers) != 0) {
    rte_free(state);
    return "the quiescence state did not start: " + error_text();
  }
  return Quiescence(state);
}

}  // namespace phalanx::dpdk
