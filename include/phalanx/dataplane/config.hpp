// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/base/ids.hpp"
#include "phalanx/net/address.hpp"

namespace phalanx::dataplane {

// What stands behind a port: the protected boundary of RFC 4301 runs between them. Both: one arm.
enum class PortRole : std::uint8_t { Public, Private, Both, Cluster };

// One logical interface: a DPDK device, or one VLAN of it. Two entries may share a device when
// their VLANs differ.
// Spray mode: where an upstream router finds one of the nodes.
struct NextHop {
  base::NodeId node;
  net::IpAddress address;  // IPv4, on the port's subnet
};

struct PortConfig {
  std::string name;
  std::string device;  // "0000:01:00.0" or a virtual device with its arguments
  PortRole role = PortRole::Public;
  std::vector<net::InterfaceAddress> addresses;
  std::uint16_t mtu = 1500;        // IP packet size, 1280..9216
  std::uint16_t vlan = 0;          // 0: untagged
  net::MacAddress mac;             // all zero: the device's own. In a cluster: that of all nodes
  std::vector<NextHop> next_hops;  // of all nodes
  std::uint16_t rx_descriptors = 1024;
  std::uint16_t tx_descriptors = 1024;
};

struct RouteConfig {
  net::Prefix to;
  net::IpAddress via;      // unspecified address: on link
  std::uint32_t port = 0;  // position in the list of ports
};

// A neighbor that is never resolved nor aged: its MAC address is configured.
struct NeighborConfig {
  std::uint32_t port = 0;  // position in the list of ports
  net::IpAddress address;
  net::MacAddress mac;
};

// What a worker does. RxTx: receives, classifies, sends; owns no bucket. Crypto: owns buckets, and
// gets every packet from another worker.
enum class WorkerRole : std::uint8_t { Both, RxTx, Crypto };

struct WorkerConfig {
  std::uint16_t cpu = 0;  // several workers, and the control thread, may share one CPU
  WorkerRole role = WorkerRole::Both;
  std::uint8_t share = 100;  // of the buckets at start, beside the other workers' shares; 1..100

  [[nodiscard]] bool receives() const noexcept { return role != WorkerRole::Crypto; }
  [[nodiscard]] bool encrypts() const noexcept { return role != WorkerRole::RxTx; }
};

// Moving buckets between workers by the load that is measured.
struct RebalanceConfig {
  bool enabled = true;
  std::uint8_t elephant_percent = 50;  // of a worker's time that one SA takes: reported; 1..100
};

struct IdleSleep {
  bool enabled = false;
  std::uint32_t after_empty_polls = 256;  // 1..1 000 000
  std::uint32_t sleep_us = 50;            // 1..1000
};

// Bounds on what traffic can make the daemon hold.
struct Limits {
  std::uint32_t mbufs = 8192;                 // packet buffers, 512..4 194 304
  std::uint32_t flow_cache_entries = 262144;  // a worker; power of two, 256..16 777 216
  std::uint32_t neighbors = 1024;             // 16..65 536
  std::uint32_t neighbor_queue = 16;          // packets waiting for one address, 1..256
  std::uint32_t hold_packets = 4096;          // a worker, waiting for a lease, 64..16 384
  std::uint32_t hold_packets_per_sa = 2048;   // 16..4096
  std::uint32_t punt_queue = 1024;            // worker to control thread; power of two, 64..65 536
  std::uint32_t icmp_errors_per_second = 1000;  // sent by us, 1..1 000 000
};

struct Config {
  std::vector<PortConfig> ports;
  std::vector<RouteConfig> routes;
  std::vector<NeighborConfig> neighbors;
  std::vector<WorkerConfig> workers;
  std::uint16_t control_cpu = 0;
  IdleSleep idle_sleep;
  RebalanceConfig rebalance;
  Limits limits;
  // RFC 4301 5.1.1: whether senders behind a private port hear by ICMP that policy discards their
  // packets.
  bool tell_discarded = false;
  // In a cluster: which node we are. Every node sees every frame to the ports' MAC addresses, takes
  // what it owns, and sends from the devices' own. 0: alone.
  base::NodeId cluster_node{0};
  // In a cluster: one node takes what is sent to the ports' MAC addresses and hands on what others
  // own; frames of ours come from net::hand_on_mac(). See docs/cluster-protocol.md, forward mode.
  bool hand_on = false;
  // How long packets wait for a bucket that is on its way here. A move takes less than a tenth of
  // this; with slower heartbeats it may take longer.
  base::Duration coming_hold = std::chrono::milliseconds(5);
};

}  // namespace phalanx::dataplane
