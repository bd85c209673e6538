// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "phalanx/base/ids.hpp"
#include "phalanx/ipsec/sa_params.hpp"

namespace phalanx::ipsec {

// What is derived from key bytes. ABI between nodes: frozen, see docs/abi.md,
// tests/vectors/iv_mask.txt and tests/vectors/sa_uid.txt. Pure functions, any thread; none is fit
// for the packet path.

using Sha256Digest = std::array<std::uint8_t, 32>;

// HMAC-SHA-256, RFC 2104 and RFC 6234.
[[nodiscard]] Sha256Digest hmac_sha256(std::span<const std::byte> key,
                                       std::span<const std::byte> message) noexcept;

// P1: what the IV of a counter mode is xored with, so that outsiders cannot read node and counter.
// First 8 bytes, big endian, of HMAC-SHA-256(key | salt, "phalanx esp iv mask v1").
[[nodiscard]] std::uint64_t iv_mask(std::span<const std::byte> key_and_salt) noexcept;

// CBC IVs must be unpredictable (RFC 3602 3): the same counter, encrypted under a key of its own.
// First 16 bytes of HMAC-SHA-256(cipher key, "phalanx esp cbc iv key v1").
using CbcIvKey = std::array<std::uint8_t, 16>;
[[nodiscard]] CbcIvKey cbc_iv_key(std::span<const std::byte> cipher_key) noexcept;

// AES-128(iv key, be64(node | boot | counter) | 8 zero bytes): the IV of one CBC packet. The engine
// does the same with an expanded key; this is the definition.
using CbcIv = std::array<std::uint8_t, 16>;
[[nodiscard]] CbcIv cbc_iv(const CbcIvKey& iv_key, std::uint64_t node_boot_counter) noexcept;

// Uid of an SA that every node derives from its configuration: 0 (8) | 0 (16) | the low 40 bits of
// the first 8 bytes, big endian, of HMAC-SHA-256(key | salt | authentication key,
// "phalanx static sa uid v1" | direction (1) | SPI (4, big endian)).
[[nodiscard]] base::Uid static_sa_uid(Direction direction, base::Spi spi,
                                      std::span<const std::byte> key_and_salt,
                                      std::span<const std::byte> auth_key) noexcept;

}  // namespace phalanx::ipsec
