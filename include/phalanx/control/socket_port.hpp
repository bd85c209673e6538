// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "phalanx/base/result.hpp"
#include "phalanx/control/cluster_config.hpp"
#include "phalanx/control/datagram_pieces.hpp"
#include "phalanx/control/datagram_port.hpp"
#include "phalanx/control/file_descriptor.hpp"

namespace phalanx::control {

struct SocketPortCounters {
  std::uint64_t rx = 0;  // UDP payloads of members
  std::uint64_t tx = 0;
  std::uint64_t foreign = 0;   // from addresses of no member
  std::uint64_t not_sent = 0;  // refused by the system: no route, no buffer
};

// The cluster protocol over a UDP socket of the system, for a witness: a member without DPDK. The
// system finds the way to the members' addresses. One thread.
class SocketPort final : public DatagramPort {
 public:
  // Binds to the member's own address and the cluster's UDP port.
  [[nodiscard]] static base::Result<std::unique_ptr<SocketPort>, std::string> open(
      const ClusterConfig& config, base::NodeId self);

  void set_members(std::span<const ClusterMember> others) override;
  void send(base::NodeId to, std::span<const std::byte> datagram) override;
  [[nodiscard]] bool receive(ReceivedDatagram& out, base::TimePoint now) override;
  void confirm(base::NodeId, std::uint64_t) override {}
  void forget(base::NodeId) override {}

  // Until something comes, or the time has passed, or a signal was caught.
  void wait(base::Duration most) const;
  [[nodiscard]] const SocketPortCounters& counters() const noexcept { return counters_; }

 private:
  // UDP payload of the smallest MTU that a cluster port may have, 1280: the way's own is not known.
  static constexpr std::size_t kRoom = 1280 - 20 - 8;
  // Payloads looked at for one datagram: a flood of others must not keep the thread.
  static constexpr unsigned kMostPayloads = 256;

  SocketPort(const ClusterConfig& config, FileDescriptor socket);
  [[nodiscard]] bool is_member(const net::IpAddress& address) const noexcept;

  FileDescriptor socket_;
  std::uint16_t udp_port_;
  std::map<base::NodeId, net::IpAddress> members_;
  DatagramPieces pieces_;
  std::uint32_t datagram_id_ = 0;
  std::array<std::byte, kMaxUdpPayload> buffer_{};
  SocketPortCounters counters_;
};

}  // namespace phalanx::control
