// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <algorithm>
#include <array>
#include <cctype>

#include "config_draft.hpp"
#include "phalanx/dataplane/counters.hpp"

namespace phalanx::mgmt {
namespace {

constexpr std::uint64_t kMinMtu = 1280;  // RFC 8200 5
constexpr std::uint64_t kMaxMtu = 9216;
constexpr char kDeviceRule[] =
    "a PCI address as in 0000:01:00.0, or a virtual device as in net_af_packet0,iface=eth1";

bool all_hex(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isxdigit(c); });
}

// "01:00.0" and "0000:01:00.0" are one device: the long form in lower case, or empty.
std::string normal_pci_address(std::string_view text) {
  std::string full(text);
  if (std::count(full.begin(), full.end(), ':') == 1) full.insert(0, "0000:");
  const std::string_view view = full;
  if (view.size() != 12 || view[4] != ':' || view[7] != ':' || view[10] != '.') return {};
  if (!all_hex(view.substr(0, 4)) || !all_hex(view.substr(5, 2)) || !all_hex(view.substr(8, 2)) ||
      view[11] < '0' || view[11] > '7') {
    return {};
  }
  for (auto& c : full) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return full;
}

bool is_virtual_device(std::string_view name) {
  // RTE_DEV_NAME_MAX_LEN is 64 with the terminating zero; drivers' names begin with their class.
  return name.size() < 64 && (name.starts_with("net_") || name.starts_with("eth_")) &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) || c == '_'; });
}

void read_device(Group& group, const EalConfig& eal, std::string& out) {
  if (!group.require("device", kDeviceRule) || !group.string("device", out)) return;
  const auto name = std::string_view(out).substr(0, out.find(','));
  const auto arguments = out.substr(name.size());
  if (std::any_of(out.begin(), out.end(), [](unsigned char c) { return c <= 0x20 || c >= 0x7f; })) {
    return group.error("device", quoted(out) + " holds blanks or bytes beyond ASCII", kDeviceRule);
  }
  if (const auto pci = normal_pci_address(name); !pci.empty()) {
    if (!eal.pci) group.error("device", pci + " is a PCI device", "eal.pci = true");
    out = pci + arguments;
    return;
  }
  if (!is_virtual_device(name)) {
    group.error("device", quoted(out) + " is no device", kDeviceRule);
  }
}

void read_interface_addresses(Group& group, std::vector<net::InterfaceAddress>& out) {
  constexpr std::size_t kMaxAddresses = 64;
  std::vector<std::string> texts;
  if (!group.strings("addresses", texts)) return;
  if (texts.size() > kMaxAddresses) {
    return group.error("addresses", std::to_string(texts.size()) + " addresses", "at most 64");
  }
  const auto* list = group.find("addresses");
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto& node = list->children[i];
    const auto address = net::parse_interface_address(texts[i]);
    if (!address || texts[i].find('/') == std::string::npos) {
      group.error_at(node, "addresses", quoted(texts[i]) + " is no interface address",
                     "as in 192.0.2.1/24 or 2001:db8::1/64");
      continue;
    }
    if (const auto fault = address_fault(address->address); !fault.empty()) {
      group.error_at(node, "addresses", quoted(texts[i]) + " " + std::string(fault),
                     "an address of one interface");
    }
    out.push_back(*address);
  }
}

dataplane::PortConfig read_port(Group& group, std::size_t position, Draft& draft) {
  constexpr std::array<std::string_view, 4> kRoles = {"public", "private", "both", "cluster"};
  dataplane::PortConfig port;
  read_name(group, "port", position, draft.port_names, port.name);
  read_device(group, draft.config.eal, port.device);
  std::size_t role = 0;
  if (group.require("role", "public, private, both, cluster")) {
    group.word("role", kRoles, role);
  }
  port.role = static_cast<dataplane::PortRole>(role);
  read_interface_addresses(group, port.addresses);
  group.number("mtu", kMinMtu, kMaxMtu, port.mtu);
  group.number("vlan", 0, 4094, port.vlan);
  read_mac(group, "mac", MacKind::UnicastOrGroup, port.mac);
  group.number("rx_descriptors", 64, 32768, port.rx_descriptors);
  group.number("tx_descriptors", 64, 32768, port.tx_descriptors);
  group.finish();
  return port;
}

}  // namespace

