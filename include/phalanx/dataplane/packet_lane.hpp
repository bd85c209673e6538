// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstdint>

#include "phalanx/base/ids.hpp"
#include "phalanx/base/spsc_ring.hpp"
#include "phalanx/ipsec/esp_packet.hpp"

namespace phalanx::dataplane {

// What a worker has to know of a packet that another one gives it to encrypt or decrypt. Two of
// them fill a cache line, since it is lines that travel between cores. The buffer's header stays
// with the worker that gives it out.
struct alignas(32) LanePacket {
  static constexpr std::uint8_t kV6 = 1;            // outbound: family of the inner packet
  static constexpr std::uint8_t kDontFragment = 2;  // outbound: inner DF
  static constexpr std::uint8_t kKeepTtl = 4;       // outbound: made by the gateway, not forwarded

  std::uint8_t* data = nullptr;  // as EspPacket's
  union {
    ipsec::InboundSa* in_sa = nullptr;
    ipsec::OutboundSa* out_sa;
  };
  std::uint64_t sequence = 0;  // outbound
  std::uint16_t length = 0;
  union {
    std::uint16_t headroom = 0;  // outbound
    std::uint16_t bucket;        // inbound
  };
  std::uint16_t tailroom = 0;  // outbound
  std::uint8_t traffic_class = 0;
  std::uint8_t flags = 0;
};
static_assert(sizeof(LanePacket) == base::kCacheLine / 2);

// What became of it. Results come in the order of the packets.
struct alignas(16) LaneResult {
  static constexpr std::uint8_t kNotFramed = 0xff;

  std::uint64_t sequence = 0;  // inbound: the whole number
  std::int16_t shift = 0;      // the packet begins so many bytes after where it began
  std::uint16_t length = 0;
  ipsec::EspVerdict verdict = ipsec::EspVerdict::Done;
  std::uint8_t family = 4;         // inbound
  std::uint8_t port = kNotFramed;  // else: an Ethernet frame that leaves by this port
  std::uint8_t unused = 0;
};
static_assert(sizeof(LaneResult) == base::kCacheLine / 4);

// The way of packets in packet mode from one worker (the dispatcher) to another and back, in one
// direction of traffic. Every packet comes back, in the order in which it went, with a verdict.
struct PacketLane {
  static constexpr std::uint32_t kSlots = 512;

  base::SpscRing<LanePacket> work{kSlots};  // producer: dispatcher; consumer: the other one
  base::SpscRing<LaneResult> done{kSlots};  // producer: the other one; consumer: dispatcher
  // The other one only: of how many of the next packets it has asked the cache for the first lines.
  std::uint32_t asked = 0;
};

// Packets that a worker has encrypted or decrypted, and where those leave that are frames already.
struct LaneBurst {
  static constexpr std::uint32_t kPackets = 32;

  std::array<ipsec::EspPacket, kPackets> packets;
  std::array<std::uint8_t, kPackets> ports;  // LaneResult::port
};

}  // namespace phalanx::dataplane
