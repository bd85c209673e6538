// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "phalanx/control/cluster_config.hpp"
#include "phalanx/control/cluster_frames.hpp"
#include "phalanx/control/cluster_paths.hpp"
#include "phalanx/control/datagram_port.hpp"
#include "phalanx/dataplane/counters.hpp"
#include "phalanx/dataplane/dataplane.hpp"
#include "phalanx/dpdk/frame_port.hpp"

namespace phalanx::control {

// writer: control thread.
//   rx = datagrams + pieces of datagrams + arp + foreign
//   data_rx = datagrams + pieces of datagrams + data_foreign + data_overflow
struct ClusterPortCounters {
  dataplane::Counter rx;  // frames
  dataplane::Counter tx;
  dataplane::Counter rx_bytes;
  dataplane::Counter tx_bytes;
  dataplane::Counter foreign;  // not of the cluster protocol
  dataplane::Counter arp;      // answered
  dataplane::Counter no_buffer;
  dataplane::Counter queue_full;
  dataplane::Counter data_rx;  // frames of the cluster protocol on data ports
  dataplane::Counter data_tx;
  dataplane::Counter data_foreign;   // malformed, or of no member
  dataplane::Counter data_overflow;  // more than this thread looks at in a round
};

// The cluster port: a DPDK device of its own, polled by the control thread and by nobody else. It
// needs no neighbor table: a member's MAC is learnt from its authentic datagrams, and until then it
// is sent to by broadcast. Answers ARP, for witnesses that are ordinary hosts. Who is not heard by
// it, or does not hear us there, is sent to by the data ports besides (ClusterPaths).
class ClusterPort final : public DatagramPort {
 public:
  ClusterPort(dataplane::Dataplane& dataplane, const ClusterConfig& config, base::NodeId self);

  void set_members(std::span<const ClusterMember> others) override;
  void send(base::NodeId to, std::span<const std::byte> datagram) override;
  [[nodiscard]] bool receive(ReceivedDatagram& out, base::TimePoint now) override;
  void confirm(base::NodeId from, std::uint64_t path) override;
  void forget(base::NodeId member) override;
  [[nodiscard]] bool take_change(base::TimePoint now) override { return paths_.take_change(now); }
  [[nodiscard]] std::string way_of(base::NodeId member, base::TimePoint now) const override;
  [[nodiscard]] std::string ways_to(base::NodeId member) const override;
  // A frame of the cluster protocol that a worker found on a data port: for the next receive().
  void take_frame(base::PortIndex port, std::span<const std::byte> frame);

  [[nodiscard]] const ClusterPortCounters& counters() const noexcept { return counters_; }

 private:
  // Frames looked at for one datagram: a flood of others must not keep the control thread.
  static constexpr unsigned kMostFrames = 256;
  // Frames from data ports that wait for receive().
  static constexpr std::size_t kMostWaiting = 256;
  struct DataPort {
    base::PortIndex port;
    std::string name;
    net::MacAddress mac;
    std::uint16_t mtu = 1500;
  };
  struct Waiting {
    std::size_t path = 0;
    std::vector<std::byte> frame;
  };
  void transmit(std::span<const std::byte> frame);
  void send_by_data(base::NodeId to, const ClusterPaths::Way& way,
                    std::span<const std::byte> datagram);
  void transmit_by_data(base::PortIndex port, std::span<const std::byte> frame);
  [[nodiscard]] bool receive_by_data(ReceivedDatagram& out, base::TimePoint now);
  void answer_arp(const ClusterFrame& request);

  dataplane::Dataplane& dataplane_;
  const dataplane::ClusterLink link_;
  const base::NodeId self_;
  const net::IpAddress own_;
  const std::uint16_t udp_port_;
  dpdk::FramePort frames_;
  ClusterFrameReader reader_;
  std::map<base::NodeId, net::IpAddress> members_;
  std::vector<DataPort> data_ports_;  // private ones first; path i is data_ports_[i - 1]
  ClusterPaths paths_;
  std::deque<Waiting> waiting_;
  DatagramPieces data_pieces_;
  base::TimePoint now_{};  // of the last receive()
  std::uint32_t datagram_id_ = 0;
  ClusterPortCounters counters_;
};

}  // namespace phalanx::control
