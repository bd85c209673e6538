// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/cluster/lease_record.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "support/exact_buffer.hpp"
#include "support/hex.hpp"

namespace phalanx::cluster {
namespace {

struct Known {
  std::string name;
  LeaseRecord record;
  std::vector<std::byte> wire;
};

// Packed by Python's struct module; the file says what each column is.
std::vector<Known> known_records() {
  std::ifstream file(PHALANX_TESTS_DIR "/vectors/lease_record.txt");
  std::vector<Known> all;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream columns(line);
    Known row;
    std::uint64_t uid = 0;
    unsigned direction = 0;
    unsigned flags = 0;
    std::string wire;
    columns >> row.name >> std::hex >> uid >> std::dec >> direction >> flags >> row.record.bucket >>
        std::hex >> row.record.grant >> std::dec >> row.record.number >> row.record.bytes >> wire;
    row.record.key = {base::Uid(uid), static_cast<LeaseDirection>(direction)};
    row.record.flags = static_cast<std::uint8_t>(flags);
    row.wire = test::unhex(wire);
    all.push_back(row);
  }
  return all;
}

TEST(LeaseRecord, ParsesAndWritesTheVectors) {
  const auto all = known_records();
  ASSERT_GE(all.size(), 7U);
  for (const auto& known : all) {
    SCOPED_TRACE(known.name);
    const auto parsed = parse_lease_record(known.wire);
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(*parsed, known.record);
    EXPECT_EQ(test::to_hex(write_lease_record(known.record)), test::to_hex(known.wire));
  }
}

TEST(LeaseRecord, RefusesEveryTruncation) {
  const auto wire = known_records().front().wire;
  for (std::size_t length = 0; length < kLeaseRecordBytes; ++length) {
    const test::ExactBuffer cut(std::span<const std::byte>(wire).first(length));
    const auto parsed = parse_lease_record(cut.bytes());
    ASSERT_FALSE(parsed.ok()) << length;
    EXPECT_EQ(parsed.error(), LeaseRecordError::Truncated);
  }
}

TEST(LeaseRecord, RefusesDirectionsAndBucketsThatDoNotExist) {
  struct Case {
    const char* what;
    std::size_t offset;
    std::uint8_t value;
    LeaseRecordError error;
  };
  const Case cases[] = {
      {"direction 0", 8, 0, LeaseRecordError::BadDirection},
      {"direction 3", 8, 3, LeaseRecordError::BadDirection},
      {"direction 255", 8, 255, LeaseRecordError::BadDirection},
      {"bucket 0xfeff", 10, 0xfe, LeaseRecordError::BadBucket},
      {"bucket 0x01ff", 10, 0x01, LeaseRecordError::BadBucket},
      {"bucket 0xff00", 11, 0x00, LeaseRecordError::BadBucket},
  };
  for (const auto& row : cases) {
    SCOPED_TRACE(row.what);
    auto wire = known_records().front().wire;
    wire[row.offset] = std::byte{row.value};
    const auto parsed = parse_lease_record(wire);
    ASSERT_FALSE(parsed.ok());
    EXPECT_EQ(parsed.error(), row.error);
  }
}

TEST(LeaseRecord, IgnoresReservedBytesAndUnknownFlags) {
  const auto known = known_records().front();
  auto wire = known.wire;
  wire[9] |= std::byte{0xfe};
  for (std::size_t i = 12; i < 16; ++i) wire[i] = std::byte{0xa5};
  const auto parsed = parse_lease_record(wire);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(*parsed, known.record);
}

}  // namespace
}  // namespace phalanx::cluster
