// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <memory>

#include "phalanx/cluster/secure_channel.hpp"

namespace phalanx::test {

// The cluster port's cryptography by OpenSSL.
class OpensslChannelCrypto final : public cluster::ChannelCrypto {
 private:
  template <typename Range>
  static auto raw(Range&& range) noexcept {
    if constexpr (std::is_const_v<std::remove_pointer_t<decltype(range.data())>>) {
      return reinterpret_cast<const unsigned char*>(range.data());
    } else {
      return reinterpret_cast<unsigned char*>(range.data());
    }
  }

 public:
  using Key32 = cluster::Key32;
  void public_key(const Key32& secret, Key32& out) noexcept override {
    const PKey key(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, raw(secret), 32),
                   &EVP_PKEY_free);
    std::size_t length = out.size();
    EVP_PKEY_get_raw_public_key(key.get(), raw(out), &length);
  }
  bool shared_secret(const Key32& secret, const Key32& peer, Key32& out) noexcept override {
    const PKey key(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, raw(secret), 32),
                   &EVP_PKEY_free);
    const PKey other(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, raw(peer), 32),
                     &EVP_PKEY_free);
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
        EVP_PKEY_CTX_new(key.get(), nullptr), &EVP_PKEY_CTX_free);
    std::size_t length = out.size();
    return EVP_PKEY_derive_init(context.get()) == 1 &&
           EVP_PKEY_derive_set_peer(context.get(), other.get()) == 1 &&
           EVP_PKEY_derive(context.get(), raw(out), &length) == 1;
  }
  void mac(std::span<const std::byte> key, std::span<const std::byte> text,
           Key32& out) noexcept override {
    unsigned length = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), raw(text), text.size(), raw(out),
         &length);
  }
  void seal(const Key32& key, const std::array<std::byte, 12>& nonce,
            std::span<const std::byte> header, std::span<const std::byte> text,
            std::span<std::byte> out) noexcept override {
    const auto context = start(key, nonce, header, 1);
    int length = 0;
    EVP_CipherUpdate(context.get(), raw(out), &length, raw(text), static_cast<int>(text.size()));
    EVP_CipherFinal_ex(context.get(), raw(out.subspan(text.size())), &length);
    EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, 16, raw(out.subspan(text.size())));
  }
  bool open(const Key32& key, const std::array<std::byte, 12>& nonce,
            std::span<const std::byte> header, std::span<const std::byte> sealed,
            std::span<std::byte> out) noexcept override {
    const auto context = start(key, nonce, header, 0);
    const auto text = sealed.first(sealed.size() - cluster::kTagBytes);
    std::array<unsigned char, cluster::kTagBytes> tag{};
    std::copy_n(raw(sealed.last(cluster::kTagBytes)), tag.size(), tag.begin());
    int length = 0;
    EVP_CipherUpdate(context.get(), raw(out), &length, raw(text), static_cast<int>(text.size()));
    EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, 16, tag.data());
    std::array<unsigned char, 16> rest{};
    return EVP_CipherFinal_ex(context.get(), rest.data(), &length) == 1;
  }

 private:
  using PKey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
  using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;
  static Context start(const Key32& key, const std::array<std::byte, 12>& nonce,
                       std::span<const std::byte> header, int encrypt) noexcept {
    Context context(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
    EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, raw(key), raw(nonce), encrypt);
    int length = 0;
    EVP_CipherUpdate(context.get(), nullptr, &length, raw(header), static_cast<int>(header.size()));
    return context;
  }
};

}  // namespace phalanx::test
