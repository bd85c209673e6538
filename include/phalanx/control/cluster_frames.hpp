// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/control/datagram_pieces.hpp"
#include "phalanx/net/address.hpp"
#include "phalanx/net/arp.hpp"

namespace phalanx::control {

struct UdpPath {
  net::MacAddress source_mac;
  net::MacAddress destination_mac;
  net::IpAddress source;  // IPv4
  net::IpAddress destination;
  std::uint16_t udp_port = 0;  // source and destination
};

// One datagram as untagged Ethernet frames. What does not fit the MTU goes in pieces. Without UDP
// checksum (RFC 768 allows it): what is inside is authenticated.
void write_udp_frames(const UdpPath& path, std::span<const std::byte> payload, std::uint16_t mtu,
                      std::uint32_t datagram_id,
                      const std::function<void(std::span<const std::byte> frame)>& sink);

// What a frame on the cluster port is.
struct ClusterFrame {
  enum class Kind : std::uint8_t { Foreign, Incomplete, ArpRequest, Datagram };
  Kind kind = Kind::Foreign;
  net::MacAddress from_mac;
  net::IpAddress from;
  std::vector<std::byte> payload;  // Datagram
};

// Parses frames and puts pieces together, of addresses that are known.
class ClusterFrameReader {
 public:
  ClusterFrameReader(const net::IpAddress& own, std::uint16_t udp_port) noexcept
      : own_(own), udp_port_(udp_port) {}

  // Of whom datagrams are taken.
  void set_members(std::vector<net::IpAddress> members) { members_ = std::move(members); }

  [[nodiscard]] ClusterFrame read(std::span<const std::byte> frame, base::TimePoint now);
  [[nodiscard]] std::size_t partial() const noexcept { return pieces_.partial(); }

 private:
  [[nodiscard]] ClusterFrame read_ip(std::span<const std::byte> packet, const net::MacAddress& from,
                                     base::TimePoint now);

  net::IpAddress own_;
  std::uint16_t udp_port_;
  std::vector<net::IpAddress> members_;
  DatagramPieces pieces_;
};

}  // namespace phalanx::control
