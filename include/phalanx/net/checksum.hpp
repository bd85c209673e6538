// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "phalanx/net/address.hpp"

namespace phalanx::net {

// Internet checksum, RFC 1071. Sums are in host order over network-order 16-bit words.
[[nodiscard]] std::uint32_t checksum_add(std::uint32_t sum,
                                         std::span<const std::byte> bytes) noexcept;
[[nodiscard]] std::uint16_t checksum_finish(std::uint32_t sum) noexcept;
// The checksum of `bytes`, ready to be stored as be16(value). 0 when a correct checksum is
// included.
[[nodiscard]] std::uint16_t checksum(std::span<const std::byte> bytes) noexcept;
// Sum of the pseudo header for `protocol` (RFC 793 3.1, RFC 8200 8.1).
[[nodiscard]] std::uint32_t pseudo_header_sum(const IpAddress& source, const IpAddress& destination,
                                              std::uint8_t protocol, std::uint32_t length) noexcept;
// RFC 1624 eq. 3: the checksum after one 16-bit word changed. All values host order.
[[nodiscard]] constexpr std::uint16_t checksum_update(std::uint16_t checksum,
                                                      std::uint16_t old_word,
                                                      std::uint16_t new_word) noexcept {
  std::uint32_t sum = static_cast<std::uint16_t>(~checksum);
  sum += static_cast<std::uint16_t>(~old_word);
  sum += new_word;
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

}  // namespace phalanx::net
