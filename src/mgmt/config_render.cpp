// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <nlohmann/json.hpp>

#include "config_names.hpp"
#include "phalanx/mgmt/config_loader.hpp"

namespace phalanx::mgmt {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kRedacted[] = "redacted";

Json render_node(const NodeConfig& node) {
  return {{"id", node.id.value()},
          {"name", node.name},
          {"state_dir", node.state_dir},
          {"run_dir", node.run_dir},
          {"user", node.user}};
}

Json render_eal(const EalConfig& eal) {
  return {{"memory_mb", eal.memory_mb},     {"hugepages", eal.hugepages}, {"pci", eal.pci},
          {"file_prefix", eal.file_prefix}, {"plugins", eal.plugins},     {"extra", eal.extra}};
}

Json render_port(const dataplane::PortConfig& port) {
  Json addresses = Json::array();
  for (const auto& address : port.addresses) addresses.push_back(net::to_string(address));
  return {{"name", port.name},
          {"device", port.device},
          {"role", name_of(port.role)},
          {"addresses", std::move(addresses)},
          {"mtu", port.mtu},
          {"vlan", port.vlan},
          {"mac", port.mac.is_zero() ? std::string("device") : net::to_string(port.mac)},
          {"rx_descriptors", port.rx_descriptors},
          {"tx_descriptors", port.tx_descriptors}};
}

Json render_limits(const dataplane::Limits& limits) {
  return {{"mbufs", limits.mbufs},
          {"flow_cache_entries", limits.flow_cache_entries},
          {"neighbors", limits.neighbors},
          {"neighbor_queue", limits.neighbor_queue},
          {"hold_packets", limits.hold_packets},
          {"hold_packets_per_sa", limits.hold_packets_per_sa},
          {"punt_queue", limits.punt_queue},
          {"icmp_errors_per_second", limits.icmp_errors_per_second}};
}

void render_dataplane(const dataplane::Config& plane, Json& out) {
  out["control"] = {{"cpu", plane.control_cpu}};
  out["node"]["tell_discarded"] = plane.tell_discarded;
  out["workers"] = Json::array();
  for (const auto& worker : plane.workers) {
    Json row = {{"cpu", worker.cpu}, {"role", name_of(worker.role)}};
    if (worker.encrypts()) row["share"] = worker.share;
    out["workers"].push_back(std::move(row));
  }
  out["rebalance"] = {{"enabled", plane.rebalance.enabled},
                      {"elephant_percent", plane.rebalance.elephant_percent}};
  out["idle_sleep"] = {{"enabled", plane.idle_sleep.enabled},
                       {"after_empty_polls", plane.idle_sleep.after_empty_polls},
                       {"sleep_us", plane.idle_sleep.sleep_us}};
  out["ports"] = Json::array();
  for (const auto& port : plane.ports) out["ports"].push_back(render_port(port));
  out["routes"] = Json::array();
  for (const auto& route : plane.routes) {
    Json row = {{"to", net::to_string(route.to)}};
    if (!route.via.is_unspecified()) row["via"] = net::to_string(route.via);
    row["port"] = plane.ports[route.port].name;
    out["routes"].push_back(std::move(row));
  }
  out["neighbors"] = Json::array();
  for (const auto& neighbor : plane.neighbors) {
    out["neighbors"].push_back({{"port", plane.ports[neighbor.port].name},
                                {"address", net::to_string(neighbor.address)},
                                {"mac", net::to_string(neighbor.mac)}});
  }
  out["limits"] = render_limits(plane.limits);
}

Json render_sa(const ipsec::SaParams& sa) {
  Json row = {{"name", sa.name},
              {"direction", name_of(sa.direction)},
              {"spi", hex_text(sa.spi.value(), 8)},
              {"uid", hex_text(sa.uid.value(), 16)},
              {"local", net::to_string(sa.local)},
              {"remote", net::to_string(sa.remote)},
              {"algorithm", std::string(ipsec::info(sa.algorithm).name)},
              {"key", kRedacted}};
  if (!ipsec::info(sa.algorithm).combined()) row["auth_key"] = kRedacted;
  row["esn"] = sa.esn;
  row["mode"] = name_of(sa.mode);
  if (sa.mode == ipsec::SaMode::Packet) {
    row["stripe_shift"] = sa.stripe_shift;
    if (sa.direction == ipsec::Direction::Outbound) row["peer_window"] = sa.peer_window;
  }
  if (sa.direction == ipsec::Direction::Inbound) {
    row["replay_window"] = sa.replay_window;
    return row;
  }
  row["df"] = name_of(sa.df);
  if (sa.copy_dscp) {
    row["dscp"] = "copy";
  } else {
    row["dscp"] = sa.outer_dscp;
  }
  row["path_mtu"] = sa.path_mtu;
  return row;
}

std::string range(const ipsec::PortRange& ports) {
  if (ports.any()) return "any";
  if (ports.low == ports.high) return std::to_string(ports.low);
  return std::to_string(ports.low) + "-" + std::to_string(ports.high);
}

Json render_policy(const ipsec::Policy& policy, const std::vector<ipsec::SaParams>& sas) {
  const auto& selector = policy.selector;
  Json row = {{"name", policy.name},
              {"action", name_of(policy.action)},
              {"local", net::to_string(selector.local)},
              {"remote", net::to_string(selector.remote)},
              {"protocol", selector.protocol},
              {"local_ports", range(selector.local_ports)},
              {"remote_ports", range(selector.remote_ports)}};
  if (policy.action != ipsec::PolicyAction::Protect) return row;
  if (policy.out_sa != ipsec::Policy::kNoSa) {
    row["out_sa"] = sas[policy.out_sa].name;
    if (sas[policy.out_sa].mode == ipsec::SaMode::Packet)
      row["dispatch"] = name_of(policy.dispatch);
  }
  row["in_sas"] = Json::array();
  for (const auto position : policy.in_sas) row["in_sas"].push_back(sas[position].name);
  return row;
}

Json render_cluster(const control::ClusterConfig& cluster) {
  Json row = {
      {"udp_port", cluster.udp_port},
      {"heartbeat_interval_ms",
       std::chrono::duration_cast<std::chrono::milliseconds>(cluster.heartbeat_interval).count()},
      {"ingress", name_of(cluster.ingress)},
      {"weight", cluster.weight},
      {"secret_file", cluster.secret_file},
      {"secret", kRedacted},
      {"birth_key", kRedacted}};
  row["members"] = Json::array();
  for (const auto& member : cluster.members) {
    auto next_hops = Json::array();
    for (const auto& address : member.next_hops) next_hops.push_back(net::to_string(address));
    row["members"].push_back({{"id", member.id.value()},
                              {"name", member.name},
                              {"address", net::to_string(member.address)},
                              {"witness", member.witness},
                              {"next_hops", std::move(next_hops)}});
  }
  return row;
}

}  // namespace

std::string render_redacted(const Config& config) {
  Json out = {{"version", 1}, {"node", render_node(config.node)}, {"eal", render_eal(config.eal)}};
  render_dataplane(config.dataplane, out);
  out["sas"] = Json::array();
  for (const auto& sa : config.sas) out["sas"].push_back(render_sa(sa));
  if (config.cluster.enabled()) out["cluster"] = render_cluster(config.cluster);
  out["policies"] = Json::array();
  for (const auto& policy : config.policies) {
    out["policies"].push_back(render_policy(policy, config.sas));
  }
  // Paths may hold bytes that are no UTF-8; they must not turn into an exception. ASCII only, since
  // DPDK's telemetry socket takes nothing else.
  return out.dump(2, ' ', true, Json::error_handler_t::replace);
}

}  // namespace phalanx::mgmt
