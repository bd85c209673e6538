// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/host_addresses.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "phalanx/net/ndp.hpp"

namespace phalanx::control {
namespace {

// First and last address of an IPv4 subnet are no station's; RFC 3021: but of a /31 both are.
bool is_broadcast_of(const net::InterfaceAddress& ours, const net::IpAddress& address) noexcept {
  if (!ours.address.is_v4() || !address.is_v4() || ours.prefix_length >= 31) return false;
  const auto host_mask = 0xffffffffU >> ours.prefix_length;
  const auto host = address.v4_host_order() & host_mask;
  return ours.subnet().contains(address) && (host == 0 || host == host_mask);
}

bool is_link_local_v6(const net::IpAddress& address) noexcept {
  return address.is_v6() && address.is_link_local();
}

const net::IpAddress* first_of(const HostPort& port, net::Family family) noexcept {
  for (const auto& ours : port.addresses) {
    if (ours.address.family == family && !is_link_local_v6(ours.address)) return &ours.address;
  }
  return nullptr;
}

}  // namespace

HostAddresses::HostAddresses(std::vector<HostPort> ports) : ports_(std::move(ports)) {
  assert(ports_.size() < 256);
  for (const auto& port : ports_) {
    link_locals_.push_back(net::link_local_address(port.mac));
    std::set<net::IpAddress> groups = {net::solicited_node(link_locals_.back())};
    for (const auto& ours : port.addresses) {
      if (ours.address.is_v6()) groups.insert(net::solicited_node(ours.address));
      if (!is_link_local_v6(ours.address)) configured_.insert(ours.address);
    }
    for (const auto& extra : port.extras) configured_.insert(extra.address);
    groups_.emplace_back(groups.begin(), groups.end());
  }
}

bool HostAddresses::is_ours(base::PortIndex port, const net::IpAddress& address) const noexcept {
  // RFC 1122 3.3.4.2: the weak model, as routers have it; but link-local addresses are of one link.
  return configured_.contains(address) || is_on_port(port, address);
}

bool HostAddresses::is_on_port(base::PortIndex port, const net::IpAddress& address) const noexcept {
  const auto& own = ports_[port.value()];
  const auto is_it = [&](const auto& ours) { return ours.address == address; };
  return address == link_local(port) ||
         std::any_of(own.addresses.begin(), own.addresses.end(), is_it) ||
         std::any_of(own.extras.begin(), own.extras.end(), is_it);
}

const net::MacAddress& HostAddresses::mac_of(base::PortIndex port,
                                             const net::IpAddress& address) const noexcept {
  const auto& own = ports_[port.value()];
  const auto found = std::find_if(own.extras.begin(), own.extras.end(),
                                  [&](const auto& extra) { return extra.address == address; });
  return found == own.extras.end() ? own.mac : found->mac;
}

bool HostAddresses::is_on_link(base::PortIndex port, const net::IpAddress& address) const noexcept {
  if (address.is_unspecified() || address.is_multicast() || address.is_loopback()) return false;
  if (is_link_local_v6(address)) return true;
  const auto& addresses = ports_[port.value()].addresses;
  return std::any_of(addresses.begin(), addresses.end(), [&](const auto& ours) {
    return ours.subnet().contains(address) && !is_broadcast_of(ours, address);
  });
}

bool HostAddresses::is_broadcast(const net::IpAddress& address) const noexcept {
  if (!address.is_v4()) return false;
  if (address.v4_host_order() == 0xffffffff) return true;
  return std::any_of(ports_.begin(), ports_.end(), [&](const HostPort& port) {
    return std::any_of(port.addresses.begin(), port.addresses.end(),
                       [&](const auto& ours) { return is_broadcast_of(ours, address); });
  });
}

std::optional<net::IpAddress> HostAddresses::source_for(base::PortIndex port,
                                                        const net::IpAddress& peer) const noexcept {
  const auto& own = ports_[port.value()];
  if (is_link_local_v6(peer)) return link_local(port);
  for (const auto& ours : own.addresses) {
    if (ours.subnet().contains(peer)) return ours.address;
  }
  if (const auto* first = first_of(own, peer.family)) return *first;
  for (const auto& other : ports_) {
    if (const auto* first = first_of(other, peer.family)) return *first;
  }
  return std::nullopt;
}

}  // namespace phalanx::control
