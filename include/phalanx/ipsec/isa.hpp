// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <string_view>

namespace phalanx::ipsec {

// Which code path of intel-ipsec-mb is used. Expanded keys are laid out per path, so an SaStore and
// the engines that work on it must be made with the same one. Best: the widest this CPU has; the
// others are for tests.
enum class Isa : std::uint8_t { Best, Sse, Avx, Avx2, Avx512 };

// Whether this CPU and the library can run it. Any thread.
[[nodiscard]] bool isa_supported(Isa isa) noexcept;
[[nodiscard]] std::string_view isa_name(Isa isa) noexcept;

}  // namespace phalanx::ipsec
