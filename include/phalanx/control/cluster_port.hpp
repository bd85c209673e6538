// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <map>

#include "phalanx/control/cluster_config.hpp"
#include "phalanx/control/cluster_frames.hpp"
#include "phalanx/control/datagram_port.hpp"
#include "phalanx/dataplane/counters.hpp"
#include "phalanx/dataplane/dataplane.hpp"
#include "phalanx/dpdk/frame_port.hpp"

namespace phalanx::control {

// writer: control thread.
//   rx = datagrams + pieces of datagrams + arp + foreign
struct ClusterPortCounters {
  dataplane::Counter rx;  // frames
  dataplane::Counter tx;
  dataplane::Counter rx_bytes;
  dataplane::Counter tx_bytes;
  dataplane::Counter foreign;  // not of the cluster protocol
  dataplane::Counter arp;      // answered
  dataplane::Counter no_buffer;
  dataplane::Counter queue_full;
};

// The cluster port: a DPDK device of its own, polled by the control thread and by nobody else. It
// needs no neighbor table: a member's MAC is learnt from its authentic datagrams, and until then it
// is sent to by broadcast. Answers ARP, for witnesses that are ordinary hosts.
class ClusterPort final : public DatagramPort {
 public:
  ClusterPort(const dataplane::ClusterLink& link, const ClusterConfig& config, base::NodeId self);

  void set_members(std::span<const ClusterMember> others) override;
  void send(base::NodeId to, std::span<const std::byte> datagram) override;
  [[nodiscard]] bool receive(ReceivedDatagram& out, base::TimePoint now) override;
  void confirm(base::NodeId from, std::uint64_t path) override;
  void forget(base::NodeId member) override;

  [[nodiscard]] const ClusterPortCounters& counters() const noexcept { return counters_; }

 private:
  // Frames looked at for one datagram: a flood of others must not keep the control thread.
  static constexpr unsigned kMostFrames = 256;
  struct Member {
    net::IpAddress address;
    net::MacAddress mac;
  };
  void transmit(std::span<const std::byte> frame);
  void answer_arp(const ClusterFrame& request);

  const dataplane::ClusterLink link_;
  const net::IpAddress own_;
  const std::uint16_t udp_port_;
  dpdk::FramePort frames_;
  ClusterFrameReader reader_;
  std::map<base::NodeId, Member> members_;
  std::uint32_t datagram_id_ = 0;
  ClusterPortCounters counters_;
};

}  // namespace phalanx::control
