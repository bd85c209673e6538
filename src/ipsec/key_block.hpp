// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "imb.hpp"
#include "phalanx/base/ids.hpp"
#include "phalanx/base/prefetch.hpp"
#include "phalanx/ipsec/sa_params.hpp"

namespace phalanx::ipsec {

// Expanded keys, one kind per class of algorithm. Each is an odd number of cache lines long: laid
// out one after the other, the lines that every packet needs fall into different cache sets.

struct alignas(base::kCacheLine) GcmKeyBlock {
  // The table of hash powers starts 240 bytes into the key: 16 bytes ahead of it put its 64-byte
  // loads on line boundaries. SA key pointers point to `data`.
  std::array<std::uint8_t, 16> lead;
  gcm_key_data data;
  std::array<std::uint8_t, base::kCacheLine> spread;
};
static_assert((offsetof(GcmKeyBlock, data) + offsetof(gcm_key_data, ghash_keys)) %
                  base::kCacheLine ==
              0);
static_assert(sizeof(GcmKeyBlock) == 17 * base::kCacheLine);

struct alignas(base::kCacheLine) ChaChaKeyBlock {
  std::array<std::uint8_t, 32> key;
};
static_assert(sizeof(ChaChaKeyBlock) == base::kCacheLine);

struct alignas(base::kCacheLine) CbcKeyBlock {
  std::array<std::uint8_t, 15 * 16> cipher;  // rounds of the direction that the SA has
  // States after one block of key ^ ipad and key ^ opad; SHA-256 uses half of each.
  alignas(base::kCacheLine) std::array<std::uint8_t, 64> inner_state;
  std::array<std::uint8_t, 64> outer_state;
  std::array<std::uint8_t, 11 * 16> iv_cipher;  // outbound: expanded IV key
};
static_assert(sizeof(CbcKeyBlock) == 9 * base::kCacheLine);

// Bytes of the block of an algorithm.
[[nodiscard]] std::size_t key_block_bytes(EspAlgorithm algorithm) noexcept;
// Fills the block for one SA; `block` has key_block_bytes() and cache-line alignment. Key lengths
// have been checked. Returns what the engine is to be given.
const void* expand_keys(const IMB_MGR& manager, const SaParams& params, void* block) noexcept;

// Which lines of a GCM key one packet touches. The hash powers are stored from the highest down, so
// a short packet needs the end of the table only.
class GcmKeyLines {
 public:
  explicit GcmKeyLines(const IMB_MGR& manager) noexcept;

  // Calls touch(address) for each line that a packet of `bytes` of ciphertext needs.
  template <typename Touch>
  void for_each(const gcm_key_data& key, std::uint32_t rounds, std::size_t bytes,
                Touch touch) const noexcept {
    // Line boundaries lie 48 bytes into the key and every 64 from there.
    const auto* first = key.expanded_keys;
    for (std::size_t at = 0; at <= rounds * 16; at += base::kCacheLine) touch(first + at);
    // One power per block, a begun one included, and one for the block of lengths.
    const auto powers = std::min(bytes / 16 + 2, max_powers_);
    for (std::size_t at = powers_end_ - powers * 16; at < table_end_; at += base::kCacheLine) {
      touch(first + at);
    }
  }
  void prefetch(const gcm_key_data& key, std::uint32_t rounds, std::size_t bytes) const noexcept {
    for_each(key, rounds, bytes, [](const std::uint8_t* line) { base::prefetch(line); });
  }

 private:
  std::size_t max_powers_;
  std::size_t powers_end_;  // offset just after H^1
  std::size_t table_end_;   // and after what is derived from the powers (Karatsuba)
};

}  // namespace phalanx::ipsec
