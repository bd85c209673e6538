// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <algorithm>
#include <map>
#include <set>

#include "config_draft.hpp"

namespace phalanx::mgmt {
namespace {

using dataplane::PortConfig;
using dataplane::PortRole;

std::string_view device_name(const PortConfig& port) {
  return std::string_view(port.device).substr(0, port.device.find(','));
}

void check_shared_device(Group& group, const PortConfig& port, const PortConfig& first) {
  const auto name = quoted(first.name);
  if (port.device != first.device) {
    group.error("device", "port " + name + " gives the same device other arguments",
                "the same text for each port of a device");
  }
  if (port.vlan == first.vlan) {
    group.error("vlan",
                "port " + name + " has VLAN " + std::to_string(port.vlan) + " of this device",
                "0..4094, another for each port of a device");
  }
  if (port.mac != first.mac) {
    group.error("mac", "port " + name + " gives the same device another MAC address",
                first.mac.is_zero() ? "leave it out" : net::to_string(first.mac));
  }
  if (port.rx_descriptors != first.rx_descriptors || port.tx_descriptors != first.tx_descriptors) {
    group.error("rx_descriptors",
                "port " + name + " gives the same device other numbers of descriptors",
                std::to_string(first.rx_descriptors) + " to receive, " +
                    std::to_string(first.tx_descriptors) + " to send");
  }
}

void check_devices(Draft& draft) {
  const auto& ports = draft.config.dataplane.ports;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (ports[i].device.empty()) continue;
    for (std::size_t j = 0; j < i; ++j) {
      if (device_name(ports[i]) != device_name(ports[j])) continue;
      check_shared_device(draft.ports[i], ports[i], ports[j]);
      break;
    }
  }
}

void check_roles(Group& root, Draft& draft) {
  const auto& ports = draft.config.dataplane.ports;
  bool readable = root.has("ports") && root.good("ports");
  std::size_t cluster = 0;
  bool outside = false;
  bool inside = false;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    auto& group = draft.ports[i];
    readable = readable && group.has("role") && group.good("role");
    outside = outside || ports[i].role == PortRole::Public || ports[i].role == PortRole::Both;
    inside = inside || ports[i].role == PortRole::Private || ports[i].role == PortRole::Both;
    if (ports[i].role == PortRole::Cluster) {
      if (++cluster > 1) group.error("role", "there is a cluster port already", "one at most");
      continue;
    }
    if (ports[i].addresses.empty() && group.good("addresses")) {
      group.error("addresses", "the port has no address", "at least one for each port but cluster");
    }
  }
  if (readable && (!outside || !inside)) {
    root.error("ports", std::string("there is no ") + (outside ? "private" : "public") + " port",
               "one public and one private port at least, or one that is both");
  }
}

// Whether the host part of an address is one that no host can have.
std::string_view host_part_fault(const net::InterfaceAddress& address) {
  const auto subnet = address.subnet();
  const unsigned width = address.address.is_v4() ? 32 : 128;
  if (subnet.length + 1U >= width) return {};  // RFC 3021, RFC 6164: both addresses are hosts
  if (address.address == subnet.address) {
    return address.address.is_v4() ? "is the network address"
                                   : "is the subnet-router anycast address";
  }
  if (address.address.is_v4()) {
    const auto hosts = 0xffffffffU >> subnet.length;
    if ((address.address.v4_host_order() & hosts) == hosts) return "is the broadcast address";
  }
  return {};
}

void check_addresses(Draft& draft) {
  const auto& ports = draft.config.dataplane.ports;
  std::map<net::IpAddress, std::size_t> seen;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    auto& group = draft.ports[i];
    for (const auto& address : ports[i].addresses) {
      if (const auto fault = host_part_fault(address); !fault.empty()) {
        group.error("addresses",
                    quoted(net::to_string(address)) + " " + std::string(fault) + " of its subnet",
                    "an address of one interface");
      }
      const auto [first, fresh] = seen.emplace(address.address, i);
      if (!fresh && !address.address.is_link_local()) {
        group.error("addresses",
                    quoted(net::to_string(address.address)) + " is an address of port " +
                        quoted(ports[first->second].name) + " already",
                    "each address once");
        continue;
      }
      for (std::size_t j = 0; j < i; ++j) {
        for (const auto& other : ports[j].addresses) {
          // Every link has its own fe80::/10.
          if (address.address.is_link_local() || !address.subnet().overlaps(other.subnet()))
            continue;
          group.error("addresses",
                      net::to_string(address.subnet()) + " overlaps with " +
                          net::to_string(other.subnet()) + " of port " + quoted(ports[j].name),
                      "each subnet behind one port");
        }
      }
    }
  }
}

constexpr std::uint32_t kNoPort = UINT32_MAX;

// The port on whose subnet an address lies.
std::uint32_t connected_port(const std::vector<PortConfig>& ports, const net::IpAddress& address) {
  for (std::uint32_t i = 0; i < ports.size(); ++i) {
    for (const auto& own : ports[i].addresses) {
      if (own.subnet().contains(address)) return i;
    }
  }
  return kNoPort;
}

