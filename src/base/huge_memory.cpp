// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/base/huge_memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdint>

namespace phalanx::base {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

}  // namespace

HugeMemory::HugeMemory(std::size_t size_bytes) noexcept {
  if (size_bytes > SIZE_MAX / 2) return;
  const auto size = (std::max(size_bytes, std::size_t{1}) + kHugePage - 1) / kHugePage * kHugePage;
  // One huge page more than needed, to cut the mapping to huge page boundaries.
  void* mapped =
      ::mmap(nullptr, size + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return;
  auto* first = static_cast<std::byte*>(mapped);
  const auto head = (kHugePage - std::bit_cast<std::uintptr_t>(first) % kHugePage) % kHugePage;
  if (head != 0) ::munmap(first, head);
  ::munmap(first + head + size, kHugePage - head);
  bytes_ = first + head;
  size_ = size;
  // Without huge pages it only takes more TLB entries.
  (void)::madvise(bytes_, size_, MADV_HUGEPAGE);
}

HugeMemory::~HugeMemory() {
  if (bytes_ != nullptr) ::munmap(bytes_, size_);
}

bool HugeMemory::exclude_from_dumps() noexcept {
  return bytes_ != nullptr && ::madvise(bytes_, size_, MADV_DONTDUMP) == 0;
}

}  // namespace phalanx::base
