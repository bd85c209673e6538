// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "phalanx/ipsec/algorithm.hpp"

namespace phalanx::test {

using Bytes = std::vector<std::uint8_t>;

// ESP (RFC 4303, 4106, 7634, 3602, 4868) written a second time, plainly, on OpenSSL: what the
// engine is compared with. From the ESP header to the ICV; no outer IP header, no window.
struct ReferenceSa {
  ipsec::EspAlgorithm algorithm = ipsec::EspAlgorithm::Aes128Gcm16;
  Bytes key;       // cipher key and salt
  Bytes auth_key;  // HMAC key
  std::uint32_t spi = 0;
  bool esn = false;
};

// Payload and trailer of a packet to be sealed. Everything can be made wrong on purpose.
struct ReferencePayload {
  Bytes payload;
  Bytes padding;
  std::uint8_t pad_length = 0;
  std::uint8_t next_header = 4;
};
// The right padding for a payload, `extra_blocks` longer than needed.
[[nodiscard]] ReferencePayload pad(const ReferenceSa& sa, Bytes payload, std::uint8_t next_header,
                                   std::size_t extra_blocks = 0);

[[nodiscard]] Bytes reference_seal(const ReferenceSa& sa, std::uint64_t sequence,
                                   std::span<const std::uint8_t> iv,
                                   const ReferencePayload& payload);

struct ReferenceOpened {
  Bytes payload;
  Bytes padding;
  std::uint8_t next_header = 0;
  std::uint32_t spi = 0;
  std::uint32_t sequence_low = 0;
  Bytes iv;
};
// nullopt: the ICV does not match, or the lengths are wrong. `sequence_high` is what an ESN
// receiver would have guessed.
[[nodiscard]] std::optional<ReferenceOpened> reference_open(const ReferenceSa& sa,
                                                            std::span<const std::uint8_t> esp,
                                                            std::uint32_t sequence_high);

// HMAC-SHA-256 and one block of AES-128, for key derivation.
[[nodiscard]] Bytes reference_hmac_sha256(std::span<const std::uint8_t> key,
                                          std::span<const std::uint8_t> message);
[[nodiscard]] Bytes reference_aes128_block(std::span<const std::uint8_t> key,
                                           std::span<const std::uint8_t> block);

}  // namespace phalanx::test
