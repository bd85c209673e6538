// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "phalanx/base/clock.hpp"
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

// Largest datagram that can be sent.
inline constexpr std::size_t kMaxUdpPayload = 65507;

// One datagram as untagged Ethernet frames. What does not fit the MTU goes in pieces, each a UDP
// datagram of its own (docs/cluster-protocol.md): IP fragments are lost by too many switches,
// firewalls and packet sockets. Without UDP checksum (RFC 768 allows it): what is inside is
// authenticated.
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

// Parses frames and puts pieces together. Everything that comes in may be hostile: at most
// kMaxPartial datagrams are held, each for at most a second, of addresses that are known.
class ClusterFrameReader {
 public:
  static constexpr std::size_t kMaxPartial = 16;
  static constexpr base::Duration kPatience = std::chrono::seconds(1);

  ClusterFrameReader(const net::IpAddress& own, std::uint16_t udp_port,
                     std::vector<net::IpAddress> members)
      : own_(own), udp_port_(udp_port), members_(std::move(members)) {}

  [[nodiscard]] ClusterFrame read(std::span<const std::byte> frame, base::TimePoint now);
  [[nodiscard]] std::size_t partial() const noexcept { return partial_.size(); }

 private:
  struct Partial {
    net::IpAddress from;
    std::uint32_t id = 0;
    base::TimePoint since{};
    std::vector<std::vector<std::byte>> pieces;
    std::size_t missing = 0;
  };
  [[nodiscard]] ClusterFrame read_ip(std::span<const std::byte> packet, const net::MacAddress& from,
                                     base::TimePoint now);
  [[nodiscard]] std::optional<std::vector<std::byte>> collect(const net::IpAddress& from,
                                                              std::span<const std::byte> piece,
                                                              base::TimePoint now);

  net::IpAddress own_;
  std::uint16_t udp_port_;
  std::vector<net::IpAddress> members_;
  std::deque<Partial> partial_;  // oldest first
};

}  // namespace phalanx::control
