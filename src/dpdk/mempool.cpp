// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dpdk/mempool.hpp"

#include <rte_lcore.h>

#include <algorithm>

#include "phalanx/dpdk/eal.hpp"

namespace phalanx::dpdk {

base::Result<Mempool, std::string> Mempool::create(const Options& options) {
  // A lcore's cache must not swallow a small pool: at most an eighth of it, and DPDK's limits.
  const auto cache = std::min<std::uint32_t>(256, options.buffers / 8);
  rte_mempool* pool =
      rte_pktmbuf_pool_create(options.name.c_str(), options.buffers, cache, options.private_bytes,
                              static_cast<std::uint16_t>(RTE_PKTMBUF_HEADROOM + options.data_bytes),
                              static_cast<int>(rte_socket_id()));
  if (pool == nullptr) {
    return "no memory for " + std::to_string(options.buffers) + " packet buffers of " +
           std::to_string(options.data_bytes) +
           " bytes (limits.mbufs, eal.memory_mb): " + error_text();
  }
  return Mempool(pool);
}

}  // namespace phalanx::dpdk
