// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>

#include "phalanx/base/ids.hpp"
#include "phalanx/net/address.hpp"

namespace phalanx::net {

// MAC addresses by which the nodes of a cluster hand packets to each other, made from the one that
// a port shares with its siblings on the other nodes. What differs is only what it has to be, so
// that a trace shows whose they are: docs/cluster-protocol.md. Part of the ABI between nodes.
//
//   shared       02:00:5e:10:20:30     any unicast address
//   first hop    06:00:5e:10:20:NN     of node NN, locally administered
//   second hop   0a:00:5e:10:20:NN
//   next hop     0e:00:5e:10:20:NN     spray mode: of node NN's next-hop address, or of who serves
//   it all nodes    03:00:5e:10:20:30     a group

enum class HandOnHop : std::uint8_t { First, Second };

[[nodiscard]] constexpr MacAddress hand_on_mac(MacAddress shared, base::NodeId node,
                                               HandOnHop hop) noexcept {
  constexpr std::uint8_t kLocal = 0x02;
  const std::uint8_t differs = hop == HandOnHop::First ? 0x04 : 0x08;
  shared.bytes[0] = static_cast<std::uint8_t>((shared.bytes[0] | kLocal) ^ differs);
  shared.bytes[5] = node.value();
  return shared;
}

[[nodiscard]] constexpr MacAddress next_hop_mac(MacAddress shared, base::NodeId node) noexcept {
  shared.bytes[0] = static_cast<std::uint8_t>((shared.bytes[0] | 0x02) ^ 0x0c);
  shared.bytes[5] = node.value();
  return shared;
}

[[nodiscard]] constexpr MacAddress all_nodes_mac(MacAddress shared) noexcept {
  shared.bytes[0] |= 0x03;
  return shared;
}

}  // namespace phalanx::net
