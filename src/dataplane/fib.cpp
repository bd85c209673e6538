// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dataplane/fib.hpp"

#include <rte_lcore.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "phalanx/dpdk/eal.hpp"

namespace phalanx::dataplane {
namespace {

// Second-level tables: one for each /24 (IPv6: for each 8-bit step) that has longer prefixes.
constexpr std::uint32_t kTables8 = 4096;

bool has_family(std::span<const Route> routes, net::Family family) {
  return std::any_of(routes.begin(), routes.end(),
                     [&](const Route& route) { return route.to.address.family == family; });
}

std::string refused(const Route& route, int error) {
  return "the routing table refuses " + net::to_string(route.to) + ": " + dpdk::error_text(error);
}

}  // namespace

base::Result<Fib, std::string> Fib::create(std::span<const Route> routes,
                                           std::vector<RouteTarget> targets) {
  Fib fib;
  fib.targets_ = std::move(targets);
  const auto max_routes = static_cast<int>(std::max<std::size_t>(routes.size(), 16) + 1);
  const auto socket = static_cast<int>(rte_socket_id());
  if (has_family(routes, net::Family::V4)) {
    rte_fib_conf conf{};
    conf.type = RTE_FIB_DIR24_8;
    conf.default_nh = kNoRoute;
    conf.max_routes = max_routes;
    conf.dir24_8.nh_sz = RTE_FIB_DIR24_8_2B;
    conf.dir24_8.num_tbl8 = kTables8;
    fib.fib4_.reset(rte_fib_create("phalanx_fib4", socket, &conf));
    if (!fib.fib4_) {
      return "no memory for the IPv4 routing table (eal.memory_mb): " + dpdk::error_text();
    }
  }
  if (has_family(routes, net::Family::V6)) {
    rte_fib6_conf conf{};
    conf.type = RTE_FIB6_TRIE;
    conf.default_nh = kNoRoute;
    conf.max_routes = max_routes;
    conf.trie.nh_sz = RTE_FIB6_TRIE_2B;
    conf.trie.num_tbl8 = kTables8;
    fib.fib6_.reset(rte_fib6_create("phalanx_fib6", socket, &conf));
    if (!fib.fib6_) {
      return "no memory for the IPv6 routing table (eal.memory_mb): " + dpdk::error_text();
    }
  }
  for (const auto& route : routes) {
    // 0 is "no route", so targets count from 1.
    const std::uint64_t number = route.target + 1;
    int error = 0;
    if (route.to.address.is_v4()) {
      error =
          rte_fib_add(fib.fib4_.get(), route.to.address.v4_host_order(), route.to.length, number);
    } else {
      error = rte_fib6_add(fib.fib6_.get(), route.to.address.bytes.data(), route.to.length, number);
    }
    if (error != 0) return refused(route, error);
  }
  return fib;
}

std::uint64_t Fib::lookup6(const std::uint8_t* address) const noexcept {
  std::uint8_t addresses[1][RTE_FIB6_IPV6_ADDR_SIZE];
  std::memcpy(addresses[0], address, RTE_FIB6_IPV6_ADDR_SIZE);
  std::uint64_t number = kNoRoute;
  if (fib6_ == nullptr || rte_fib6_lookup_bulk(fib6_.get(), addresses, &number, 1) != 0) {
    return kNoRoute;
  }
  return number;
}

std::uint64_t Fib::lookup(const net::IpAddress& address) const noexcept {
  if (address.is_v6()) return lookup6(address.bytes.data());
  std::uint32_t host = address.v4_host_order();
  std::uint64_t number = kNoRoute;
  lookup4(&host, &number, 1);
  return number;
}

}  // namespace phalanx::dataplane
