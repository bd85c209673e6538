// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/cluster/lease_record.hpp"

#include <bit>

#include "phalanx/base/bytes.hpp"
#include "phalanx/base/endian.hpp"

namespace phalanx::cluster {
namespace {

struct LeaseRecordWire {
  base::be64 uid;
  std::uint8_t direction;
  std::uint8_t flags;
  base::be16 bucket;
  base::be32 reserved;
  base::be64 grant;
  base::be64 number;
  base::be64 bytes;
};
static_assert(sizeof(LeaseRecordWire) == kLeaseRecordBytes && alignof(LeaseRecordWire) == 1);

}  // namespace

base::Result<LeaseRecord, LeaseRecordError> parse_lease_record(
    std::span<const std::byte> bytes) noexcept {
  const auto* wire = base::view_as<LeaseRecordWire>(bytes);
  if (wire == nullptr) return LeaseRecordError::Truncated;

  LeaseRecord record;
  record.key.uid = base::Uid(wire->uid.host());
  record.key.direction = static_cast<LeaseDirection>(wire->direction);
  if (record.key.direction != LeaseDirection::Inbound &&
      record.key.direction != LeaseDirection::Outbound) {
    return LeaseRecordError::BadDirection;
  }
  record.flags = wire->flags & LeaseRecord::kClosing;
  record.bucket = wire->bucket.host();
  if (record.bucket >= base::kNumBuckets && record.bucket != LeaseRecord::kWholeSa) {
    return LeaseRecordError::BadBucket;
  }
  record.grant = wire->grant.host();
  record.number = wire->number.host();
  record.bytes = wire->bytes.host();
  return record;
}

std::array<std::byte, kLeaseRecordBytes> write_lease_record(const LeaseRecord& record) noexcept {
  const LeaseRecordWire wire{
      .uid = base::be64(record.key.uid.value()),
      .direction = static_cast<std::uint8_t>(record.key.direction),
      .flags = record.flags,
      .bucket = base::be16(record.bucket),
      .reserved = base::be32(0),
      .grant = base::be64(record.grant),
      .number = base::be64(record.number),
      .bytes = base::be64(record.bytes),
  };
  return std::bit_cast<std::array<std::byte, kLeaseRecordBytes>>(wire);
}

}  // namespace phalanx::cluster
