// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <rte_hash.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "phalanx/base/huge_memory.hpp"
#include "phalanx/base/line_table.hpp"
#include "phalanx/base/prefetch.hpp"
#include "phalanx/ipsec/flow_table.hpp"

namespace phalanx::bench {

// The tables that tools/bench tables compares. Each finds, for up to 32 keys at once, the number of
// the entry, and asks the cache for the entry's 64-byte state.
inline constexpr std::size_t kBulk = 32;
inline constexpr std::uint64_t kSeed = 0x5851f42d4c957f2d;

struct alignas(64) StateLine {
  std::array<std::uint64_t, 8> words;
};

// An array in huge pages.
template <typename T>
class HugeArray {
 public:
  explicit HugeArray(std::size_t count) : memory_(count * sizeof(T)), count_(count) {
    if (memory_.empty()) throw std::bad_alloc();
  }
  [[nodiscard]] T& operator[](std::size_t i) const noexcept {
    return static_cast<T*>(static_cast<void*>(memory_.data()))[i];
  }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }

 private:
  base::HugeMemory memory_;
  std::size_t count_;
};

// ---- the daemon's ------------------------------------------------------------------------------
class NodeSpiTable {
 public:
  NodeSpiTable(std::span<const std::uint32_t> spis, std::span<const std::uint32_t> entries,
               const HugeArray<StateLine>& states);
  void lookup(const std::uint32_t* spis, std::size_t n, std::uint32_t* found) const noexcept {
    table_.lookup_bulk(spis, n, found,
                       [this](std::uint32_t entry) { base::prefetch(&states_[entry]); });
  }
  [[nodiscard]] const StateLine& state(std::uint32_t entry) const noexcept {
    return states_[entry];
  }

 private:
  base::LineTable table_;
  const HugeArray<StateLine>& states_;
};

class NodeFlowTable {
 public:
  NodeFlowTable(std::span<const std::uint32_t> entries, const ipsec::FlowKeys& keys,
                const HugeArray<StateLine>& states);
  void lookup(const ipsec::FlowKey* keys, std::size_t n, std::uint32_t* found) const noexcept {
    keys_.lookup_bulk(table_, keys, n, found,
                      [this](std::uint32_t entry) { base::prefetch(&states_[entry]); });
  }
  [[nodiscard]] const StateLine& state(std::uint32_t entry) const noexcept {
    return states_[entry];
  }

 private:
  base::LineTable table_;
  const ipsec::FlowKeys& keys_;
  const HugeArray<StateLine>& states_;
};

// ---- DPDK's ------------------------------------------------------------------------------------
// Key: std::uint32_t, or FlowKey, of whose 40 bytes 37 are hashed and compared.
template <typename Key>
class RteHash {
 public:
  static constexpr std::uint32_t kKeyBytes = sizeof(Key) == 4 ? 4 : 37;

  RteHash(std::span<const Key> keys, const HugeArray<StateLine>& states);
  void lookup(const Key* keys, std::size_t n, std::uint32_t* found) const noexcept {
    std::array<const void*, kBulk> pointers;
    std::array<std::int32_t, kBulk> positions;
    for (std::size_t i = 0; i < n; ++i) pointers[i] = &keys[i];
    rte_hash_lookup_bulk(hash_.get(), pointers.data(), static_cast<std::uint32_t>(n),
                         positions.data());
    for (std::size_t i = 0; i < n; ++i) {
      found[i] = static_cast<std::uint32_t>(positions[i]);
      if (positions[i] >= 0) base::prefetch(&states_[found[i]]);
    }
  }
  [[nodiscard]] const StateLine& state(std::uint32_t entry) const noexcept {
    return states_[entry];
  }

 private:
  struct Free {
    void operator()(rte_hash* hash) const noexcept { rte_hash_free(hash); }
  };
  std::unique_ptr<rte_hash, Free> hash_;
  const HugeArray<StateLine>& states_;
};

// ---- the floor: nothing but open addressing
// ------------------------------------------------------ Keys stand in the slots, half of which are
// free; no erasing, growing, or second thread.
class BareSpiTable {
 public:
  BareSpiTable(std::span<const std::uint32_t> spis, const HugeArray<StateLine>& states);
  void lookup(const std::uint32_t* spis, std::size_t n, std::uint32_t* found) const noexcept {
    for (std::size_t i = 0; i < n; ++i) base::prefetch(&slots_[home(spis[i])]);
    for (std::size_t i = 0; i < n; ++i) {
      auto at = home(spis[i]);
      while (slots_[at].spi != spis[i] && slots_[at].spi != 0) at = (at + 1) & mask_;
      found[i] = slots_[at].entry;
      base::prefetch(&states_[found[i]]);
    }
  }
  [[nodiscard]] const StateLine& state(std::uint32_t entry) const noexcept {
    return states_[entry];
  }

 private:
  struct Slot {
    std::uint32_t spi;
    std::uint32_t entry;
  };
  [[nodiscard]] std::size_t home(std::uint32_t spi) const noexcept {
    return spi * std::uint64_t{0x9e3779b97f4a7c15} >> shift_;
  }
  unsigned shift_;
  std::size_t mask_;
  HugeArray<Slot> slots_;
  const HugeArray<StateLine>& states_;
};

class BareFlowTable {
 public:
  BareFlowTable(std::span<const ipsec::FlowKey> keys, const HugeArray<StateLine>& states);
  void lookup(const ipsec::FlowKey* keys, std::size_t n, std::uint32_t* found) const noexcept {
    std::array<std::size_t, kBulk> at;
    for (std::size_t i = 0; i < n; ++i) {
      at[i] = ipsec::hash_flow_key(keys[i], kSeed) >> shift_;
      base::prefetch(&slots_[at[i]]);
    }
    for (std::size_t i = 0; i < n; ++i) {
      while (slots_[at[i]].used && !(slots_[at[i]].key == keys[i])) at[i] = (at[i] + 1) & mask_;
      found[i] = slots_[at[i]].entry;
      base::prefetch(&states_[found[i]]);
    }
  }
  [[nodiscard]] const StateLine& state(std::uint32_t entry) const noexcept {
    return states_[entry];
  }

 private:
  struct alignas(64) Slot {
    ipsec::FlowKey key;
    std::uint32_t entry;
    bool used;
  };
  unsigned shift_;
  std::size_t mask_;
  HugeArray<Slot> slots_;
  const HugeArray<StateLine>& states_;
};

}  // namespace phalanx::bench
