// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace phalanx::net {

// Two nodes of a cluster that received the same packet know it by this number. Keyed, so that
// nobody outside can make packets that look the same. A folded 128-bit product for each eight
// bytes.
class PacketDigest {
 public:
  using Key = std::array<std::uint8_t, 16>;
  explicit PacketDigest(const Key& key) noexcept { std::memcpy(words_.data(), key.data(), 16); }

  [[nodiscard]] std::uint64_t of(std::span<const std::uint8_t> packet) const noexcept {
    auto state = words_[0] ^ packet.size();
    for (std::size_t at = 0; at < packet.size(); at += sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, packet.data() + at, std::min(sizeof(word), packet.size() - at));
      state = fold(state ^ word, words_[1] | 1);
    }
    return fold(state ^ words_[1], words_[0] | 1);
  }

 private:
  static std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
    __extension__ using Wide = unsigned __int128;
    const auto product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  std::array<std::uint64_t, 2> words_{};
};

}  // namespace phalanx::net
