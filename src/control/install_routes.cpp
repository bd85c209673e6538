// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <algorithm>

#include "phalanx/base/log.hpp"
#include "phalanx/control/control_loop.hpp"

namespace phalanx::control {
namespace {

using dataplane::AdjacencyIndex;
using dataplane::Route;
using dataplane::RouteTarget;

std::uint8_t host_length(const net::IpAddress& address) noexcept {
  return address.is_v4() ? 32 : 128;
}

RouteTarget local_target() {
  RouteTarget target;
  target.local = true;
  return target;
}

RouteTarget connected_target(std::size_t port) {
  RouteTarget target;
  target.port = static_cast<std::uint8_t>(port);
  return target;
}

}  // namespace

base::Result<AdjacencyIndex, std::string> ControlLoop::next_hop_row(std::uint8_t port,
                                                                    const net::IpAddress& address) {
  const auto row = host_->add_gateway(base::PortIndex(port), address, clock_.now());
  if (!row) {
    return "next hop " + net::to_string(address) + " on port " +
           dataplane_.tables().ports[port].name +
           " cannot be a neighbor, or limits.neighbors is too small";
  }
  dataplane_.set_fixed_neighbor(*row, {port, address});
  return *row;
}

base::Result<base::Ok, std::string> ControlLoop::install_routes(
    const std::vector<dataplane::RouteConfig>& routes,
    const std::vector<dataplane::NeighborConfig>& neighbors, std::span<const ipsec::SaParams> sas) {
  for (const auto& neighbor : neighbors) {
    const auto port = static_cast<std::uint8_t>(neighbor.port);
    const auto row = host_->add_static(base::PortIndex(port), neighbor.address, neighbor.mac);
    if (!row) {
      return "neighbor " + net::to_string(neighbor.address) +
             " is ours, or limits.neighbors is too small";
    }
    dataplane_.set_fixed_neighbor(*row, {port, neighbor.address});
  }
  std::vector<RouteTarget> targets{local_target()};
  std::vector<Route> table;
  const auto& ports = dataplane_.tables().ports;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (ports[i].role == dataplane::PortRole::Cluster) continue;
    const auto target = static_cast<std::uint32_t>(targets.size());
    targets.push_back(connected_target(i));
    for (const auto& own : ports[i].addresses) {
      table.push_back({own.subnet(), target});
      table.push_back({net::make_prefix(own.address, host_length(own.address)), 0});
    }
  }
  for (const auto& route : routes) {
    RouteTarget target = connected_target(route.port);
    if (!route.via.is_unspecified()) {
      const auto row = next_hop_row(target.port, route.via);
      if (!row) return row.error();
      target.on_link = false;
      target.adjacency = *row;
      target.via = route.via;
    }
    // Several routes by one gateway share a target.
    const auto same = std::find_if(targets.begin() + 1, targets.end(), [&](const auto& other) {
      return other.port == target.port && other.on_link == target.on_link &&
             other.adjacency == target.adjacency;
    });
    const auto position = static_cast<std::uint32_t>(same - targets.begin());
    if (same == targets.end()) targets.push_back(target);
    table.push_back({route.to, position});
  }
  if (auto set = dataplane_.set_routes(table, std::move(targets)); !set) return set;
  return point_sas(sas);
}

base::Result<base::Ok, std::string> ControlLoop::point_sas(std::span<const ipsec::SaParams> sas) {
  auto& tables = dataplane_.tables();
  for (auto& sa : tables.sas->outbound()) {
    const auto& params = sas[sa.index()];
    sa.set_tx_hint(dataplane::kNoAdjacency.value());
    const auto number = tables.fib->lookup(params.remote);
    const auto* target = number == dataplane::Fib::kNoRoute ? nullptr : &tables.fib->target(number);
    if (target == nullptr || target->local) {
      base::log_warn("control", "no route to the peer, its packets will be dropped sa=" +
                                    params.name + " remote=" + net::to_string(params.remote));
      continue;
    }
    auto row = target->on_link ? next_hop_row(target->port, params.remote)
                               : base::Result<AdjacencyIndex, std::string>(target->adjacency);
    if (!row) return row.error();
    sa.set_tx_hint(row->value());
    const auto& port = tables.ports[target->port];
    if (!port.is_public()) {
      base::log_warn("control", "the peer is behind a private port sa=" + params.name);
    }
    if (sa.outer_mtu() == 0 || sa.outer_mtu() > port.mtu) sa.set_outer_mtu(port.mtu);
  }
  return base::Ok{};
}

}  // namespace phalanx::control
