// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "phalanx/dataplane/adjacency.hpp"
#include "phalanx/dataplane/bucket_handover.hpp"
#include "phalanx/dataplane/config.hpp"
#include "phalanx/dataplane/counters.hpp"
#include "phalanx/dataplane/distribution.hpp"
#include "phalanx/dataplane/fib.hpp"
#include "phalanx/dataplane/host_table.hpp"
#include "phalanx/dataplane/node_moves.hpp"
#include "phalanx/dataplane/spd_classifier.hpp"
#include "phalanx/ipsec/sa_store.hpp"
#include "phalanx/ipsec/sad.hpp"
#include "phalanx/net/bucket_hash.hpp"
#include "phalanx/net/packet_digest.hpp"

namespace phalanx::dataplane {

// One logical port as the workers see it. Immutable after start.
struct Port {
  std::string name;
  PortRole role = PortRole::Public;
  net::MacAddress mac;         // frames to it are for us
  net::MacAddress source_mac;  // frames of ours come from it: another one where nodes share `mac`
  std::uint16_t mtu = 1500;
  std::uint16_t vlan = 0;
  std::uint8_t device = 0;  // position in the list of devices
  std::vector<net::InterfaceAddress> addresses;
  std::vector<NextHop> next_hops;

  [[nodiscard]] bool is_public() const noexcept {
    return role == PortRole::Public || role == PortRole::Both;
  }
};

// Which logical port a frame of a device belongs to.
struct DeviceMap {
  static constexpr std::uint8_t kNone = 0xff;
  struct Vlan {
    std::uint16_t id;
    std::uint8_t port;
  };
  std::uint8_t untagged = kNone;
  std::vector<Vlan> vlans;

  // The port of a tagged frame. IEEE 802.1Q: id 0 is a priority tag, the frame is untagged.
  [[nodiscard]] std::uint8_t port_of(unsigned vlan_id) const noexcept {
    for (const auto& vlan : vlans) {
      if (vlan.id == vlan_id) return vlan.port;
    }
    return vlan_id == 0 ? untagged : kNone;
  }
};

// Our own addresses, looked at for packets that are not on the fast path and for each ESP packet.
class LocalAddresses {
 public:
  void add(const net::IpAddress& address);
  void add_broadcast(const net::IpAddress& address);
  // Four bytes of an IPv4 header's address field, as they stand or as one word.
  [[nodiscard]] bool contains4(std::uint32_t wanted) const noexcept {
    for (const auto own : v4_) {
      if (own == wanted) return true;
    }
    return false;
  }
  [[nodiscard]] bool contains4(const std::uint8_t* address) const noexcept {
    std::uint32_t wanted = 0;
    std::memcpy(&wanted, address, 4);
    return contains4(wanted);
  }
  [[nodiscard]] bool contains6(const std::uint8_t* address) const noexcept;
  // Unicast and broadcast addresses, ff02::1 and every solicited-node group: what the control
  // thread wants to see.
  [[nodiscard]] bool wants4(const std::uint8_t* destination) const noexcept;
  [[nodiscard]] bool wants6(const std::uint8_t* destination) const noexcept;

 private:
  std::vector<std::uint32_t> v4_;  // as the bytes stand in a packet
  std::vector<std::uint32_t> broadcast4_;
  std::vector<std::array<std::uint8_t, 16>> v6_;
};

// A neighbor that keeps its row of the adjacency table: gateways and tunnel peers.
struct FixedNeighbor {
  std::uint8_t port = 0;
  net::IpAddress address;
};

// Everything that workers read and the control thread owns. Built before the workers start; after
// that only adjacencies, hosts, leases, owners of buckets and the capture filter change, each by
// its own rules.
struct Tables {
  std::vector<Port> ports;
  std::vector<DeviceMap> devices;
  LocalAddresses local;
  std::unique_ptr<SpdClassifier> spd;
  std::unique_ptr<Fib> fib;
  std::unique_ptr<ipsec::SaStore> sas;
  std::unique_ptr<ipsec::Sad> sad;
  std::unique_ptr<net::BucketHash> bucket_hash;
  DistributionTable distribution;
  NodeMoves moves;
  net::PacketDigest digest{net::PacketDigest::Key{}};  // of the cluster, before the workers start
  StripeTable stripes;
  std::unique_ptr<AdjacencyTable> adjacencies;
  std::unique_ptr<HostTable> hosts;
  std::vector<FixedNeighbor> fixed_neighbors;  // by adjacency index
  // In a cluster the data ports are open until then, in time since the clock's epoch: without
  // contact to a quorum nobody knows who owns what. writer: control thread; readers: workers, once
  // a burst.
  static constexpr std::int64_t kAlwaysOpen = std::numeric_limits<std::int64_t>::max();
  std::atomic<std::int64_t> open_until_ns{kAlwaysOpen};
  // Raised by the control thread after it has published leases: held packets get another try.
  std::atomic<std::uint64_t> lease_version{0};
  HandoverBoard handover;  // which worker owns which bucket
};

}  // namespace phalanx::dataplane
