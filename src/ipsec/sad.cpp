// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/ipsec/sad.hpp"

#include <algorithm>
#include <bit>
#include <cassert>

#include "phalanx/base/prefetch.hpp"

namespace phalanx::ipsec {

std::optional<Sad> Sad::create(std::span<InboundSa> sas) {
  Sad sad;
  sad.sas_ = sas.data();
  sad.size_ = sas.size();
  const auto slots = std::bit_ceil(std::max<std::size_t>(2 * sas.size(), 2));
  sad.slots_.resize(slots);
  sad.shift_ = 32 - static_cast<std::uint32_t>(std::bit_width(slots - 1));
  const auto mask = static_cast<std::uint32_t>(slots - 1);
  for (std::uint32_t position = 0; position < sas.size(); ++position) {
    const auto spi = sas[position].spi().value();
    auto slot = sad.home(spi);
    std::uint32_t probes = 1;
    for (; sad.slots_[slot].spi != 0; slot = (slot + 1) & mask, ++probes) {
      if (sad.slots_[slot].spi == spi) return std::nullopt;
    }
    sad.slots_[slot] = {spi, position};
    sad.longest_probe_ = std::max(sad.longest_probe_, probes);
  }
  return sad;
}

InboundSa* Sad::probe(std::uint32_t spi, std::uint32_t slot) const noexcept {
  const auto mask = static_cast<std::uint32_t>(slots_.size() - 1);
  for (std::uint32_t probes = 0; probes < longest_probe_; ++probes) {
    const auto& at = slots_[slot];
    if (at.spi == spi && spi != 0) return sas_ + at.position;
    if (at.spi == 0) return nullptr;
    slot = (slot + 1) & mask;
  }
  return nullptr;
}

InboundSa* Sad::lookup(std::uint32_t spi) const noexcept {
  return probe(spi, home(spi));
}

void Sad::lookup_bulk(const std::uint32_t* spis, std::size_t n, InboundSa** out) const noexcept {
  assert(n <= kBurst);
  std::uint32_t slots[kBurst];
  for (std::size_t i = 0; i < n; ++i) {
    slots[i] = home(spis[i]);
    base::prefetch(&slots_[slots[i]]);
  }
  for (std::size_t i = 0; i < n; ++i) {
    out[i] = probe(spis[i], slots[i]);
    if (out[i] != nullptr) out[i]->prefetch();
  }
}

}  // namespace phalanx::ipsec
