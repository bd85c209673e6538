// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "commands_cluster.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <string>

namespace phalanx::mgmt {
namespace {

using control::ClusterDriver;
using control::ClusterMember;
using control::ClusterService;
using Reply = base::Result<Row, std::string>;

std::optional<base::NodeId> parse_id(const std::string& text) {
  std::uint8_t id = 0;
  const auto* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, id);
  if (error != std::errc{} || stopped != end || id == 0) return std::nullopt;
  return base::NodeId(id);
}

// By name or id; nothing: this node.
std::optional<base::NodeId> find_member(const ClusterService& cluster,
                                        const std::optional<std::string>& text) {
  if (!text) return cluster.self();
  const auto& roster = cluster.driver().roster();
  for (const auto& member : roster.members()) {
    if (member.name == *text) return member.id;
  }
  const auto id = parse_id(*text);
  return id && roster.find(*id) != nullptr ? id : std::nullopt;
}

// Runs on the control thread what is said of one member.
Reply say(control::ControlLoop& loop, ClusterService& cluster, const CommandArguments& arguments,
          const std::function<ClusterDriver::Told(ClusterDriver&, base::NodeId)>& word) {
  Reply reply = std::string("the control thread does not answer");
  static_cast<void>(loop.call([&] {
    const auto node = find_member(cluster, arguments.text("node"));
    if (!node) {
      reply = "there is no member " + arguments.text("node").value_or("");
      return;
    }
    const auto told = word(cluster.operations(), *node);
    if (!told) {
      reply = told.error();
      return;
    }
    const auto& roster = cluster.driver().roster();
    reply = Row{{"name", roster.find(*node)->name}, {"node", std::uint64_t{node->value()}}};
  }));
  return reply;
}

Reply join(const Config& config, control::ControlLoop& loop, ClusterService& cluster,
           const CommandArguments& arguments) {
  ClusterMember member;
  const auto id = parse_id(arguments.text("node").value_or(""));
  if (!id) return std::string("node is an id of 1 to 255");
  member.id = *id;
  const auto address = net::parse_ip(arguments.text("address").value_or(""));
  if (!address || address->is_v6()) return std::string("address is an IPv4 address");
  member.address = *address;
  const auto& own = config.dataplane.ports[config.cluster.port].addresses;
  const bool reachable = std::any_of(own.begin(), own.end(), [&](const auto& each) {
    return each.address.is_v4() && each.subnet().contains(member.address);
  });
  if (!reachable) {
    return net::to_string(member.address) + " is not on the subnet of the cluster port";
  }
  member.name = arguments.text("name").value_or("node-" + std::to_string(id->value()));
  member.witness = arguments.number("witness").value_or(0) != 0;
  Reply reply = std::string("the control thread does not answer");
  static_cast<void>(loop.call([&] {
    const auto told = cluster.operations().join(member);
    reply = told ? Reply(Row{{"name", member.name}, {"node", std::uint64_t{id->value()}}})
                 : Reply(told.error());
  }));
  return reply;
}

}  // namespace

void add_cluster_commands(Commands& commands, const Config& config, control::ControlLoop& loop,
                          ClusterService& cluster) {
  using Arguments = CommandArguments;
  const auto add = [&](const char* name, auto word) {
    commands[name] = {{"node"}, [&loop, &cluster, word](const Arguments& arguments) {
                        return say(loop, cluster, arguments, word);
                      }};
  };
  add("cluster_drain",
      [](ClusterDriver& driver, base::NodeId node) { return driver.set_drained(node, true); });
  add("cluster_undrain",
      [](ClusterDriver& driver, base::NodeId node) { return driver.set_drained(node, false); });
  add("cluster_leave", [](ClusterDriver& driver, base::NodeId node) { return driver.leave(node); });
  add("cluster_expel", [](ClusterDriver& driver, base::NodeId node) { return driver.expel(node); });
  commands["cluster_weight"] = {
      {"node", "weight"}, [&loop, &cluster](const Arguments& arguments) -> Reply {
        const auto weight = arguments.number("weight");
        if (!weight || *weight > control::kMaxWeight) return std::string("weight is 0 to 1000");
        return say(loop, cluster, arguments, [&](ClusterDriver& driver, base::NodeId node) {
          return driver.set_weight(node, static_cast<std::uint32_t>(*weight));
        });
      }};
  commands["cluster_join"] = {{"node", "address", "name", "witness"},
                              [&config, &loop, &cluster](const Arguments& arguments) {
                                return join(config, loop, cluster, arguments);
                              }};
}

}  // namespace phalanx::mgmt
