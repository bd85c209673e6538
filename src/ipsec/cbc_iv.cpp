// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "cbc_iv.hpp"

#include <immintrin.h>

#include <cstring>

namespace phalanx::ipsec {
namespace {

constexpr std::size_t kRounds = 10;

__m128i load_block(const std::uint8_t* from) noexcept {
  __m128i block;
  std::memcpy(&block, from, sizeof(block));
  return block;
}

// kLanes blocks side by side: a round takes four cycles, and two can start in each.
template <std::size_t kLanes>
[[gnu::target("aes")]] void encrypt(const CbcIvOp* ops) noexcept {
  __m128i state[kLanes];
  for (std::size_t i = 0; i < kLanes; ++i) {
    const auto counter = static_cast<long long>(__builtin_bswap64(ops[i].counter));
    state[i] = _mm_xor_si128(_mm_set_epi64x(0, counter), load_block(ops[i].round_keys));
  }
  for (std::size_t round = 1; round < kRounds; ++round) {
    for (std::size_t i = 0; i < kLanes; ++i) {
      state[i] = _mm_aesenc_si128(state[i], load_block(ops[i].round_keys + 16 * round));
    }
  }
  for (std::size_t i = 0; i < kLanes; ++i) {
    state[i] = _mm_aesenclast_si128(state[i], load_block(ops[i].round_keys + 16 * kRounds));
    std::memcpy(ops[i].iv, &state[i], sizeof(state[i]));
  }
}

}  // namespace

void write_cbc_ivs(const CbcIvOp* ops, std::size_t count) noexcept {
  for (; count >= 4; ops += 4, count -= 4) encrypt<4>(ops);
  for (; count != 0; ++ops, --count) encrypt<1>(ops);
}

}  // namespace phalanx::ipsec
