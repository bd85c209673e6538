// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "bench_lookup.hpp"

#include <rte_hash_crc.h>
#include <rte_lcore.h>

#include <bit>
#include <stdexcept>

namespace phalanx::bench {
namespace {

// Slots for `entries` at most half full, as a power of two.
unsigned log2_slots(std::size_t entries) {
  return static_cast<unsigned>(std::countr_zero(std::bit_ceil(2 * entries)));
}

}  // namespace

NodeSpiTable::NodeSpiTable(std::span<const std::uint32_t> spis,
                           std::span<const std::uint32_t> entries,
                           const HugeArray<StateLine>& states)
    : states_(states) {
  for (const auto entry : entries) {
    if (!table_.insert(spis[entry], entry)) throw std::bad_alloc();
  }
}

NodeFlowTable::NodeFlowTable(std::span<const std::uint32_t> entries, const ipsec::FlowKeys& keys,
                             const HugeArray<StateLine>& states)
    : keys_(keys), states_(states) {
  for (const auto entry : entries) {
    if (!table_.insert(keys_.tag_of(keys_.at(entry)), entry)) throw std::bad_alloc();
  }
}

template <typename Key>
RteHash<Key>::RteHash(std::span<const Key> keys, const HugeArray<StateLine>& states)
    : states_(states) {
  rte_hash_parameters parameters{};
  parameters.name = sizeof(Key) == 4 ? "spis" : "flows";
  parameters.entries = static_cast<std::uint32_t>(keys.size() + keys.size() / 8);
  parameters.key_len = kKeyBytes;
  parameters.hash_func = rte_hash_crc;
  parameters.socket_id = SOCKET_ID_ANY;
  hash_.reset(rte_hash_create(&parameters));
  if (!hash_) throw std::runtime_error("rte_hash_create failed");
  for (const auto& key : keys) {
    const auto position = rte_hash_add_key(hash_.get(), &key);
    if (position < 0 || static_cast<std::size_t>(position) >= states.size()) {
      throw std::runtime_error("rte_hash_add_key failed");
    }
  }
}
template class RteHash<std::uint32_t>;
template class RteHash<ipsec::FlowKey>;

BareSpiTable::BareSpiTable(std::span<const std::uint32_t> spis, const HugeArray<StateLine>& states)
    : shift_(64 - log2_slots(spis.size())),
      mask_((std::size_t{1} << log2_slots(spis.size())) - 1),
      slots_(mask_ + 1),
      states_(states) {
  for (std::uint32_t entry = 0; entry < spis.size(); ++entry) {
    auto at = home(spis[entry]);
    while (slots_[at].spi != 0) at = (at + 1) & mask_;
    slots_[at] = {spis[entry], entry};
  }
}

BareFlowTable::BareFlowTable(std::span<const ipsec::FlowKey> keys,
                             const HugeArray<StateLine>& states)
    : shift_(64 - log2_slots(keys.size())),
      mask_((std::size_t{1} << log2_slots(keys.size())) - 1),
      slots_(mask_ + 1),
      states_(states) {
  for (std::uint32_t entry = 0; entry < keys.size(); ++entry) {
    auto at = static_cast<std::size_t>(ipsec::hash_flow_key(keys[entry], kSeed) >> shift_);
    while (slots_[at].used) at = (at + 1) & mask_;
    slots_[at] = {keys[entry], entry, true};
  }
}

}  // namespace phalanx::bench
