// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstdint>

#include "phalanx/base/ids.hpp"
#include "phalanx/cluster/types.hpp"

namespace phalanx::cluster {

// What happens to one bucket, as its owner wrote it down. A bucket has one writer at a time, so its
// history is one line of records: those of the first owner up to the index that the next allocation
// names, then those of the next owner, and so on. Everybody who walked the line has the same state.
enum class RecordKind : std::uint8_t {
  Put = 1,     // a new entry, or a new version of one; body: opaque
  Delete = 2,  // tombstone: the uid never comes back
  Lease = 3,   // a new promise for one direction of one entry
  Close = 4,   // the owner has stopped serving the bucket; everything before it is exact
};
inline constexpr std::uint8_t kMinRecordKind = 1;
inline constexpr std::uint8_t kMaxRecordKind = 4;

enum class EntryKind : std::uint8_t { None = 0, Sa = 1, IkeSa = 2, Flow = 3 };
inline constexpr std::uint8_t kMaxEntryKind = 3;

// A promise: "I will neither send nor accept a number above `number`". `size_log2` is how far ahead
// the owner promises: what a successor may use beyond its floor before its own first record.
struct LeaseValue {
  std::uint64_t number = 0;
  std::uint8_t size_log2 = 0;  // 0..22
  friend constexpr bool operator==(const LeaseValue&, const LeaseValue&) noexcept = default;
};
inline constexpr std::uint8_t kMaxLeaseSizeLog2 = 22;

struct Record {
  RecordKind kind = RecordKind::Put;
  EntryKind entry_kind = EntryKind::None;
  base::BucketIndex bucket;
  Grant grant = 0;  // the allocation under which it was written
  base::Uid uid;
  Direction direction = Direction::Inbound;         // Lease
  std::array<LeaseValue, kNumDirections> leases{};  // Put: first leases; Lease: [direction]
  Bytes body;  // Put: payload; Lease under Close: the exact window; else empty
  friend bool operator==(const Record&, const Record&) = default;
};

// Bytes a record takes in a message, body included.
inline constexpr std::size_t kRecordHeaderBytes = 48;
inline constexpr std::size_t kMaxRecordBody = 32768;
[[nodiscard]] inline std::size_t wire_size(const Record& record) noexcept {
  return kRecordHeaderBytes + record.body.size();
}

}  // namespace phalanx::cluster
