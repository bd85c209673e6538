// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <rte_ethdev.h>

#include <cstdint>
#include <string>

#include "phalanx/base/result.hpp"
#include "phalanx/dpdk/mempool.hpp"
#include "phalanx/net/address.hpp"

namespace phalanx::dpdk {

// One DPDK Ethernet device, configured and started; stopped and closed when destroyed.
class Device {
 public:
  struct Options {
    std::string device;  // PCI address or "net_xxx0,args"; its driver name part is looked up
    std::uint16_t wanted_queues = 1;  // one a worker; fewer when the device has fewer
    std::uint16_t rx_descriptors = 1024;
    std::uint16_t tx_descriptors = 1024;
    std::uint16_t mtu = 1500;  // largest IP packet on any of its VLANs
    bool tagged = false;       // frames carry a VLAN tag
    net::MacAddress mac;       // all zero: keep the device's own
  };
  static base::Result<Device, std::string> open(const Options& options, const Mempool& pool);
  ~Device();

  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  Device(Device&& other) noexcept;
  Device& operator=(Device&&) = delete;

  [[nodiscard]] std::uint16_t port_id() const noexcept { return port_id_; }
  [[nodiscard]] std::uint16_t rx_queues() const noexcept { return rx_queues_; }
  [[nodiscard]] std::uint16_t tx_queues() const noexcept { return tx_queues_; }
  [[nodiscard]] const net::MacAddress& mac() const noexcept { return mac_; }
  [[nodiscard]] bool link_up() const noexcept;
  // Counters of the device itself: packets it dropped before we saw them.
  struct HardwareStats {
    std::uint64_t rx_missed = 0;
    std::uint64_t rx_errors = 0;
    std::uint64_t rx_no_buffer = 0;
    std::uint64_t tx_errors = 0;
  };
  [[nodiscard]] HardwareStats hardware_stats() const noexcept;
  void stop() noexcept;

 private:
  Device() = default;
  base::Result<base::Ok, std::string> set_up_queues(const Options& options,
                                                    const rte_eth_dev_info& info,
                                                    const Mempool& pool);
  base::Result<base::Ok, std::string> choose_mac(const Options& options);

  std::uint16_t port_id_ = RTE_MAX_ETHPORTS;
  std::uint16_t rx_queues_ = 0;
  std::uint16_t tx_queues_ = 0;
  net::MacAddress mac_;
  bool started_ = false;
};

}  // namespace phalanx::dpdk
