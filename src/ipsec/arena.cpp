// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "arena.hpp"

#include <sys/mman.h>

#include <bit>

#include "phalanx/base/secret.hpp"

namespace phalanx::ipsec {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

}  // namespace

Arena::Arena(std::size_t capacity_bytes) noexcept {
  if (capacity_bytes > SIZE_MAX / 2) return;
  const auto capacity = (capacity_bytes + kHugePage) / kHugePage * kHugePage;  // never 0
  // One huge page more than needed, to cut the mapping to huge page boundaries.
  void* mapped = ::mmap(nullptr, capacity + kHugePage, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return;
  auto* first = static_cast<std::byte*>(mapped);
  const auto head = (kHugePage - std::bit_cast<std::uintptr_t>(first) % kHugePage) % kHugePage;
  if (head != 0) ::munmap(first, head);
  ::munmap(first + head + capacity, kHugePage - head);

  bytes_ = first + head;
  capacity_ = capacity;
  // Without huge pages it only takes more TLB entries; without DONTDUMP the daemon's own
  // PR_SET_DUMPABLE still keeps the keys out of a core file.
  (void)::madvise(bytes_, capacity_, MADV_HUGEPAGE);
  (void)::madvise(bytes_, capacity_, MADV_DONTDUMP);
}

Arena::~Arena() {
  if (bytes_ == nullptr) return;
  base::wipe(bytes_, used_);
  ::munmap(bytes_, capacity_);
}

}  // namespace phalanx::ipsec
