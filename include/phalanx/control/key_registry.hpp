// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "phalanx/base/result.hpp"
#include "phalanx/base/secret.hpp"
#include "phalanx/control/state_store.hpp"
#include "phalanx/ipsec/iv.hpp"
#include "phalanx/ipsec/kdf.hpp"
#include "phalanx/ipsec/sa_params.hpp"

namespace phalanx::control {

// The part of an SA's key that a cipher is keyed with, without the salt.
[[nodiscard]] std::span<const std::byte> cipher_key_of(const ipsec::SaParams& sa) noexcept;

// P1: the IV counter of each cipher key, for the life of the process. An SA that is deleted and
// comes back with the same key goes on counting, whatever its SPI, salt or direction are now; two
// SAs never share a key at one time. Keys are known by a fingerprint under a secret of this
// process, so that a dump tells nothing about them. Control thread; workers only take blocks of the
// counters. Entries are never given up: there are as many as keys were ever configured.
class KeyRegistry {
 private:
  struct Entry {
    ipsec::IvCounter counter;
    std::string holder;  // name of the SA; empty: nobody
    bool held = false;
  };

 public:
  // An SA has the key while this lives; not longer than the registry.
  class Use {
   public:
    Use() noexcept = default;
    Use(Use&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
    Use& operator=(Use&& other) noexcept {
      std::swap(entry_, other.entry_);
      return *this;
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use();

    // For ipsec::SaStart. Stays where it is for the life of the registry.
    [[nodiscard]] ipsec::IvCounter* counter() const noexcept {
      return entry_ == nullptr ? nullptr : &entry_->counter;
    }

   private:
    friend class KeyRegistry;
    explicit Use(Entry* entry) noexcept : entry_(entry) {}
    Entry* entry_ = nullptr;
  };
  struct Conflict {
    std::string holder;  // the SA that has the key
  };

  // nullptr: no random bytes.
  [[nodiscard]] static std::unique_ptr<KeyRegistry> create(
      const RandomSource& random = system_random);

  [[nodiscard]] base::Result<Use, Conflict> acquire(const ipsec::SaParams& sa);
  [[nodiscard]] base::Result<Use, Conflict> acquire(std::span<const std::byte> cipher_key,
                                                    const std::string& holder);
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  explicit KeyRegistry(base::Secret secret) noexcept : secret_(std::move(secret)) {}

  base::Secret secret_;
  std::map<ipsec::Sha256Digest, Entry> entries_;  // addresses do not change
};

}  // namespace phalanx::control
