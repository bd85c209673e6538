// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <rte_fib.h>
#include <rte_fib6.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "phalanx/base/result.hpp"
#include "phalanx/dataplane/punt.hpp"
#include "phalanx/net/address.hpp"

namespace phalanx::dataplane {

// Where a route leads.
struct RouteTarget {
  std::uint8_t port = 0;
  bool local = false;        // one of our own addresses
  bool on_link = true;       // the destination itself is the neighbor
  AdjacencyIndex adjacency;  // otherwise the gateway's
  net::IpAddress via;
};

struct Route {
  net::Prefix to;
  std::uint32_t target = 0;  // position in the list of targets
};

// Longest-prefix match on rte_fib (DIR24-8) and rte_fib6 (trie), built once at start. A table of a
// family without routes is not made: each takes 32 MB. Workers read; nobody writes after create().
class Fib {
 public:
  static constexpr std::uint32_t kNoRoute = 0;

  static base::Result<Fib, std::string> create(std::span<const Route> routes,
                                               std::vector<RouteTarget> targets);

  // Target numbers (kNoRoute for none), to be given to target(). Addresses in host order.
  void lookup4(std::uint32_t* addresses, std::uint64_t* targets, int count) const noexcept {
    if (fib4_ == nullptr || rte_fib_lookup_bulk(fib4_.get(), addresses, targets, count) != 0) {
      for (int i = 0; i < count; ++i) targets[i] = kNoRoute;
    }
  }
  [[nodiscard]] std::uint64_t lookup6(const std::uint8_t* address) const noexcept;
  [[nodiscard]] std::uint64_t lookup(const net::IpAddress& address) const noexcept;
  [[nodiscard]] const RouteTarget& target(std::uint64_t number) const noexcept {
    return targets_[number - 1];
  }

 private:
  struct Free4 {
    void operator()(rte_fib* fib) const noexcept { rte_fib_free(fib); }
  };
  struct Free6 {
    void operator()(rte_fib6* fib) const noexcept { rte_fib6_free(fib); }
  };
  std::unique_ptr<rte_fib, Free4> fib4_;
  std::unique_ptr<rte_fib6, Free6> fib6_;
  std::vector<RouteTarget> targets_;
};

}  // namespace phalanx::dataplane
