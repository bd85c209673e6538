// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/key_registry.hpp"

#include <algorithm>
#include <array>

#include "phalanx/ipsec/algorithm.hpp"

namespace phalanx::control {

std::span<const std::byte> cipher_key_of(const ipsec::SaParams& sa) noexcept {
  const auto key = sa.key.bytes();
  const std::size_t wanted = ipsec::info(sa.algorithm).key_bytes;
  return key.first(std::min(key.size(), wanted));
}

KeyRegistry::Use::~Use() {
  if (entry_ == nullptr) return;
  entry_->held = false;
  entry_->holder.clear();
}

std::unique_ptr<KeyRegistry> KeyRegistry::create(const RandomSource& random) {
  std::array<std::byte, 32> secret{};
  if (!random(secret)) return nullptr;
  std::unique_ptr<KeyRegistry> registry(new KeyRegistry(base::Secret(secret)));
  base::wipe(secret.data(), secret.size());
  return registry;
}

base::Result<KeyRegistry::Use, KeyRegistry::Conflict> KeyRegistry::acquire(
    const ipsec::SaParams& sa) {
  return acquire(cipher_key_of(sa), sa.name);
}

base::Result<KeyRegistry::Use, KeyRegistry::Conflict> KeyRegistry::acquire(
    std::span<const std::byte> cipher_key, const std::string& holder) {
  auto& entry = entries_[ipsec::hmac_sha256(secret_.bytes(), cipher_key)];
  if (entry.held) return Conflict{entry.holder};
  entry.held = true;
  entry.holder = holder;
  return Use(&entry);
}

}  // namespace phalanx::control
