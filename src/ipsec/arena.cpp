// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "arena.hpp"

#include "phalanx/base/secret.hpp"

namespace phalanx::ipsec {

Arena::Arena(std::size_t capacity_bytes) noexcept : memory_(capacity_bytes) {
  // Refused, the daemon's own PR_SET_DUMPABLE still keeps the keys out of a core file.
  (void)memory_.exclude_from_dumps();
}

Arena::~Arena() {
  if (!memory_.empty()) base::wipe(memory_.data(), used_);
}

}  // namespace phalanx::ipsec
