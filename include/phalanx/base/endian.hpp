// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>

namespace phalanx::base {

static_assert(std::endian::native == std::endian::little, "x86-64 only, as intel-ipsec-mb is");

// A big-endian integer as it stands in a packet: alignment 1, no implicit conversion either way, so
// a forgotten swap does not compile.
template <typename Integer>
class BigEndian {
 public:
  constexpr BigEndian() noexcept = default;
  constexpr explicit BigEndian(Integer host) noexcept : bytes_(std::bit_cast<Bytes>(swap(host))) {}

  [[nodiscard]] constexpr Integer host() const noexcept {
    return swap(std::bit_cast<Integer>(bytes_));
  }
  friend constexpr bool operator==(const BigEndian&, const BigEndian&) noexcept = default;

 private:
  using Bytes = std::array<std::byte, sizeof(Integer)>;

  static constexpr Integer swap(Integer value) noexcept {
    if constexpr (sizeof(Integer) == 2) {
      return __builtin_bswap16(value);
    } else if constexpr (sizeof(Integer) == 4) {
      return __builtin_bswap32(value);
    } else {
      static_assert(sizeof(Integer) == 8);
      return __builtin_bswap64(value);
    }
  }

  Bytes bytes_{};
};

using be16 = BigEndian<std::uint16_t>;
using be32 = BigEndian<std::uint32_t>;
using be64 = BigEndian<std::uint64_t>;

static_assert(sizeof(be16) == 2 && alignof(be16) == 1);
static_assert(sizeof(be32) == 4 && alignof(be32) == 1);
static_assert(sizeof(be64) == 8 && alignof(be64) == 1);

}  // namespace phalanx::base
