// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "key_block.hpp"

#include <cstring>
#include <new>

#include "phalanx/base/secret.hpp"
#include "phalanx/ipsec/kdf.hpp"

namespace phalanx::ipsec {
namespace {

struct HmacHash {
  std::size_t block_bytes;
  hash_one_block_t one_block;
};

HmacHash hash_of(const IMB_MGR& manager, EspAlgorithm algorithm) noexcept {
  switch (info(algorithm).auth_key_bytes) {
    case 32: return {IMB_SHA_256_BLOCK_SIZE, manager.sha256_one_block};
    case 48: return {IMB_SHA_384_BLOCK_SIZE, manager.sha384_one_block};
    default: return {IMB_SHA_512_BLOCK_SIZE, manager.sha512_one_block};
  }
}

// The state of the hash after the padded key (RFC 2104 4). Keys are never longer than a block: RFC
// 4868 fixes them to the size of the digest.
void absorb_key(const HmacHash& hash, std::span<const std::byte> key, std::uint8_t pad,
                std::array<std::uint8_t, 64>& state) noexcept {
  std::array<std::uint8_t, IMB_SHA_512_BLOCK_SIZE> block;
  block.fill(pad);
  for (std::size_t i = 0; i < key.size(); ++i) block[i] ^= std::to_integer<std::uint8_t>(key[i]);
  hash.one_block(block.data(), state.data());
  base::wipe(block.data(), block.size());
}

void expand_cbc(const IMB_MGR& manager, const SaParams& params, CbcKeyBlock& block) noexcept {
  alignas(16) std::array<std::uint8_t, 15 * 16> other;
  const bool outbound = params.direction == Direction::Outbound;
  auto* encrypt = outbound ? block.cipher.data() : other.data();
  auto* decrypt = outbound ? other.data() : block.cipher.data();
  const auto key = params.key.bytes();
  if (key.size() == IMB_KEY_128_BYTES) {
    manager.keyexp_128(key.data(), encrypt, decrypt);
  } else {
    manager.keyexp_256(key.data(), encrypt, decrypt);
  }

  const auto hash = hash_of(manager, params.algorithm);
  absorb_key(hash, params.auth_key.bytes(), 0x36, block.inner_state);
  absorb_key(hash, params.auth_key.bytes(), 0x5c, block.outer_state);
  if (outbound) {
    auto iv_key = cbc_iv_key(key);
    manager.keyexp_128(iv_key.data(), block.iv_cipher.data(), other.data());
    base::wipe(iv_key.data(), iv_key.size());
  }
  base::wipe(other.data(), other.size());
}

}  // namespace

std::size_t key_block_bytes(EspAlgorithm algorithm) noexcept {
  if (!info(algorithm).combined()) return sizeof(CbcKeyBlock);
  return algorithm == EspAlgorithm::ChaCha20Poly1305 ? sizeof(ChaChaKeyBlock) : sizeof(GcmKeyBlock);
}

const void* expand_keys(const IMB_MGR& manager, const SaParams& params, void* block) noexcept {
  const auto* key = params.key.bytes().data();
  const auto expand_gcm = [&](aes_gcm_pre_t expand) -> const void* {
    auto& made = *::new (block) GcmKeyBlock();
    expand(key, &made.data);
    return &made.data;
  };
  switch (params.algorithm) {
    case EspAlgorithm::Aes128Gcm16: return expand_gcm(manager.gcm128_pre);
    case EspAlgorithm::Aes192Gcm16: return expand_gcm(manager.gcm192_pre);
    case EspAlgorithm::Aes256Gcm16: return expand_gcm(manager.gcm256_pre);
    case EspAlgorithm::ChaCha20Poly1305: {
      auto& made = *::new (block) ChaChaKeyBlock();
      std::memcpy(made.key.data(), key, made.key.size());
      return &made;
    }
    case EspAlgorithm::Aes128CbcSha256:
    case EspAlgorithm::Aes128CbcSha384:
    case EspAlgorithm::Aes128CbcSha512:
    case EspAlgorithm::Aes256CbcSha256:
    case EspAlgorithm::Aes256CbcSha384:
    case EspAlgorithm::Aes256CbcSha512: {
      auto& made = *::new (block) CbcKeyBlock();
      expand_cbc(manager, params, made);
      return &made;
    }
  }
  return nullptr;
}

GcmKeyLines::GcmKeyLines(const IMB_MGR& manager) noexcept {
  // Tables of intel-ipsec-mb 1.3 (gcm_keys_*.asm): H^48..H^1 where VAES and AVX-512 are used, else
  // H^8..H^1, which only the SSE and AVX paths follow by eight Karatsuba terms.
  constexpr std::size_t kTable = offsetof(gcm_key_data, ghash_keys);
  max_powers_ = has_vaes_avx512(manager) ? 48 : 8;
  powers_end_ = kTable + max_powers_ * 16;
  const bool karatsuba = manager.used_arch == IMB_ARCH_SSE || manager.used_arch == IMB_ARCH_AVX;
  table_end_ = powers_end_ + (karatsuba ? 8 * 16 : 0);
}

}  // namespace phalanx::ipsec
