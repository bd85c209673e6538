// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dpdk/device.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "phalanx/base/log.hpp"
#include "phalanx/dpdk/eal.hpp"

namespace phalanx::dpdk {
namespace {

// "net_pcap0,rx_pcap=x" -> "net_pcap0"; a PCI address stays as it is.
std::string device_name(const std::string& device) {
  return device.substr(0, device.find(','));
}

base::Result<std::uint16_t, std::string> find_port(const Device::Options& options) {
  std::uint16_t port = 0;
  if (rte_eth_dev_get_port_by_name(device_name(options.device).c_str(), &port) != 0) {
    return "device " + options.device + " is not there or has no driver";
  }
  return port;
}

std::string failed(const Device::Options& options, const char* what, int error) {
  return "device " + options.device + ": " + what + ": " + error_text(error);
}

// What the device shall do, as far as it can.
rte_eth_conf wanted_configuration(const Device::Options& options, const rte_eth_dev_info& info,
                                  std::uint16_t rx_queues) {
  rte_eth_conf conf{};
  if (rx_queues > 1) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf.rss_hf =
        info.flow_type_rss_offloads &
        (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_ESP);
    if (conf.rx_adv_conf.rss_conf.rss_hf == 0) conf.rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
  }
  // Buffers are freed by reference count 1 and come from one pool: the cheapest way to free.
  if ((info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE) != 0) {
    conf.txmode.offloads |= RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
  }
  const auto frame_mtu = static_cast<std::uint32_t>(options.mtu + (options.tagged ? 4 : 0));
  // Some virtual drivers name a smaller limit than they carry: theirs stays as it is.
  const bool fits = (info.max_mtu == 0 || frame_mtu <= info.max_mtu) &&
                    frame_mtu + RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN <= info.max_rx_pktlen;
  if (fits) conf.rxmode.mtu = frame_mtu;
  return conf;
}

}  // namespace

base::Result<Device, std::string> Device::open(const Options& options, const Mempool& pool) {
  const auto port = find_port(options);
  if (!port) return port.error();
  rte_eth_dev_info info{};
  if (const int error = rte_eth_dev_info_get(*port, &info); error != 0) {
    return failed(options, "cannot be asked for its limits", error);
  }
  Device device;
  device.port_id_ = *port;
  device.rx_queues_ = std::min(options.wanted_queues, info.max_rx_queues);
  device.tx_queues_ = std::min(options.wanted_queues, info.max_tx_queues);
  if (auto done = device.set_up_queues(options, info, pool); !done) return done.error();
  if (auto done = device.choose_mac(options); !done) return done.error();
  if (const int error = rte_eth_dev_start(*port); error != 0) {
    return failed(options, "does not start", error);
  }
  device.started_ = true;
  // Neighbor discovery needs multicast; a configured MAC address may need promiscuous mode.
  if (rte_eth_promiscuous_enable(*port) != 0 && rte_eth_allmulticast_enable(*port) != 0) {
    base::log_info("dpdk", "the device has neither promiscuous nor all-multicast mode device=" +
                               device_name(options.device));
  }
  return device;
}

base::Result<base::Ok, std::string> Device::set_up_queues(const Options& options,
                                                          const rte_eth_dev_info& info,
                                                          const Mempool& pool) {
  const auto conf = wanted_configuration(options, info, rx_queues_);
  if (const int error = rte_eth_dev_configure(port_id_, rx_queues_, tx_queues_, &conf);
      error != 0) {
    return failed(options, "refuses its queues", error);
  }
  auto rx_descriptors = options.rx_descriptors;
  auto tx_descriptors = options.tx_descriptors;
  if (const int error =
          rte_eth_dev_adjust_nb_rx_tx_desc(port_id_, &rx_descriptors, &tx_descriptors);
      error != 0) {
    return failed(options, "refuses its descriptors", error);
  }
  const auto socket = static_cast<unsigned>(std::max(0, rte_eth_dev_socket_id(port_id_)));
  for (std::uint16_t queue = 0; queue < rx_queues_; ++queue) {
    if (const int error =
            rte_eth_rx_queue_setup(port_id_, queue, rx_descriptors, socket, nullptr, pool.get());
        error != 0) {
      return failed(options, "has no receive queue", error);
    }
  }
  for (std::uint16_t queue = 0; queue < tx_queues_; ++queue) {
    rte_eth_txconf tx = info.default_txconf;
    tx.offloads = conf.txmode.offloads;
    if (const int error = rte_eth_tx_queue_setup(port_id_, queue, tx_descriptors, socket, &tx);
        error != 0) {
      return failed(options, "has no transmit queue", error);
    }
  }
  return base::Ok{};
}

base::Result<base::Ok, std::string> Device::choose_mac(const Options& options) {
  if (options.mac.is_zero()) {
    rte_ether_addr own{};
    if (const int error = rte_eth_macaddr_get(port_id_, &own); error != 0) {
      return failed(options, "has no MAC address", error);
    }
    std::memcpy(mac_.bytes.data(), own.addr_bytes, sizeof(own.addr_bytes));
    return base::Ok{};
  }
  rte_ether_addr wanted{};
  std::memcpy(wanted.addr_bytes, options.mac.bytes.data(), sizeof(wanted.addr_bytes));
  // Virtual devices often cannot store an address; promiscuous mode makes up for it.
  if (rte_eth_dev_default_mac_addr_set(port_id_, &wanted) != 0) {
    base::log_info("dpdk", "the device keeps its own MAC address, ours is used on top device=" +
                               device_name(options.device));
  }
  mac_ = options.mac;
  return base::Ok{};
}

Device::Device(Device&& other) noexcept
    : port_id_(std::exchange(other.port_id_, static_cast<std::uint16_t>(RTE_MAX_ETHPORTS))),
      rx_queues_(other.rx_queues_),
      tx_queues_(other.tx_queues_),
      mac_(other.mac_),
      started_(std::exchange(other.started_, false)) {}

Device::~Device() {
  if (port_id_ == RTE_MAX_ETHPORTS) return;
  stop();
  rte_eth_dev_close(port_id_);
}

void Device::stop() noexcept {
  if (!started_) return;
  started_ = false;
  if (rte_eth_dev_stop(port_id_) != 0) {
    base::log_warn("dpdk", "a device did not stop port=" + std::to_string(port_id_));
  }
}

bool Device::link_up() const noexcept {
  rte_eth_link link{};
  return rte_eth_link_get_nowait(port_id_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

Device::HardwareStats Device::hardware_stats() const noexcept {
  rte_eth_stats stats{};
  if (rte_eth_stats_get(port_id_, &stats) != 0) return {};
  return {stats.imissed, stats.ierrors, stats.rx_nombuf, stats.oerrors};
}

}  // namespace phalanx::dpdk
