// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>

#include "phalanx/base/ids.hpp"

namespace phalanx::dataplane {

// Row of the adjacency table that workers read the next hop's MAC from. The control thread hands
// out the rows; a gateway keeps its row for the life of the process.
using AdjacencyIndex = base::StrongId<struct AdjacencyIndexTag, std::uint32_t>;

// Why a worker gave a packet to the control thread.
enum class PuntReason : std::uint8_t {
  Arp,              // EtherType ARP, whatever its addresses
  Local,            // IP packet to one of our unicast addresses (link-local ones included), to a
                    // broadcast of a port, or to a multicast group that we are in: all-nodes and
                    // our solicited-node groups, from the unspecified address too (RFC 4862 5.4)
  TtlExceeded,      // forwarding would make TTL or hop limit 0
  PacketTooBig,     // does not fit and must not be fragmented
  NoRoute,          // no route to the destination
  AdminProhibited,  // discarded by policy
  NeighborMiss,     // ready to leave, but the next hop has no MAC yet
  Cluster,          // a frame of the cluster protocol, in a cluster
};
inline constexpr std::size_t kNumPuntReasons = 8;

// Of frames of the cluster protocol on data ports: IEEE Std 802, local experimental EtherType 1.
inline constexpr std::uint16_t kEtherTypeCluster = 0x88b5;

}  // namespace phalanx::dataplane
