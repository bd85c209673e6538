// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "config_draft.hpp"
#include "config_file.hpp"

namespace phalanx::mgmt {
namespace {

using control::ClusterMember;
using dataplane::PortRole;

constexpr std::size_t kMaxMembers = 32;
constexpr std::size_t kMinSecretBytes = 32;
constexpr std::size_t kMaxSecretBytes = 64;
constexpr std::string_view kSecretRule = "64 to 128 hexadecimal digits";
constexpr std::string_view kBirthKeyRule = "32 hexadecimal digits";

void read_next_hops(Group& group, ClusterMember& member) {
  std::vector<std::string> texts;
  if (!group.strings("next_hops", texts)) return;
  for (const auto& text : texts) {
    const auto address = net::parse_ip(text);
    if (!address || !address->is_v4()) {
      group.error("next_hops", mgmt::quoted(text) + " is no IPv4 address", "as in 192.0.2.11");
      return;
    }
    member.next_hops.push_back(*address);
  }
}

ClusterMember read_member(Group& group, std::size_t position, Names& names) {
  ClusterMember member;
  read_name(group, "member", position, names, member.name);
  std::uint8_t id = 0;
  if (group.require("id", "1..255")) group.number("id", 1, 255, id);
  member.id = base::NodeId(id);
  if (group.require("address", "as in 192.0.2.1") &&
      read_address(group, "address", member.address) && member.address.is_v6()) {
    group.error("address", mgmt::quoted(net::to_string(member.address)) + " is an IPv6 address",
                "IPv4 on the cluster port");
  }
  group.boolean("witness", member.witness);
  read_next_hops(group, member);
  group.finish();
  return member;
}

void check_members(Draft& draft) {
  std::set<base::NodeId> ids;
  std::set<net::IpAddress> addresses;
  const auto& members = draft.config.cluster.members;
  for (std::size_t i = 0; i < members.size(); ++i) {
    auto& group = draft.members[i];
    if (group.has("id") && group.good("id") && !ids.insert(members[i].id).second) {
      group.error("id", std::to_string(members[i].id.value()) + " is another member's already",
                  "an id of its own for each member");
    }
    if (group.has("address") && group.good("address") &&
        !addresses.insert(members[i].address).second) {
      group.error("address",
                  mgmt::quoted(net::to_string(members[i].address)) + " is another member's already",
                  "an address of its own for each member");
    }
  }
}

// The secrets lie in a file of their own, so that the rest of the config may be read by anybody.
void read_secrets(Node& tree, Problems& problems, control::ClusterConfig& cluster) {
  Group root(tree, "", problems);
  if (root.require("secret", std::string(kSecretRule))) read_key(root, "secret", cluster.secret);
  if (root.good("secret") && !cluster.secret.empty() &&
      (cluster.secret.size() < kMinSecretBytes || cluster.secret.size() > kMaxSecretBytes)) {
    root.error("secret", "has " + std::to_string(cluster.secret.size()) + " bytes",
               std::string(kSecretRule));
  }
  base::Secret birth_key;
  if (root.require("birth_key", std::string(kBirthKeyRule))) {
    read_key(root, "birth_key", birth_key);
  }
  if (birth_key.size() == cluster.birth_key.size()) {
    std::copy(birth_key.bytes().begin(), birth_key.bytes().end(), cluster.birth_key.begin());
  } else if (root.good("birth_key") && !birth_key.empty()) {
    root.error("birth_key", "has " + std::to_string(birth_key.size()) + " bytes",
               std::string(kBirthKeyRule));
  }
  root.finish();
}

// The cluster port: where the members' addresses are.
void check_cluster_port(Group& group, Draft& draft) {
  auto& cluster = draft.config.cluster;
  const auto* self = cluster.find(draft.config.node.id);
  if (self == nullptr) {
    return group.error("members",
                       "node " + std::to_string(draft.config.node.id.value()) +
                           ", this one, is "
                           "not among them",
                       "every node of the cluster, node.id among them");
  }
  if (self->witness) {
    group.error("members", "this node is a witness, which has no ports", "phalanx-witness");
  }
  const auto& ports = draft.config.dataplane.ports;
  const auto found = std::find_if(ports.begin(), ports.end(),
                                  [](const auto& port) { return port.role == PortRole::Cluster; });
  if (found == ports.end()) {
    return group.error("members", "there is no port whose role is cluster", "one cluster port");
  }
  cluster.port = static_cast<std::uint32_t>(found - ports.begin());
  const auto own =
      std::find_if(found->addresses.begin(), found->addresses.end(),
                   [&](const auto& address) { return address.address == self->address; });
  auto& port_group = draft.ports[cluster.port];
  if (own == found->addresses.end()) {
    return port_group.error("addresses",
                            "member " + mgmt::quoted(self->name) + ", this node, has address " +
                                net::to_string(self->address) + ", the port has not",
                            net::to_string(self->address) + " with the length of its subnet");
  }
  if (found->vlan != 0) {
    port_group.error("vlan", "the cluster port cannot be a VLAN", "0, a device of its own");
  }
  for (std::size_t i = 0; i < cluster.members.size(); ++i) {
    const auto& member = cluster.members[i];
    if (draft.members[i].good("address") && !own->subnet().contains(member.address)) {
      draft.members[i].error("address",
                             mgmt::quoted(net::to_string(member.address)) +
                                 " is not on the subnet of the cluster port",
                             "an address in " + net::to_string(own->subnet()));
    }
  }
}

void check_shared_macs(Draft& draft) {
  const auto& ports = draft.config.dataplane.ports;
  const bool group = draft.config.cluster.ingress == control::IngressMode::Multicast;
  const std::string wanted = std::string("the same ") + (group ? "multicast" : "unicast") +
                             " MAC on every node of the cluster";
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (ports[i].role == PortRole::Cluster || !draft.ports[i].good("mac")) continue;
    if (ports[i].mac.is_zero()) {
      draft.ports[i].error("mac", "is missing: it is the address that all nodes share", wanted);
    } else if (group && !ports[i].mac.is_multicast()) {
      draft.ports[i].error("mac", net::to_string(ports[i].mac) + " is no group address", wanted);
    }
  }
}

// Only a cluster may have one, and says so.
void check_group_macs(Draft& draft) {
  const auto& ports = draft.config.dataplane.ports;
  const bool group = draft.config.cluster.ingress == control::IngressMode::Multicast;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const bool allowed = group && ports[i].role != PortRole::Cluster;
    if (allowed || !draft.ports[i].good("mac") || !ports[i].mac.is_multicast()) continue;
    draft.ports[i].error("mac", mgmt::quoted(net::to_string(ports[i].mac)) + " is a group address",
                         "a unicast address");
  }
}

