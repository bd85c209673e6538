// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "imb.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>

#include "phalanx/base/log.hpp"

namespace phalanx::ipsec {
namespace {

struct IsaRow {
  Isa isa;
  std::string_view name;
  std::uint64_t features;  // IMB_FEATURE_*, all needed
};
constexpr std::array<IsaRow, 5> kIsas = {{
    {Isa::Best, "best", IMB_CPUFLAGS_SSE},
    {Isa::Sse, "sse", IMB_CPUFLAGS_SSE},
    {Isa::Avx, "avx", IMB_CPUFLAGS_AVX},
    {Isa::Avx2, "avx2", IMB_CPUFLAGS_AVX2},
    {Isa::Avx512, "avx512", IMB_CPUFLAGS_AVX512},
}};

constexpr std::uint64_t kVaesAvx512 =
    IMB_CPUFLAGS_AVX512 | IMB_FEATURE_VAES | IMB_FEATURE_VPCLMULQDQ;

}  // namespace

bool isa_supported(Isa isa) noexcept {
  const auto wanted = kIsas[static_cast<std::size_t>(isa)].features;
  return (imb_get_feature_flags() & wanted) == wanted;
}

std::string_view isa_name(Isa isa) noexcept {
  return kIsas[static_cast<std::size_t>(isa)].name;
}

Manager make_manager(Isa isa) noexcept {
  if (!isa_supported(isa)) return nullptr;
  Manager manager(alloc_mb_mgr(0));
  if (!manager) return nullptr;
  switch (isa) {
    case Isa::Best: init_mb_mgr_auto(manager.get(), nullptr); break;
    case Isa::Sse: init_mb_mgr_sse(manager.get()); break;
    case Isa::Avx: init_mb_mgr_avx(manager.get()); break;
    case Isa::Avx2: init_mb_mgr_avx2(manager.get()); break;
    case Isa::Avx512: init_mb_mgr_avx512(manager.get()); break;
  }
  if (imb_get_errno(manager.get()) != 0) return nullptr;
  return manager;
}

bool has_vaes_avx512(const IMB_MGR& manager) noexcept {
  return manager.used_arch == IMB_ARCH_AVX512 && (manager.features & kVaesAvx512) == kVaesAvx512;
}

const IMB_MGR& shared_manager() noexcept {
  static const Manager manager = [] {
    auto made = make_manager(Isa::Best);
    if (!made) {
      // Nothing can be derived, so nothing may be encrypted: there is no way on.
      base::log_error("ipsec", "intel-ipsec-mb cannot run on this machine");
      std::abort();
    }
    return made;
  }();
  return *manager;
}

}  // namespace phalanx::ipsec
