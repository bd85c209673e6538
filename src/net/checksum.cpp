// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/net/checksum.hpp"

#include <cstring>

namespace phalanx::net {
namespace {

// Folds to at most 17 bits, so that callers may add a few sums without thinking of overflow.
constexpr std::uint32_t fold(std::uint64_t sum) noexcept {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  return static_cast<std::uint32_t>((sum & 0xffff) + (sum >> 16));
}

}  // namespace

std::uint32_t checksum_add(std::uint32_t sum, std::span<const std::byte> bytes) noexcept {
  // RFC 1071 2(B), 2(C): the sum does not depend on byte order nor on the width of its words, so
  // native 32-bit words are added and the result is swapped once.
  std::uint64_t native = 0;
  while (bytes.size() >= sizeof(std::uint32_t)) {
    std::uint32_t word;
    std::memcpy(&word, bytes.data(), sizeof(word));
    native += word;
    bytes = bytes.subspan(sizeof(word));
  }
  if (!bytes.empty()) {
    // An odd last byte is the high half of a word padded with zero.
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data(), bytes.size());
    native += word;
  }
  const auto folded = fold(fold(native));
  return fold(std::uint64_t{sum} + __builtin_bswap16(static_cast<std::uint16_t>(folded)));
}

std::uint16_t checksum_finish(std::uint32_t sum) noexcept {
  return static_cast<std::uint16_t>(~fold(fold(sum)));
}

std::uint16_t checksum(std::span<const std::byte> bytes) noexcept {
  return checksum_finish(checksum_add(0, bytes));
}

std::uint32_t pseudo_header_sum(const IpAddress& source, const IpAddress& destination,
                                std::uint8_t protocol, std::uint32_t length) noexcept {
  const auto add = [](std::uint32_t sum, const IpAddress& address) {
    return checksum_add(sum, std::as_bytes(std::span(address.bytes).first(address.size())));
  };
  return fold(std::uint64_t{add(add(0, source), destination)} + protocol + length);
}

}  // namespace phalanx::net
