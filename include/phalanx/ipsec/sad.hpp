// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "phalanx/base/ids.hpp"
#include "phalanx/ipsec/sa.hpp"

namespace phalanx::ipsec {

// SPI -> inbound SA: open addressing at most half full, the key inline. Immutable; any thread may
// look up. The SPIs in it are ours, so nobody outside can make the probes long; how long they can
// get is known when it is built and bounds each miss (P8).
class Sad {
 public:
  static constexpr std::size_t kBurst = 32;

  // nullopt: two SAs have one SPI. The SAs outlive the table.
  static std::optional<Sad> create(std::span<InboundSa> sas);

  // SPI in host order; nullptr when unknown.
  [[nodiscard]] InboundSa* lookup(std::uint32_t spi) const noexcept;
  // n <= kBurst SPIs in host order; out[i] is nullptr when unknown. Found SAs are on their way into
  // the cache on return.
  void lookup_bulk(const std::uint32_t* spis, std::size_t n, InboundSa** out) const noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  struct Slot {
    std::uint32_t spi = 0;  // 0: empty; never on the wire (RFC 4303 2.1)
    std::uint32_t position = 0;
  };
  Sad() = default;
  [[nodiscard]] std::uint32_t home(std::uint32_t spi) const noexcept {
    // Fibonacci hashing: consecutive SPIs spread over the table.
    return (spi * 0x9e3779b1U) >> shift_;
  }
  [[nodiscard]] InboundSa* probe(std::uint32_t spi, std::uint32_t slot) const noexcept;

  InboundSa* sas_ = nullptr;
  std::vector<Slot> slots_;
  std::uint32_t shift_ = 31;
  std::uint32_t longest_probe_ = 0;
  std::size_t size_ = 0;
};

}  // namespace phalanx::ipsec
