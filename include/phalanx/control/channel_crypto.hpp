// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include "phalanx/cluster/secure_channel.hpp"

namespace phalanx::control {

// The cluster port's cryptography by OpenSSL. Without state: any thread.
class ChannelCrypto final : public cluster::ChannelCrypto {
 public:
  using Key32 = cluster::Key32;
  void public_key(const Key32& secret, Key32& out) noexcept override;
  [[nodiscard]] bool shared_secret(const Key32& secret, const Key32& peer,
                                   Key32& out) noexcept override;
  void mac(std::span<const std::byte> key, std::span<const std::byte> text,
           Key32& out) noexcept override;
  void seal(const Key32& key, const std::array<std::byte, 12>& nonce,
            std::span<const std::byte> header, std::span<const std::byte> text,
            std::span<std::byte> out) noexcept override;
  [[nodiscard]] bool open(const Key32& key, const std::array<std::byte, 12>& nonce,
                          std::span<const std::byte> header, std::span<const std::byte> sealed,
                          std::span<std::byte> out) noexcept override;
};

}  // namespace phalanx::control
