// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace phalanx::base {

// The one place that views packet bytes as a wire struct: alignment 1, trivially copyable, and only
// when the whole struct is there. Returns nullptr when it is not.
template <typename Wire>
[[nodiscard]] inline const Wire* view_as(std::span<const std::byte> bytes,
                                         std::size_t offset = 0) noexcept {
  static_assert(alignof(Wire) == 1 && std::is_trivially_copyable_v<Wire> &&
                std::is_standard_layout_v<Wire>);
  if (offset > bytes.size() || bytes.size() - offset < sizeof(Wire)) return nullptr;
  return reinterpret_cast<const Wire*>(bytes.data() + offset);
}

template <typename Wire>
[[nodiscard]] inline Wire* view_as(std::span<std::byte> bytes, std::size_t offset = 0) noexcept {
  return const_cast<Wire*>(view_as<Wire>(std::span<const std::byte>(bytes), offset));
}

// The same for the hot path, where the caller has proved the length already.
template <typename Wire>
[[nodiscard]] inline Wire* wire_at(std::uint8_t* bytes) noexcept {
  static_assert(alignof(Wire) == 1 && std::is_trivially_copyable_v<Wire> &&
                std::is_standard_layout_v<Wire>);
  return reinterpret_cast<Wire*>(bytes);
}
template <typename Wire>
[[nodiscard]] inline const Wire* wire_at(const std::uint8_t* bytes) noexcept {
  return wire_at<Wire>(const_cast<std::uint8_t*>(bytes));
}

}  // namespace phalanx::base
