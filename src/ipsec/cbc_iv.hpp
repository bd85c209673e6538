// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>

namespace phalanx::ipsec {

// The IV of one CBC packet: AES-128 under an expanded IV key over be64(node | boot | counter) and 8
// zero bytes (docs/abi.md).
struct CbcIvOp {
  const std::uint8_t* round_keys;  // 11 x 16 bytes
  std::uint64_t counter;           // node | boot | counter
  std::uint8_t* iv;                // out: 16 bytes
};
// Several at once, so that their rounds overlap. Needs AES-NI, as everything here does.
void write_cbc_ivs(const CbcIvOp* ops, std::size_t count) noexcept;

}  // namespace phalanx::ipsec
