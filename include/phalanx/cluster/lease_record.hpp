// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "phalanx/base/ids.hpp"
#include "phalanx/base/result.hpp"

namespace phalanx::cluster {

enum class LeaseDirection : std::uint8_t { Inbound = 1, Outbound = 2 };  // values are ABI

// Whose promise a lease is.
struct LeaseKey {
  base::Uid uid;
  LeaseDirection direction = LeaseDirection::Inbound;
  friend constexpr auto operator<=>(const LeaseKey&, const LeaseKey&) noexcept = default;
};

// A promise: "I will neither send nor accept a number above `number`". A plain value.
struct LeaseRecord {
  // The owner had stopped using the SA when it wrote this: `number` is exactly the last one used.
  static constexpr std::uint8_t kClosing = 0x01;
  // The lease covers the whole SA, not the part of it that one bucket owns (packet mode).
  static constexpr std::uint16_t kWholeSa = 0xffff;

  LeaseKey key;
  std::uint8_t flags = 0;
  std::uint16_t bucket = kWholeSa;
  std::uint64_t grant = 0;   // term << 32 | epoch of the allocation it was written under; 0: none
  std::uint64_t number = 0;  // 64 bits also for SAs without ESN
  std::uint64_t bytes = 0;   // the same promise in bytes; 0: the SA has no lifetime in bytes
  friend constexpr bool operator==(const LeaseRecord&, const LeaseRecord&) noexcept = default;
};

// Frozen wire format, see docs/abi.md:
//
//    0                   1                   2                   3
//    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//   |                            uid (64)                           |
//   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//   |   direction   |     flags     |             bucket            |
//   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//   |                          reserved, 0                          |
//   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//   |                 grant (64): term (32) | epoch (32)            |
//   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//   |                          number (64)                          |
//   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//   |                           bytes (64)                          |
//   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
inline constexpr std::size_t kLeaseRecordBytes = 40;

enum class LeaseRecordError : std::uint8_t { Truncated, BadDirection, BadBucket };

// Reads the first 40 bytes. Reserved bytes and flags that this version does not know are ignored.
[[nodiscard]] base::Result<LeaseRecord, LeaseRecordError> parse_lease_record(
    std::span<const std::byte> bytes) noexcept;
[[nodiscard]] std::array<std::byte, kLeaseRecordBytes> write_lease_record(
    const LeaseRecord& record) noexcept;

}  // namespace phalanx::cluster
