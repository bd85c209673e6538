// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>

namespace phalanx::ipsec {

// Session: one worker does everything for the SA. Packet: its packets are spread over workers; see
// docs/data-path.md, "One SA on many workers". Fixed for the life of the SA.
enum class SaMode : std::uint8_t { Session, Packet };

// Which worker encrypts the packets of an outbound SA in packet mode: the one with the fewest
// packets waiting, or each in turn; asked for each run of packets, or once for each flow.
enum class Dispatch : std::uint8_t {
  PacketShortestQueue,
  PacketRoundRobin,
  SessionShortestQueue,
  SessionRoundRobin,
};

// Most SAs in packet mode: each inbound one takes 42 KB.
inline constexpr std::size_t kMaxPacketModeSas = 4096;

// A stripe is a run of 2^shift consecutive numbers of an SA in packet mode; all of its numbers
// belong to one bucket.
inline constexpr std::uint8_t kMinStripeShift = 1;  // 2^64 - 1 is then no stripe
inline constexpr std::uint8_t kMaxStripeShift = 6;  // the numbers of a stripe fit one word
inline constexpr std::uint8_t kDefaultStripeShift = 5;
// Most stripes a replay window may span. Spread over 256 buckets, more than StripeContext::kStripes
// of them meet in one bucket once in 10^7 times.
inline constexpr std::uint32_t kMaxWindowStripes = 128;
// A peer's window must be this many stripes at least, so that what is late does not fall out of it.
inline constexpr std::uint32_t kPeerWindowStripes = 8;

}  // namespace phalanx::ipsec
