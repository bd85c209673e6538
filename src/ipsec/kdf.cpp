// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/ipsec/kdf.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include "imb.hpp"
#include "phalanx/base/byte_writer.hpp"
#include "phalanx/base/endian.hpp"
#include "phalanx/base/secret.hpp"
#include "phalanx/ipsec/iv.hpp"

namespace phalanx::ipsec {
namespace {

constexpr std::string_view kIvMaskLabel = "phalanx esp iv mask v1";
constexpr std::string_view kCbcIvKeyLabel = "phalanx esp cbc iv key v1";
constexpr std::string_view kStaticUidLabel = "phalanx static sa uid v1";

constexpr std::size_t kBlock = IMB_SHA_256_BLOCK_SIZE;

std::span<const std::byte> label_bytes(std::string_view label) noexcept {
  return std::as_bytes(std::span(label));
}

std::uint64_t first_8_bytes(const Sha256Digest& digest) noexcept {
  base::be64 value;
  std::memcpy(&value, digest.data(), sizeof(value));
  return value.host();
}

Sha256Digest sha256(std::span<const std::uint8_t> bytes) noexcept {
  Sha256Digest digest;
  shared_manager().sha256(bytes.data(), bytes.size(), digest.data());
  return digest;
}

}  // namespace

Sha256Digest hmac_sha256(std::span<const std::byte> key,
                         std::span<const std::byte> message) noexcept {
  std::array<std::uint8_t, kBlock> pad{};
  if (key.size() > kBlock) {
    shared_manager().sha256(key.data(), key.size(), pad.data());
  } else if (!key.empty()) {
    std::memcpy(pad.data(), key.data(), key.size());
  }

  // RFC 2104 2: H(key ^ opad, H(key ^ ipad, message)).
  std::vector<std::uint8_t> inner(kBlock + message.size());
  std::transform(pad.begin(), pad.end(), inner.begin(),
                 [](std::uint8_t byte) { return static_cast<std::uint8_t>(byte ^ 0x36); });
  if (!message.empty()) std::memcpy(inner.data() + kBlock, message.data(), message.size());
  auto inner_digest = sha256(inner);

  std::array<std::uint8_t, kBlock + sizeof(Sha256Digest)> outer;
  std::transform(pad.begin(), pad.end(), outer.begin(),
                 [](std::uint8_t byte) { return static_cast<std::uint8_t>(byte ^ 0x5c); });
  std::memcpy(outer.data() + kBlock, inner_digest.data(), inner_digest.size());
  const auto digest = sha256(outer);

  base::wipe(pad.data(), pad.size());
  base::wipe(inner.data(), inner.size());
  base::wipe(outer.data(), outer.size());
  return digest;
}

std::uint64_t iv_mask(std::span<const std::byte> key_and_salt) noexcept {
  return first_8_bytes(hmac_sha256(key_and_salt, label_bytes(kIvMaskLabel)));
}

CbcIvKey cbc_iv_key(std::span<const std::byte> cipher_key) noexcept {
  const auto digest = hmac_sha256(cipher_key, label_bytes(kCbcIvKeyLabel));
  CbcIvKey key;
  std::memcpy(key.data(), digest.data(), key.size());
  return key;
}

CbcIv cbc_iv(const CbcIvKey& iv_key, std::uint64_t node_boot_counter) noexcept {
  alignas(16) std::array<std::uint8_t, 11 * 16> encrypt_keys;
  alignas(16) std::array<std::uint8_t, 11 * 16> decrypt_keys;
  const auto& manager = shared_manager();
  manager.keyexp_128(iv_key.data(), encrypt_keys.data(), decrypt_keys.data());

  std::array<std::uint8_t, 16> block{};
  const base::be64 counter(node_boot_counter);
  std::memcpy(block.data(), &counter, sizeof(counter));
  // CFB over zeros is the block cipher itself.
  CbcIv iv{};
  manager.aes128_cfb_one(iv.data(), iv.data(), block.data(), encrypt_keys.data(), iv.size());
  base::wipe(encrypt_keys.data(), encrypt_keys.size());
  base::wipe(decrypt_keys.data(), decrypt_keys.size());
  return iv;
}

base::Uid static_sa_uid(Direction direction, base::Spi spi, std::span<const std::byte> key_and_salt,
                        std::span<const std::byte> auth_key) noexcept {
  base::Secret key = [&] {
    std::vector<std::byte> joined(key_and_salt.begin(), key_and_salt.end());
    joined.insert(joined.end(), auth_key.begin(), auth_key.end());
    base::Secret secret(joined);
    base::wipe(joined.data(), joined.size());
    return secret;
  }();

  std::array<std::byte, kStaticUidLabel.size() + 5> message;
  base::ByteWriter writer(message);
  writer.bytes(label_bytes(kStaticUidLabel));
  writer.u8(static_cast<std::uint8_t>(direction));
  writer.u32(spi.value());
  const auto digest = hmac_sha256(key.bytes(), writer.written());
  return base::Uid(first_8_bytes(digest) & ((std::uint64_t{1} << kIvCounterBits) - 1));
}

}  // namespace phalanx::ipsec