// The data port on whose subnet a next-hop address is; nullptr, or why it cannot be one.
dataplane::PortConfig* port_of_next_hop(Draft& draft, const net::IpAddress& address,
                                        std::string& problem) {
  for (auto& port : draft.config.dataplane.ports) {
    if (port.role == PortRole::Cluster) continue;
    for (const auto& own : port.addresses) {
      if (own.address == address) {
        problem = "is the address that all nodes share";
        return nullptr;
      }
      if (own.address.is_v4() && own.subnet().contains(address)) return &port;
    }
  }
  problem = "is on the subnet of no public or private port";
  return nullptr;
}

// Gives each next-hop address to its port.
void place_next_hops(Draft& draft, std::size_t position, std::set<net::IpAddress>& known) {
  const auto& member = draft.config.cluster.members[position];
  std::set<const dataplane::PortConfig*> ports;
  for (const auto& address : member.next_hops) {
    std::string problem;
    auto* port = port_of_next_hop(draft, address, problem);
    if (port != nullptr && !ports.insert(port).second) problem = "is the second one on its port";
    if (!known.insert(address).second) problem = "is there twice";
    if (!problem.empty()) {
      return draft.members[position].error("next_hops", net::to_string(address) + " " + problem,
                                           "one address on each port's subnet");
    }
    port->next_hops.push_back({member.id, address});
  }
}

