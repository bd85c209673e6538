// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <cstdint>
#include <memory>
#include <string>

#include "phalanx/base/result.hpp"

namespace phalanx::dpdk {

// Pool of packet buffers: RTE_PKTMBUF_HEADROOM bytes in front of each packet, `private_bytes`
// behind the mbuf header, `data_bytes` for the packet.
class Mempool {
 public:
  struct Options {
    std::string name;
    std::uint32_t buffers = 8192;
    std::uint16_t private_bytes = 0;
    std::uint16_t data_bytes = 2048;
  };
  static base::Result<Mempool, std::string> create(const Options& options);

  [[nodiscard]] rte_mempool* get() const noexcept { return pool_.get(); }
  [[nodiscard]] std::uint32_t size() const noexcept { return pool_->size; }
  // Buffers that are neither in the pool nor in a lcore's cache. 0 after everything was freed.
  [[nodiscard]] std::uint32_t in_use() const noexcept {
    return rte_mempool_in_use_count(pool_.get());
  }

 private:
  struct Free {
    void operator()(rte_mempool* pool) const noexcept { rte_mempool_free(pool); }
  };
  explicit Mempool(rte_mempool* pool) noexcept : pool_(pool) {}
  std::unique_ptr<rte_mempool, Free> pool_;
};

}  // namespace phalanx::dpdk