bool is_own_address(const std::vector<PortConfig>& ports, const net::IpAddress& address) {
  return std::any_of(ports.begin(), ports.end(), [&](const PortConfig& port) {
    return std::any_of(port.addresses.begin(), port.addresses.end(),
                       [&](const auto& own) { return own.address == address; });
  });
}

bool on_port(const PortConfig& port, const net::IpAddress& address) {
  if (address.is_v6() && address.is_link_local()) return true;
  return std::any_of(port.addresses.begin(), port.addresses.end(),
                     [&](const auto& own) { return own.subnet().contains(address); });
}

void check_next_hop(Group& group, dataplane::RouteConfig& route,
                    const std::vector<PortConfig>& ports) {
  const auto via = quoted(net::to_string(route.via));
  if (route.via.family != route.to.address.family) {
    return group.error("via", via + " is of another IP version than " + net::to_string(route.to),
                       "IPv4 via IPv4, IPv6 via IPv6");
  }
  if (is_own_address(ports, route.via)) {
    return group.error("via", via + " is an address of this gateway", "a neighbor's address");
  }
  if (!group.has("port")) {
    if (route.via.is_v6() && route.via.is_link_local()) {
      return group.error("via", via + " is link-local: on which link is not said",
                         "a port as well");
    }
    route.port = connected_port(ports, route.via);
    if (route.port == kNoPort) {
      route.port = 0;
      group.error("via", via + " is on no subnet of a port", "an address on a connected subnet");
    }
  } else if (!on_port(ports[route.port], route.via)) {
    group.error("via", via + " is on no subnet of port " + quoted(ports[route.port].name),
                "an address on a connected subnet");
  }
}

void check_routes(Draft& draft) {
  auto& plane = draft.config.dataplane;
  std::map<net::Prefix, std::size_t> seen;
  std::set<net::Prefix> connected;
  for (const auto& port : plane.ports) {
    for (const auto& address : port.addresses) connected.insert(address.subnet());
  }
  for (std::size_t i = 0; i < plane.routes.size(); ++i) {
    auto& group = draft.routes[i];
    auto& route = plane.routes[i];
    if (!group.has("to") || !group.good("to")) continue;
    if (group.has("via") && group.good("via") && group.good("port")) {
      check_next_hop(group, route, plane.ports);
    }
    if (group.has("port") && group.good("port") &&
        plane.ports[route.port].role == PortRole::Cluster) {
      group.error("port", "the cluster port carries no traffic", "another port");
    }
    if (route.to.address.is_multicast()) {
      group.error("to", quoted(net::to_string(route.to)) + " is multicast", "unicast prefixes");
    }
    const auto [first, fresh] = seen.emplace(route.to, i);
    if (!fresh) {
      group.error("to",
                  "there is a route to " + quoted(net::to_string(route.to)) +
                      " already, as number " + std::to_string(first->second),
                  "one route to each prefix");
    } else if (connected.contains(route.to)) {
      group.error("to", quoted(net::to_string(route.to)) + " is a connected subnet",
                  "prefixes that are not on a port");
    }
  }
}

void check_neighbors(Draft& draft) {
  const auto& plane = draft.config.dataplane;
  std::set<std::pair<std::uint32_t, net::IpAddress>> seen;
  for (std::size_t i = 0; i < plane.neighbors.size(); ++i) {
    auto& group = draft.neighbors[i];
    const auto& neighbor = plane.neighbors[i];
    if (!group.has("address") || !group.good("address") || !group.has("port") ||
        !group.good("port")) {
      continue;
    }
    const auto text = quoted(net::to_string(neighbor.address));
    if (is_own_address(plane.ports, neighbor.address)) {
      group.error("address", text + " is an address of this gateway", "a neighbor's address");
    } else if (!on_port(plane.ports[neighbor.port], neighbor.address)) {
      group.error("address",
                  text + " is on no subnet of port " + quoted(plane.ports[neighbor.port].name),
                  "an address on a connected subnet");
    }
    if (!seen.emplace(neighbor.port, neighbor.address).second) {
      group.error("address", text + " is a neighbor already", "each address once");
    }
  }
  if (plane.neighbors.size() > plane.limits.neighbors && !draft.neighbors.empty()) {
    draft.neighbors.front().error(
        "", std::to_string(plane.neighbors.size()) + " neighbors are more than limits.neighbors",
        "at most " + std::to_string(plane.limits.neighbors));
  }
}

void check_buffers(Group& root, Draft& draft) {
  const auto& plane = draft.config.dataplane;
  std::map<std::string_view, std::uint64_t> descriptors;
  for (const auto& port : plane.ports) {
    descriptors[device_name(port)] = std::uint64_t{port.rx_descriptors} + port.tx_descriptors;
  }
  std::uint64_t queued = 0;
  for (const auto& [name, count] : descriptors) queued += count;
  if (plane.limits.mbufs > queued) return;
  root.error("limits",
             "mbufs is " + std::to_string(plane.limits.mbufs) +
                 ", but the queues of the ports alone hold " + std::to_string(queued),
             "more mbufs, or fewer descriptors");
}

}  // namespace

void check_network(Group& root, Draft& draft) {
  check_roles(root, draft);
  check_devices(draft);
  check_addresses(draft);
  check_routes(draft);
  check_neighbors(draft);
  check_buffers(root, draft);
}

}  // namespace phalanx::mgmt
