// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace phalanx::test {

// Bytes from hexadecimal digits; blanks may stand anywhere. Throws on anything else, so that a
// mistyped vector cannot pass for a short one.
inline std::vector<std::byte> unhex(std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::vector<std::byte> bytes;
  bool high = true;
  for (const char c : text) {
    if (c == ' ' || c == '\n') continue;
    const auto digit = kDigits.find(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
    if (digit == std::string_view::npos) throw std::invalid_argument("not hexadecimal");
    if (high) {
      bytes.push_back(static_cast<std::byte>(digit << 4));
    } else {
      bytes.back() |= static_cast<std::byte>(digit);
    }
    high = !high;
  }
  if (!high) throw std::invalid_argument("odd number of hexadecimal digits");
  return bytes;
}

inline std::string to_hex(std::span<const std::byte> bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const auto byte : bytes) {
    text += kDigits[std::to_integer<std::size_t>(byte >> 4)];
    text += kDigits[std::to_integer<std::size_t>(byte & std::byte{0xf})];
  }
  return text;
}

}  // namespace phalanx::test
