// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/channel_crypto.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <memory>

namespace phalanx::control {
namespace {

constexpr std::size_t kX25519Bytes = 32;

using PKey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* raw(std::span<const std::byte> bytes) noexcept {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* raw(std::span<std::byte> bytes) noexcept {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

PKey private_key(const cluster::Key32& secret) noexcept {
  return {
      EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, raw(std::span(secret)), kX25519Bytes),
      &EVP_PKEY_free};
}

Context start(const cluster::Key32& key, const std::array<std::byte, 12>& nonce,
              std::span<const std::byte> header, int encrypt) noexcept {
  Context context(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  int length = 0;
  if (context == nullptr ||
      EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, raw(std::span(key)),
                        raw(std::span(nonce)), encrypt) != 1 ||
      EVP_CipherUpdate(context.get(), nullptr, &length, raw(header),
                       static_cast<int>(header.size())) != 1) {
    return {nullptr, &EVP_CIPHER_CTX_free};
  }
  return context;
}

}  // namespace

void ChannelCrypto::public_key(const Key32& secret, Key32& out) noexcept {
  out.fill(std::byte{0});
  const auto key = private_key(secret);
  std::size_t length = out.size();
  // Out of memory: a key of zeros, which every peer refuses.
  if (key != nullptr)
    EVP_PKEY_get_raw_public_key(key.get(), raw(std::span<std::byte>(out)), &length);
}

bool ChannelCrypto::shared_secret(const Key32& secret, const Key32& peer, Key32& out) noexcept {
  const auto key = private_key(secret);
  const PKey other(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, raw(std::span(peer)), kX25519Bytes),
      &EVP_PKEY_free);
  if (key == nullptr || other == nullptr) return false;
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new(key.get(), nullptr), &EVP_PKEY_CTX_free);
  std::size_t length = out.size();
  return context != nullptr && EVP_PKEY_derive_init(context.get()) == 1 &&
         EVP_PKEY_derive_set_peer(context.get(), other.get()) == 1 &&
         EVP_PKEY_derive(context.get(), raw(std::span<std::byte>(out)), &length) == 1;
}

void ChannelCrypto::mac(std::span<const std::byte> key, std::span<const std::byte> text,
                        Key32& out) noexcept {
  unsigned length = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), raw(text), text.size(),
       raw(std::span<std::byte>(out)), &length);
}

void ChannelCrypto::seal(const Key32& key, const std::array<std::byte, 12>& nonce,
                         std::span<const std::byte> header, std::span<const std::byte> text,
                         std::span<std::byte> out) noexcept {
  const auto context = start(key, nonce, header, 1);
  const auto tag = out.subspan(text.size());
  int length = 0;
  const bool done =
      context != nullptr &&
      EVP_CipherUpdate(context.get(), raw(out), &length, raw(text),
                       static_cast<int>(text.size())) == 1 &&
      EVP_CipherFinal_ex(context.get(), raw(tag), &length) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, cluster::kTagBytes, raw(tag)) == 1;
  // Nothing of a message that could not be sealed leaves.
  if (!done) std::fill(out.begin(), out.end(), std::byte{0});
}

bool ChannelCrypto::open(const Key32& key, const std::array<std::byte, 12>& nonce,
                         std::span<const std::byte> header, std::span<const std::byte> sealed,
                         std::span<std::byte> out) noexcept {
  const auto context = start(key, nonce, header, 0);
  if (context == nullptr) return false;
  const auto text = sealed.first(sealed.size() - cluster::kTagBytes);
  std::array<std::byte, cluster::kTagBytes> tag{};
  std::copy_n(sealed.last(cluster::kTagBytes).begin(), tag.size(), tag.begin());
  std::array<std::byte, 16> rest{};
  int length = 0;
  return EVP_CipherUpdate(context.get(), raw(out), &length, raw(text),
                          static_cast<int>(text.size())) == 1 &&
         EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, cluster::kTagBytes,
                             tag.data()) == 1 &&
         EVP_CipherFinal_ex(context.get(), raw(std::span<std::byte>(rest)), &length) == 1;
}

}  // namespace phalanx::control
