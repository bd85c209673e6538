// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "phalanx/base/result.hpp"
#include "phalanx/cluster/message.hpp"

namespace phalanx::cluster {

// Largest message before encryption: a UDP datagram less the channel's own bytes.
inline constexpr std::size_t kMaxMessageBytes = 65000;

enum class CodecError : std::uint8_t {
  Truncated,
  UnknownVersion,
  UnknownType,
  BadValue,  // an enumerator, count or index out of range
  TrailingBytes,
  TooLong,  // write_message only
};

// Bytes to value. Accepts exactly what write_message writes, except that reserved bits are ignored;
// every count is checked against what is left before anything is allocated for it.
[[nodiscard]] base::Result<Message, CodecError> parse_message(std::span<const std::byte> bytes);
[[nodiscard]] base::Result<Bytes, CodecError> write_message(const Message& message);

// One record, as in messages and snapshots.
class Encoder;
class Decoder;
void write_record(Encoder& out, const Record& record);
[[nodiscard]] Record parse_record(Decoder& in);

}  // namespace phalanx::cluster
