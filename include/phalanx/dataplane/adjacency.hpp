// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "phalanx/dataplane/punt.hpp"
#include "phalanx/dpdk/quiescence.hpp"
#include "phalanx/net/address.hpp"

namespace phalanx::dataplane {

inline constexpr AdjacencyIndex kNoAdjacency{0xffffffff};

// How to send to one resolved neighbor: the Ethernet header, ready to copy. Immutable once
// published, but for `used`, which workers set when it is not set.
struct Adjacency {
  std::array<std::uint8_t, 18> l2{};
  std::uint8_t l2_length = 14;
  std::uint8_t port = 0;
  std::uint16_t mtu = 1500;
  net::MacAddress mac;
  net::IpAddress address;
  mutable std::atomic<bool> used{false};
};

// Index -> resolved neighbor. writer: control thread; readers: workers, between two quiescent
// reports. An index without a neighbor reads as nullptr.
class AdjacencyTable {
 public:
  AdjacencyTable(std::uint32_t capacity, dpdk::Quiescence& quiescence);

  [[nodiscard]] std::uint32_t capacity() const noexcept {
    return static_cast<std::uint32_t>(slots_.size());
  }
  [[nodiscard]] const Adjacency* lookup(AdjacencyIndex index) const noexcept {
    if (index.value() >= slots_.size()) [[unlikely]]
      return nullptr;
    return slots_[index.value()].load(std::memory_order_acquire);
  }

  // Control thread.
  void publish(AdjacencyIndex index, std::unique_ptr<Adjacency> adjacency);
  void withdraw(AdjacencyIndex index);
  // Whether a worker sent by it since the last call.
  [[nodiscard]] bool take_used(AdjacencyIndex index) noexcept;
  // Frees what no worker can hold any more. Called from the control loop.
  void reclaim();

 private:
  void retire(std::unique_ptr<const Adjacency> old);

  struct Retired {
    std::unique_ptr<const Adjacency> adjacency;
    dpdk::Quiescence::Token token;
  };
  dpdk::Quiescence& quiescence_;
  std::vector<std::atomic<const Adjacency*>> slots_;
  std::vector<std::unique_ptr<const Adjacency>> owned_;
  std::vector<Retired> retired_;
};

}  // namespace phalanx::dataplane
