// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/base/ids.hpp"
#include "phalanx/base/secret.hpp"
#include "phalanx/net/address.hpp"

namespace phalanx::control {

// How packets reach the node that owns them. Unicast: a MAC address that all nodes share and none
// sends from, so that switches flood it and every node sees every frame. Multicast: the same with
// the address of a group. Forward: one node, the receiver, has the shared address and hands on what
// others own. Spray: so does each node that an upstream router picks by its next-hop address.
enum class IngressMode : std::uint8_t { Unicast, Multicast, Forward, Spray };

// A node or witness of the cluster, as everybody's config names it.
struct ClusterMember {
  base::NodeId id;
  std::string name;
  net::IpAddress address;  // IPv4, on the cluster port's subnet
  bool witness = false;    // votes, owns nothing
  // Spray mode: where routers find it, one address on each port's subnet at most. IPv4.
  std::vector<net::IpAddress> next_hops{};
};

// The `cluster` section. Without members the gateway is alone.
struct ClusterConfig {
  std::vector<ClusterMember> members;
  std::string secret_file;
  base::Secret secret;                    // 32 bytes or more, the same on all members
  std::array<std::byte, 16> birth_key{};  // of the bucket hash, the same on all members for ever
  std::uint16_t udp_port = 4510;          // on the cluster port
  base::Duration heartbeat_interval = std::chrono::milliseconds(10);  // 5 ms..1 s
  // How long packets wait for a bucket that moves.
  [[nodiscard]] base::Duration move_hold() const noexcept { return heartbeat_interval / 2; }
  IngressMode ingress = IngressMode::Unicast;
  std::uint32_t weight = 100;  // share of the buckets, 0..1000; 0: none
  std::uint32_t port = 0;      // the cluster port: position in the list of ports

  [[nodiscard]] bool hands_on() const noexcept {
    return ingress == IngressMode::Forward || ingress == IngressMode::Spray;
  }
  // Node 0: it is nobody's next-hop address.
  [[nodiscard]] base::NodeId node_of_next_hop(const net::IpAddress& address) const noexcept {
    for (const auto& member : members) {
      if (std::find(member.next_hops.begin(), member.next_hops.end(), address) !=
          member.next_hops.end()) {
        return member.id;
      }
    }
    return {};
  }
  [[nodiscard]] bool enabled() const noexcept { return !members.empty(); }
  [[nodiscard]] const ClusterMember* find(base::NodeId id) const noexcept {
    for (const auto& member : members) {
      if (member.id == id) return &member;
    }
    return nullptr;
  }
};

}  // namespace phalanx::control