std::string_view address_fault(const net::IpAddress& address) {
  if (address.is_unspecified()) return "is the unspecified address";
  if (address.is_multicast()) return "is a multicast address";
  if (address.is_loopback()) return "is a loopback address";
  if (address.is_v4()) {
    if (address.bytes[0] == 0) return "is in 0.0.0.0/8, this network";
    if (address.v4_host_order() == 0xffffffff) return "is the broadcast address";
    if (address.bytes[0] >= 240) return "is in 240.0.0.0/4, reserved";
    return {};
  }
  // ::ffff:0:0/96, RFC 4291 2.5.5.2: never on the wire.
  constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(kMapped.begin(), kMapped.end(), address.bytes.begin())) {
    return "is an IPv4-mapped address";
  }
  return {};
}

bool read_address(Group& group, std::string_view key, net::IpAddress& out) {
  std::string text;
  if (!group.string(key, text)) return false;
  if (!group.has(key)) return true;
  const auto address = net::parse_ip(text);
  if (!address) {
    group.error(key, quoted(text) + " is no address", "as in 192.0.2.1 or 2001:db8::1");
    return false;
  }
  if (const auto fault = address_fault(*address); !fault.empty()) {
    group.error(key, quoted(text) + " " + std::string(fault), "an address of one interface");
    return false;
  }
  out = *address;
  return true;
}

bool read_prefix(Group& group, std::string_view key, net::Prefix& out) {
  std::string text;
  if (!group.string(key, text)) return false;
  if (!group.has(key)) return true;
  if (const auto prefix = net::parse_prefix(text)) {
    out = *prefix;
    return true;
  }
  if (const auto address = net::parse_interface_address(text)) {
    group.error(key, quoted(text) + " has bits set beyond its length",
                net::to_string(address->subnet()));
  } else {
    group.error(key, quoted(text) + " is no prefix", "as in 10.0.0.0/8 or 2001:db8::/32");
  }
  return false;
}

bool read_mac(Group& group, std::string_view key, MacKind kind, net::MacAddress& out) {
  std::string text;
  if (!group.string(key, text)) return false;
  if (!group.has(key)) return true;
  const auto mac = net::parse_mac(text);
  if (!mac) {
    group.error(key, quoted(text) + " is no MAC address", "as in 02:00:00:00:00:01");
    return false;
  }
  if ((kind == MacKind::Unicast && mac->is_multicast()) || mac->is_zero()) {
    group.error(key, quoted(text) + (mac->is_zero() ? " is all zero" : " is a group address"),
                "a unicast address");
    return false;
  }
  out = *mac;
  return true;
}

void read_ports(Group& root, Draft& draft) {
  using dataplane::kMaxPorts;  // the workers' tables have no room for more
  root.require("ports", "a list of 1..16 groups");
  draft.ports = root.groups("ports");
  if (draft.ports.size() > kMaxPorts) {
    root.error("ports", std::to_string(draft.ports.size()) + " ports",
               "1.." + std::to_string(kMaxPorts));
    draft.ports.erase(draft.ports.begin() + kMaxPorts, draft.ports.end());
  }
  for (std::size_t i = 0; i < draft.ports.size(); ++i) {
    draft.config.dataplane.ports.push_back(read_port(draft.ports[i], i, draft));
  }
}

void read_routes(Group& root, Draft& draft) {
  draft.routes = root.groups("routes");
  for (auto& group : draft.routes) {
    dataplane::RouteConfig route;
    if (group.require("to", "as in 10.0.0.0/8 or 2001:db8::/32")) {
      read_prefix(group, "to", route.to);
    }
    route.via.family = route.to.address.family;
    read_address(group, "via", route.via);
    read_reference(group, "port", "port", draft.port_names, route.port);
    if (!group.has("via") && !group.has("port")) {
      group.error("", "the route leads nowhere", "via, port, or both");
    }
    group.finish();
    draft.config.dataplane.routes.push_back(route);
  }
}

void read_neighbors(Group& root, Draft& draft) {
  draft.neighbors = root.groups("neighbors");
  for (auto& group : draft.neighbors) {
    dataplane::NeighborConfig neighbor;
    if (group.require("port", "the name of a port")) {
      read_reference(group, "port", "port", draft.port_names, neighbor.port);
    }
    if (group.require("address", "as in 192.0.2.1 or 2001:db8::1")) {
      read_address(group, "address", neighbor.address);
    }
    if (group.require("mac", "as in 02:00:00:00:00:01")) {
      read_mac(group, "mac", MacKind::Unicast, neighbor.mac);
    }
    group.finish();
    draft.config.dataplane.neighbors.push_back(neighbor);
  }
}

}  // namespace phalanx::mgmt
