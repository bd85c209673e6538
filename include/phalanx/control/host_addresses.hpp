// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "phalanx/base/ids.hpp"
#include "phalanx/net/address.hpp"

namespace phalanx::control {

// One of our ports as its link sees it.
struct HostPort {
  std::string name;
  net::MacAddress mac;  // the one in use, never zero
  std::uint16_t mtu = 1500;
  std::vector<net::InterfaceAddress> addresses;
  // Addresses beside these that have a MAC of their own: next-hop addresses of spray mode. IPv4.
  struct Extra {
    net::IpAddress address;
    net::MacAddress mac;
  };
  std::vector<Extra> extras{};
};

// Which addresses are ours, and which of them to speak from. Immutable.
class HostAddresses {
 public:
  // Position in the list = base::PortIndex; at most 255 ports.
  explicit HostAddresses(std::vector<HostPort> ports);

  [[nodiscard]] std::size_t size() const noexcept { return ports_.size(); }
  [[nodiscard]] bool has(base::PortIndex port) const noexcept {
    return port.value() < ports_.size();
  }
  [[nodiscard]] const HostPort& port(base::PortIndex port) const noexcept {
    return ports_[port.value()];
  }
  [[nodiscard]] const std::vector<HostPort>& ports() const noexcept { return ports_; }
  // EUI-64 of the port's MAC, RFC 4291 2.5.1 and appendix A.
  [[nodiscard]] const net::IpAddress& link_local(base::PortIndex port) const noexcept {
    return link_locals_[port.value()];
  }

  // Solicited-node groups of the port's addresses, each once.
  [[nodiscard]] const std::vector<net::IpAddress>& groups(base::PortIndex port) const noexcept {
    return groups_[port.value()];
  }

  // A configured address of any port, or a link-local one of this port.
  [[nodiscard]] bool is_ours(base::PortIndex port, const net::IpAddress& address) const noexcept;
  // An address of this very port: what ARP and NDP answer for.
  [[nodiscard]] bool is_on_port(base::PortIndex port, const net::IpAddress& address) const noexcept;
  // Where neighbors find an address of this port.
  [[nodiscard]] const net::MacAddress& mac_of(base::PortIndex port,
                                              const net::IpAddress& address) const noexcept;
  // Whether a neighbor with this address can be on the port's link.
  [[nodiscard]] bool is_on_link(base::PortIndex port, const net::IpAddress& address) const noexcept;
  // 255.255.255.255, a subnet's broadcast or (RFC 1122 3.3.6) its network address, on any port.
  [[nodiscard]] bool is_broadcast(const net::IpAddress& address) const noexcept;

  // The address of this family to speak to `peer` from by `port`: of a common subnet, else
  // link-local to link-local, else the port's first, else any other port's first.
  [[nodiscard]] std::optional<net::IpAddress> source_for(base::PortIndex port,
                                                         const net::IpAddress& peer) const noexcept;

 private:
  std::vector<HostPort> ports_;
  std::vector<net::IpAddress> link_locals_;
  std::vector<std::vector<net::IpAddress>> groups_;
  std::set<net::IpAddress> configured_;
};

}  // namespace phalanx::control
