// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dataplane/host_table.hpp"

#include <rte_hash_crc.h>
#include <rte_lcore.h>

#include <bit>

#include "phalanx/dpdk/eal.hpp"

namespace phalanx::dataplane {

base::Result<HostTable, std::string> HostTable::create(std::uint32_t capacity) {
  rte_hash_parameters parameters{};
  parameters.name = "phalanx_hosts";
  parameters.entries = std::bit_ceil(capacity) * 2;
  parameters.key_len = sizeof(Key);
  parameters.hash_func = rte_hash_crc;
  parameters.socket_id = static_cast<int>(rte_socket_id());
  // Readers never lock. Freed slots are reused at once: a reader that compares a key while it is
  // replaced sees another neighbor's index at worst for one packet, and the adjacency it then reads
  // is checked against the address in HostTable's caller.
  parameters.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF;
  HostTable hosts;
  hosts.table_.reset(rte_hash_create(&parameters));
  if (!hosts.table_) return "no memory for the neighbor table: " + dpdk::error_text();
  return hosts;
}

AdjacencyIndex HostTable::lookup(std::uint8_t port, const net::IpAddress& address) const noexcept {
  const auto key = key_of(port, address);
  void* data = nullptr;
  if (rte_hash_lookup_data(table_.get(), &key, &data) < 0) return kNoAdjacency;
  return AdjacencyIndex(static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(data)));
}

bool HostTable::insert(std::uint8_t port, const net::IpAddress& address,
                       AdjacencyIndex adjacency) noexcept {
  const auto key = key_of(port, address);
  return rte_hash_add_key_data(table_.get(), &key,
                               reinterpret_cast<void*>(std::uintptr_t{adjacency.value()})) == 0;
}

void HostTable::erase(std::uint8_t port, const net::IpAddress& address) noexcept {
  const auto key = key_of(port, address);
  const auto position = rte_hash_del_key(table_.get(), &key);
  if (position >= 0) rte_hash_free_key_with_position(table_.get(), position);
}

}  // namespace phalanx::dataplane
