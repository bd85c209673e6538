// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "support/esp_reference.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>

namespace phalanx::test {
namespace {

using ipsec::EspAlgorithm;
using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

// OpenSSL refusing a call is a broken test, not a result.
void must(bool done) {
  if (!done) std::abort();
}

const EVP_CIPHER* cipher_of(EspAlgorithm algorithm) {
  switch (algorithm) {
    case EspAlgorithm::Aes128Gcm16: return EVP_aes_128_gcm();
    case EspAlgorithm::Aes192Gcm16: return EVP_aes_192_gcm();
    case EspAlgorithm::Aes256Gcm16: return EVP_aes_256_gcm();
    case EspAlgorithm::ChaCha20Poly1305: return EVP_chacha20_poly1305();
    case EspAlgorithm::Aes128CbcSha256:
    case EspAlgorithm::Aes128CbcSha384:
    case EspAlgorithm::Aes128CbcSha512: return EVP_aes_128_cbc();
    case EspAlgorithm::Aes256CbcSha256:
    case EspAlgorithm::Aes256CbcSha384:
    case EspAlgorithm::Aes256CbcSha512: return EVP_aes_256_cbc();
  }
  std::abort();
}

const EVP_MD* digest_of(EspAlgorithm algorithm) {
  switch (ipsec::info(algorithm).icv_bytes) {
    case 16: return EVP_sha256();
    case 24: return EVP_sha384();
    default: return EVP_sha512();
  }
}

void append32(Bytes& bytes, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

Bytes header(const ReferenceSa& sa, std::uint64_t sequence) {
  Bytes bytes;
  append32(bytes, sa.spi);
  append32(bytes, static_cast<std::uint32_t>(sequence));
  return bytes;
}

Bytes aead_aad(const ReferenceSa& sa, std::uint64_t sequence) {
  Bytes bytes;
  append32(bytes, sa.spi);
  if (sa.esn) append32(bytes, static_cast<std::uint32_t>(sequence >> 32));
  append32(bytes, static_cast<std::uint32_t>(sequence));
  return bytes;
}

Bytes nonce(const ReferenceSa& sa, std::span<const std::uint8_t> iv) {
  Bytes bytes(sa.key.end() - ipsec::info(sa.algorithm).salt_bytes, sa.key.end());
  bytes.insert(bytes.end(), iv.begin(), iv.end());
  return bytes;
}

struct Run {
  bool encrypt;
  std::span<const std::uint8_t> iv;
  Bytes aad;                    // combined modes
  std::uint8_t* tag = nullptr;  // written when encrypting, compared when decrypting
};

std::optional<Bytes> run_cipher(const ReferenceSa& sa, const Run& run,
                                std::span<const std::uint8_t> in) {
  const Context context(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  const auto* cipher = cipher_of(sa.algorithm);
  const bool combined = ipsec::info(sa.algorithm).combined();
  const int encrypt = run.encrypt ? 1 : 0;
  must(EVP_CipherInit_ex(context.get(), cipher, nullptr, nullptr, nullptr, encrypt) == 1);
  must(EVP_CipherInit_ex(context.get(), nullptr, nullptr, sa.key.data(), run.iv.data(), encrypt) ==
       1);
  must(EVP_CIPHER_CTX_set_padding(context.get(), 0) == 1);
  int length = 0;
  if (combined) {
    if (!run.encrypt) {
      must(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, 16, run.tag) == 1);
    }
    must(EVP_CipherUpdate(context.get(), nullptr, &length, run.aad.data(),
                          static_cast<int>(run.aad.size())) == 1);
  }
  Bytes out(in.size() + 16);
  must(EVP_CipherUpdate(context.get(), out.data(), &length, in.data(),
                        static_cast<int>(in.size())) == 1);
  int last = 0;
  if (EVP_CipherFinal_ex(context.get(), out.data() + length, &last) != 1) return std::nullopt;
  out.resize(static_cast<std::size_t>(length + last));
  if (combined && run.encrypt) {
    must(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, 16, run.tag) == 1);
  }
  return out;
}

// RFC 4868 over everything from the ESP header to the end of the body, and the high half of the
// number (RFC 4303 2.2.1), truncated.
Bytes hmac(const ReferenceSa& sa, Bytes covered, std::uint32_t sequence_high) {
  if (sa.esn) append32(covered, sequence_high);
  Bytes digest(EVP_MAX_MD_SIZE);
  unsigned length = 0;
  must(HMAC(digest_of(sa.algorithm), sa.auth_key.data(), static_cast<int>(sa.auth_key.size()),
            covered.data(), covered.size(), digest.data(), &length) != nullptr);
  digest.resize(ipsec::info(sa.algorithm).icv_bytes);
  return digest;
}

}  // namespace

ReferencePayload pad(const ReferenceSa& sa, Bytes payload, std::uint8_t next_header,
                     std::size_t extra_blocks) {
  const std::size_t block = ipsec::info(sa.algorithm).block_bytes;
  const auto unpadded = payload.size() + 2;
  const auto padding = (block - unpadded % block) % block + extra_blocks * block;
  ReferencePayload made{std::move(payload), {}, static_cast<std::uint8_t>(padding), next_header};
  for (std::size_t i = 1; i <= padding; ++i) made.padding.push_back(static_cast<std::uint8_t>(i));
  return made;
}

Bytes reference_seal(const ReferenceSa& sa, std::uint64_t sequence,
                     std::span<const std::uint8_t> iv, const ReferencePayload& payload) {
  Bytes plain = payload.payload;
  plain.insert(plain.end(), payload.padding.begin(), payload.padding.end());
  plain.push_back(payload.pad_length);
  plain.push_back(payload.next_header);

  Bytes packet = header(sa, sequence);
  packet.insert(packet.end(), iv.begin(), iv.end());
  if (ipsec::info(sa.algorithm).combined()) {
    Bytes tag(16);
    const auto full_nonce = nonce(sa, iv);
    const auto body =
        *run_cipher(sa, {true, full_nonce, aead_aad(sa, sequence), tag.data()}, plain);
    packet.insert(packet.end(), body.begin(), body.end());
    packet.insert(packet.end(), tag.begin(), tag.end());
    return packet;
  }
  const auto body = *run_cipher(sa, {true, iv, {}, nullptr}, plain);
  packet.insert(packet.end(), body.begin(), body.end());
  const auto icv = hmac(sa, packet, static_cast<std::uint32_t>(sequence >> 32));
  packet.insert(packet.end(), icv.begin(), icv.end());
  return packet;
}

std::optional<ReferenceOpened> reference_open(const ReferenceSa& sa,
                                              std::span<const std::uint8_t> esp,
                                              std::uint32_t sequence_high) {
  const auto& facts = ipsec::info(sa.algorithm);
  const std::size_t front = 8 + facts.iv_bytes;
  if (esp.size() < front + facts.block_bytes + facts.icv_bytes) return std::nullopt;
  const auto covered = esp.first(esp.size() - facts.icv_bytes);
  Bytes icv(esp.end() - facts.icv_bytes, esp.end());
  const auto body = covered.subspan(front);
  if (body.size() % facts.block_bytes != 0) return std::nullopt;

  const auto word = [&](std::size_t at) {
    return static_cast<std::uint32_t>(esp[at]) << 24 |
           static_cast<std::uint32_t>(esp[at + 1]) << 16 |
           static_cast<std::uint32_t>(esp[at + 2]) << 8 | static_cast<std::uint32_t>(esp[at + 3]);
  };
  ReferenceOpened opened;
  opened.spi = word(0);
  opened.sequence_low = word(4);
  opened.iv.assign(esp.begin() + 8, esp.begin() + static_cast<std::ptrdiff_t>(front));
  const auto sequence = (static_cast<std::uint64_t>(sequence_high) << 32) | opened.sequence_low;

  std::optional<Bytes> plain;
  if (facts.combined()) {
    const auto full_nonce = nonce(sa, opened.iv);
    plain = run_cipher(sa, {false, full_nonce, aead_aad(sa, sequence), icv.data()}, body);
  } else if (hmac(sa, Bytes(covered.begin(), covered.end()), sequence_high) == icv) {
    plain = run_cipher(sa, {false, opened.iv, {}, nullptr}, body);
  }
  if (!plain) return std::nullopt;

  const std::size_t pad_length = (*plain)[plain->size() - 2];
  if (pad_length + 2 > plain->size()) return std::nullopt;
  opened.next_header = plain->back();
  const auto payload_end = plain->end() - static_cast<std::ptrdiff_t>(pad_length + 2);
  opened.payload.assign(plain->begin(), payload_end);
  opened.padding.assign(payload_end, plain->end() - 2);
  return opened;
}

Bytes reference_hmac_sha256(std::span<const std::uint8_t> key,
                            std::span<const std::uint8_t> message) {
  // HMAC() takes no null key.
  const std::uint8_t none = 0;
  Bytes digest(EVP_MAX_MD_SIZE);
  unsigned length = 0;
  must(HMAC(EVP_sha256(), key.empty() ? &none : key.data(), static_cast<int>(key.size()),
            message.data(), message.size(), digest.data(), &length) != nullptr);
  digest.resize(length);
  return digest;
}

Bytes reference_aes128_block(std::span<const std::uint8_t> key,
                             std::span<const std::uint8_t> block) {
  const Context context(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  must(EVP_EncryptInit_ex(context.get(), EVP_aes_128_ecb(), nullptr, key.data(), nullptr) == 1);
  must(EVP_CIPHER_CTX_set_padding(context.get(), 0) == 1);
  Bytes out(block.size() + 16);
  int length = 0;
  must(EVP_EncryptUpdate(context.get(), out.data(), &length, block.data(),
                         static_cast<int>(block.size())) == 1);
  out.resize(static_cast<std::size_t>(length));
  return out;
}

}  // namespace phalanx::test
