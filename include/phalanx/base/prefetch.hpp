// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

namespace phalanx::base {

// Asks the caches for the line that holds an address; any address will do. Not
// __builtin_prefetch(): GCC takes a function that does nothing else for one without effect, and
// drops the calls of it.
inline void prefetch(const void* address) noexcept {
  asm volatile("prefetcht0 %0" : : "m"(*static_cast<const char*>(address)));
}

}  // namespace phalanx::base
