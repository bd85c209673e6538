// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace phalanx::ipsec {

// What an ESP SA is protected with. RFC 8221; names as strongSwan spells them.
enum class EspAlgorithm : std::uint8_t {
  Aes128Gcm16,  // RFC 4106
  Aes192Gcm16,
  Aes256Gcm16,
  ChaCha20Poly1305,  // RFC 7634
  Aes128CbcSha256,   // RFC 3602 with RFC 4868
  Aes128CbcSha384,
  Aes128CbcSha512,
  Aes256CbcSha256,
  Aes256CbcSha384,
  Aes256CbcSha512,
};
inline constexpr std::size_t kNumEspAlgorithms = 10;

struct EspAlgorithmInfo {
  EspAlgorithm algorithm;
  std::string_view name;
  std::uint8_t key_bytes;       // cipher key, without salt
  std::uint8_t salt_bytes;      // implicit part of the nonce; 0 for CBC
  std::uint8_t auth_key_bytes;  // 0 for combined modes
  std::uint8_t iv_bytes;        // on the wire
  std::uint8_t icv_bytes;
  std::uint8_t block_bytes;  // payload + trailer are padded to a multiple of this (at least 4)
  [[nodiscard]] constexpr bool combined() const noexcept { return auth_key_bytes == 0; }
};

inline constexpr std::array<EspAlgorithmInfo, kNumEspAlgorithms> kEspAlgorithms = {{
    {EspAlgorithm::Aes128Gcm16, "aes128gcm16", 16, 4, 0, 8, 16, 4},
    {EspAlgorithm::Aes192Gcm16, "aes192gcm16", 24, 4, 0, 8, 16, 4},
    {EspAlgorithm::Aes256Gcm16, "aes256gcm16", 32, 4, 0, 8, 16, 4},
    {EspAlgorithm::ChaCha20Poly1305, "chacha20poly1305", 32, 4, 0, 8, 16, 4},
    {EspAlgorithm::Aes128CbcSha256, "aes128-sha256", 16, 0, 32, 16, 16, 16},
    {EspAlgorithm::Aes128CbcSha384, "aes128-sha384", 16, 0, 48, 16, 24, 16},
    {EspAlgorithm::Aes128CbcSha512, "aes128-sha512", 16, 0, 64, 16, 32, 16},
    {EspAlgorithm::Aes256CbcSha256, "aes256-sha256", 32, 0, 32, 16, 16, 16},
    {EspAlgorithm::Aes256CbcSha384, "aes256-sha384", 32, 0, 48, 16, 24, 16},
    {EspAlgorithm::Aes256CbcSha512, "aes256-sha512", 32, 0, 64, 16, 32, 16},
}};

[[nodiscard]] constexpr const EspAlgorithmInfo& info(EspAlgorithm algorithm) noexcept {
  return kEspAlgorithms[static_cast<std::size_t>(algorithm)];
}
[[nodiscard]] constexpr std::optional<EspAlgorithm> parse_esp_algorithm(
    std::string_view name) noexcept {
  for (const auto& row : kEspAlgorithms) {
    if (row.name == name) return row.algorithm;
  }
  return std::nullopt;
}

}  // namespace phalanx::ipsec
