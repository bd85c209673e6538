// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "phalanx/base/huge_memory.hpp"
#include "phalanx/base/line_table.hpp"
#include "phalanx/base/prefetch.hpp"
#include "phalanx/ipsec/flow_key.hpp"

namespace phalanx::ipsec {

// The keys of all flow entries, by the entry's number. They stand close together and apart from
// the entries' state: a lookup reads one key to be sure, and what it need not read stays out of the
// cache. Any number of LineTables may refer to them.
//
// writer: the control thread, which writes a key before it inserts the number anywhere, and uses a
// number again only after all readers have been quiescent; readers: any threads.
class FlowKeys {
 public:
  // seed: unpredictable, so that nobody can prepare flows that collide. empty() without memory.
  FlowKeys(std::size_t capacity, std::uint64_t seed) noexcept
      : memory_(capacity * sizeof(FlowKey)), capacity_(capacity), seed_(seed) {}
  [[nodiscard]] bool empty() const noexcept { return memory_.empty(); }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  void set(std::uint32_t entry, const FlowKey& key) noexcept { keys()[entry] = key; }
  [[nodiscard]] const FlowKey& at(std::uint32_t entry) const noexcept { return keys()[entry]; }

  // What a key is found by in a LineTable.
  [[nodiscard]] std::uint32_t tag_of(const FlowKey& key) const noexcept {
    return static_cast<std::uint32_t>(hash_flow_key(key, seed_));
  }
  // The entry with this key, LineTable::kNone without one.
  [[nodiscard]] std::uint32_t lookup(const base::LineTable& table,
                                     const FlowKey& key) const noexcept {
    return table.lookup(tag_of(key),
                        [&](std::uint32_t entry) noexcept { return at(entry) == key; });
  }
  // The same for n <= LineTable::kBurst keys; prefetch(entry) is called for entries that were
  // probably found, before their keys are compared.
  template <typename Prefetch>
  void lookup_bulk(const base::LineTable& table, const FlowKey* wanted, std::size_t n,
                   std::uint32_t* entries, Prefetch&& prefetch) const noexcept {
    std::array<std::uint32_t, base::LineTable::kBurst> tags;
    for (std::size_t i = 0; i < n; ++i) tags[i] = tag_of(wanted[i]);
    table.lookup_bulk(
        tags.data(), n, entries,
        [&](std::uint32_t entry) noexcept {
          // Half of the keys reach into a second line.
          base::prefetch(&at(entry));
          base::prefetch(&at(entry).side);
          prefetch(entry);
        },
        [&](std::size_t i, std::uint32_t entry) noexcept { return at(entry) == wanted[i]; });
  }

 private:
  [[nodiscard]] FlowKey* keys() const noexcept {
    return static_cast<FlowKey*>(static_cast<void*>(memory_.data()));
  }

  base::HugeMemory memory_;
  std::size_t capacity_;
  std::uint64_t seed_;
};

}  // namespace phalanx::ipsec