void check_next_hops(Group& group, Draft& draft) {
  auto& cluster = draft.config.cluster;
  const bool spray = cluster.ingress == control::IngressMode::Spray;
  std::set<net::IpAddress> known;
  for (std::size_t i = 0; i < cluster.members.size(); ++i) {
    const auto& member = cluster.members[i];
    auto& where = draft.members[i];
    if (!where.good("next_hops") || member.next_hops.empty()) continue;
    if (!spray) {
      where.error("next_hops", "routers pick no node in this mode", "cluster.ingress = spray");
    } else if (member.witness) {
      where.error("next_hops", "this member is a witness, which has no ports", "none");
    } else {
      place_next_hops(draft, i, known);
    }
  }
  if (spray && known.empty()) {
    group.error("ingress", "no member has next_hops, where routers could find it",
                "next_hops of each node, or another mode");
  }
}

// Which of several owners a packet of such an SA belongs to is decided by its number, and that each
// of them knows its leases is not there yet.
void check_modes(Draft& draft) {
  for (std::size_t i = 0; i < draft.sas.size(); ++i) {
    if (draft.config.sas[i].mode != ipsec::SaMode::Packet || !draft.sas[i].good("mode")) continue;
    draft.sas[i].error("mode", "SAs in packet mode cannot be shared by nodes yet", "session");
  }
}

}  // namespace

void read_cluster(Group& root, Draft& draft) {
  auto found = root.group("cluster");
  if (!found) return;
  auto& group = *found;
  auto& cluster = draft.config.cluster;
  constexpr std::array<std::string_view, 4> kModes = {"unicast", "multicast", "forward", "spray"};
  group.require("members", "a list of 1..32 groups { id, name, address }");
  draft.members = group.groups("members");
  if (group.good("members") && group.has("members") &&
      (draft.members.empty() || draft.members.size() > kMaxMembers)) {
    group.error("members", std::to_string(draft.members.size()) + " members", "1..32");
  }
  Names names;
  for (std::size_t i = 0; i < draft.members.size(); ++i) {
    cluster.members.push_back(read_member(draft.members[i], i, names));
  }
  if (group.require("secret_file", "the file with secret and birth_key")) {
    group.string("secret_file", cluster.secret_file);
  }
  group.number("udp_port", 1, UINT16_MAX, cluster.udp_port);
  std::uint32_t interval = 10;
  group.number("heartbeat_interval_ms", 5, 1000, interval);
  cluster.heartbeat_interval = std::chrono::milliseconds(interval);
  std::size_t mode = 0;
  group.word("ingress", kModes, mode);
  cluster.ingress = static_cast<control::IngressMode>(mode);
  group.number("weight", 0, 1000, cluster.weight);
  group.finish();
  check_members(draft);
}

void check_cluster(Group& root, Draft& draft) {
  check_group_macs(draft);
  auto found = root.group("cluster");
  if (!found || draft.config.cluster.members.empty()) return;
  draft.config.dataplane.cluster_node = draft.config.node.id;
  draft.config.dataplane.coming_hold = draft.config.cluster.move_hold();
  draft.config.dataplane.hand_on = draft.config.cluster.hands_on();
  check_next_hops(*found, draft);
  check_cluster_port(*found, draft);
  check_shared_macs(draft);
  check_modes(draft);
}

void load_cluster_secrets(Group& root, const std::string& config_path, Draft& draft,
                          Problems& problems) {
  auto found = root.group("cluster");
  auto& cluster = draft.config.cluster;
  if (!found || cluster.secret_file.empty()) return;
  auto& group = *found;
  if (config_path.empty()) {
    return group.error("secret_file", "no file is opened for a config from memory", "a file");
  }
  auto path = std::filesystem::path(cluster.secret_file);
  if (path.is_relative()) path = std::filesystem::path(config_path).parent_path() / path;
  problems = Problems(path.string());
  auto file = read_config_file(path.string());
  if (!file) {
    return group.error("secret_file", path.string() + " " + file.error().problem, kKeyFileRule);
  }
  if (!file->exposure.empty()) {
    group.error("secret_file", path.string() + " holds keys and " + file->exposure, kKeyFileRule);
  }
  auto parsed = parse_config_tree(file->text.view());
  if (!parsed) {
    const auto& error = parsed.error();
    return problems.error(error.line, "", error.problem, error.allowed);
  }
  auto tree = *std::move(parsed);
  read_secrets(tree, problems, cluster);
}

}  // namespace phalanx::mgmt
