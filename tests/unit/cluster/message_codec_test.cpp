// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/cluster/message_codec.hpp"

#include <gtest/gtest.h>

#include <span>

#include "sample_messages.hpp"

namespace phalanx::cluster {
namespace {

TEST(MessageCodec, EveryTypeSurvivesARoundTrip) {
  const auto messages = test::sample_messages();
  ASSERT_EQ(messages.size(), std::variant_size_v<Body>);
  for (const auto& message : messages) {
    const auto bytes = write_message(message);
    ASSERT_TRUE(bytes.ok());
    const auto parsed = parse_message(*bytes);
    ASSERT_TRUE(parsed.ok()) << "type " << message.body.index() + 1;
    EXPECT_EQ(*parsed, message) << "type " << message.body.index() + 1;
  }
}

TEST(MessageCodec, RefusesAMessageCutAtAnyByte) {
  for (const auto& message : test::sample_messages()) {
    const auto bytes = write_message(message);
    ASSERT_TRUE(bytes.ok());
    for (std::size_t length = 0; length < bytes->size(); ++length) {
      EXPECT_FALSE(parse_message(std::span(*bytes).first(length)).ok())
          << "type " << message.body.index() + 1 << " cut at " << length;
    }
  }
}

TEST(MessageCodec, RefusesAByteTooMany) {
  for (const auto& message : test::sample_messages()) {
    auto bytes = write_message(message);
    ASSERT_TRUE(bytes.ok());
    bytes->push_back(std::byte{0});
    const auto parsed = parse_message(*bytes);
    ASSERT_FALSE(parsed.ok());
    EXPECT_EQ(parsed.error(), CodecError::TrailingBytes);
  }
}

TEST(MessageCodec, RefusesAnotherVersionAndAnUnknownType) {
  auto bytes = write_message(test::sample_messages().front());
  ASSERT_TRUE(bytes.ok());
  auto other = *bytes;
  other[0] = std::byte{kProtocolVersion + 1};
  EXPECT_EQ(parse_message(other).error(), CodecError::UnknownVersion);
  other = *bytes;
  other[1] = std::byte{0};
  EXPECT_EQ(parse_message(other).error(), CodecError::UnknownType);
  other[1] = std::byte{std::variant_size_v<Body> + 1};
  EXPECT_EQ(parse_message(other).error(), CodecError::UnknownType);
}

TEST(MessageCodec, RefusesAnIndexThatWraps) {
  Message message{test::sample_header(), Records{}};
  auto& records = std::get<Records>(message.body);
  records.first = ~std::uint64_t{0};
  records.records = {test::sample_record(RecordKind::Put)};
  const auto bytes = write_message(message);
  ASSERT_TRUE(bytes.ok());
  EXPECT_EQ(parse_message(*bytes).error(), CodecError::BadValue);
}

TEST(MessageCodec, RefusesATableThatDoesNotCoverAllBuckets) {
  Message message{test::sample_header(), Propose{{}, test::sample_allocation()}};
  const auto bytes = write_message(message);
  ASSERT_TRUE(bytes.ok());
  // The first run's length byte: 100 buckets, then 156.
  std::size_t found = 0;
  for (std::size_t i = 0; i < bytes->size(); ++i) {
    if ((*bytes)[i] != std::byte{99}) continue;
    auto shorter = *bytes;
    shorter[i] = std::byte{98};
    EXPECT_EQ(parse_message(shorter).error(), CodecError::BadValue);
    auto longer = *bytes;
    longer[i] = std::byte{101};
    EXPECT_EQ(parse_message(longer).error(), CodecError::BadValue);
    ++found;
  }
  EXPECT_EQ(found, 1u);
}

TEST(MessageCodec, RefusesToWriteWhatNoDatagramHolds) {
  Message message{test::sample_header(), Records{}};
  auto& records = std::get<Records>(message.body);
  records.first = 1;
  auto record = test::sample_record(RecordKind::Put);
  record.body.resize(kMaxRecordBody);
  records.records.assign(2, record);
  const auto bytes = write_message(message);
  ASSERT_FALSE(bytes.ok());
  EXPECT_EQ(bytes.error(), CodecError::TooLong);
}

TEST(MessageCodec, RecordHeaderIsAsLongAsDocumented) {
  Message message{test::sample_header(), Records{}};
  auto& records = std::get<Records>(message.body);
  records.first = 1;
  const auto without = write_message(message);
  records.records = {test::sample_record(RecordKind::Lease)};
  const auto with = write_message(message);
  ASSERT_TRUE(without.ok() && with.ok());
  EXPECT_EQ(with->size() - without->size(), wire_size(records.records.front()));
}

}  // namespace
}  // namespace phalanx::cluster
