// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dpdk/ring.hpp"

#include <rte_lcore.h>

#include "phalanx/dpdk/eal.hpp"

namespace phalanx::dpdk {

base::Result<PacketRing, std::string> PacketRing::create(const std::string& name,
                                                         std::uint32_t slots) {
  rte_ring* ring = rte_ring_create(name.c_str(), slots, static_cast<int>(rte_socket_id()),
                                   RING_F_SP_ENQ | RING_F_SC_DEQ);
  if (ring == nullptr) {
    return "no memory for a queue of " + std::to_string(slots) + " packets: " + error_text();
  }
  return PacketRing(ring);
}

}  // namespace phalanx::dpdk
