// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <intel-ipsec-mb.h>

#include <memory>

#include "phalanx/ipsec/isa.hpp"

namespace phalanx::ipsec {

struct ManagerDeleter {
  void operator()(IMB_MGR* manager) const noexcept { free_mb_mgr(manager); }
};
// A multi-buffer manager of intel-ipsec-mb: function pointers, lanes and jobs. One thread; its
// one-shot functions keep no state in it.
using Manager = std::unique_ptr<IMB_MGR, ManagerDeleter>;

// nullptr: no memory, or the CPU lacks what `isa` needs.
[[nodiscard]] Manager make_manager(Isa isa) noexcept;

// The path that make_manager(isa) ends up on.
[[nodiscard]] bool has_vaes_avx512(const IMB_MGR& manager) noexcept;

// A manager for key derivation and expansion with one-shot functions, made once; any thread.
[[nodiscard]] const IMB_MGR& shared_manager() noexcept;

}  // namespace phalanx::ipsec
