// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <rte_hash.h>

#include <cstdint>
#include <memory>
#include <string>

#include "phalanx/base/result.hpp"
#include "phalanx/dataplane/adjacency.hpp"
#include "phalanx/net/address.hpp"

namespace phalanx::dataplane {

// (port, address) -> adjacency of a neighbor on a connected subnet. rte_hash with lock-free
// readers: workers look up, the control thread writes.
class HostTable {
 public:
  static base::Result<HostTable, std::string> create(std::uint32_t capacity);

  // kNoAdjacency when the neighbor is not resolved.
  [[nodiscard]] AdjacencyIndex lookup(std::uint8_t port,
                                      const net::IpAddress& address) const noexcept;
  // Control thread. False when the table is full.
  bool insert(std::uint8_t port, const net::IpAddress& address, AdjacencyIndex adjacency) noexcept;
  void erase(std::uint8_t port, const net::IpAddress& address) noexcept;

 private:
  struct Key {
    std::array<std::uint8_t, 16> address;
    std::uint8_t family;
    std::uint8_t port;
    std::array<std::uint8_t, 2> zero;
  };
  static_assert(sizeof(Key) == 20);
  struct Free {
    void operator()(rte_hash* table) const noexcept { rte_hash_free(table); }
  };
  static Key key_of(std::uint8_t port, const net::IpAddress& address) noexcept {
    return {address.bytes, static_cast<std::uint8_t>(address.family), port, {}};
  }
  std::unique_ptr<rte_hash, Free> table_;
};

}  // namespace phalanx::dataplane
