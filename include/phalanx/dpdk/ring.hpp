// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <cstdint>
#include <memory>
#include <string>

#include "phalanx/base/result.hpp"

namespace phalanx::dpdk {

// Queue of packets between exactly one producing and one consuming thread.
class PacketRing {
 public:
  // slots: a power of two; slots - 1 packets fit.
  static base::Result<PacketRing, std::string> create(const std::string& name, std::uint32_t slots);

  // Producer: how many of the packets went in; the caller keeps the rest.
  unsigned push(rte_mbuf* const* packets, unsigned count) noexcept {
    return rte_ring_sp_enqueue_burst(ring_.get(), reinterpret_cast<void* const*>(packets), count,
                                     nullptr);
  }
  // Consumer: up to `capacity` packets.
  unsigned pop(rte_mbuf** packets, unsigned capacity) noexcept {
    return rte_ring_sc_dequeue_burst(ring_.get(), reinterpret_cast<void**>(packets), capacity,
                                     nullptr);
  }
  [[nodiscard]] unsigned size() const noexcept { return rte_ring_count(ring_.get()); }

 private:
  struct Free {
    void operator()(rte_ring* ring) const noexcept { rte_ring_free(ring); }
  };
  explicit PacketRing(rte_ring* ring) noexcept : ring_(ring) {}
  std::unique_ptr<rte_ring, Free> ring_;
};

}  // namespace phalanx::dpdk
