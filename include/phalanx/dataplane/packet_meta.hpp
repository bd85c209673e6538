// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "phalanx/base/clock.hpp"
#include "phalanx/dataplane/punt.hpp"
#include "phalanx/net/address.hpp"

namespace phalanx::ipsec {
class InboundSa;
class OutboundSa;
}  // namespace phalanx::ipsec

namespace phalanx::dataplane {

// What a packet in a queue is to become at the other end.
enum class PacketTask : std::uint8_t {
  Encrypt,        // worker to worker: clear packet at l3_offset, for out_sa
  Decrypt,        // worker to worker: ESP header at l4_offset, for in_sa
  Transmit,       // by `port`: a whole untagged Ethernet frame (from the control thread)
  EncryptHeld,    // worker to worker: the same, waited for the lease of out_sa already
  Deliver,        // worker to worker: decrypted packet that waits for the lease of in_sa
  TransmitReady,  // worker to worker, by `port`: a frame with its tag
  SendAdjacent,   // to `adjacency`, if it still leads to next_hop on `port`: IP packet at offset 0
  Route,          // our own IP packet at offset 0: SPD and routing decide
  Punt,           // worker to control thread: see punt
};

// Travels behind the mbuf header while a packet is in a queue. Not touched on the fast path.
struct PacketMeta {
  union {
    ipsec::InboundSa* in_sa = nullptr;
    ipsec::OutboundSa* out_sa;
  };
  std::uint64_t sequence = 0;
  base::TimePoint deadline{};
  net::IpAddress next_hop;
  PacketTask task = PacketTask::Punt;
  PuntReason punt = PuntReason::Local;
  std::uint8_t port = 0;  // logical port: ingress, or egress for Transmit
  // Punt NeighborMiss: the port whose addresses an error about it comes from, as for other punts;
  // `port` is the one it leaves by, toward next_hop.
  std::uint8_t ingress = 0;
  AdjacencyIndex adjacency;
  std::uint16_t l3_offset = 0;  // from the mbuf's data
  std::uint16_t l4_offset = 0;  // Decrypt: the ESP header, from the mbuf's data
  std::uint16_t length = 0;     // bytes from that header to the packet's end
  std::uint16_t mtu = 0;
  std::uint8_t family = 4;
  std::uint8_t traffic_class = 0;
  bool dont_fragment = false;
  bool from_tunnel = false;  // came out of an SA
  bool own = false;          // made by the gateway itself
  // Route: the port where the packet that this one is about came in clear; it may go back there in
  // clear. kNoPort: it may leave by a public port only encrypted.
  std::uint8_t clear_port = kNoPort;
  // Encrypt: see FlowVerdict::lane.
  std::uint8_t lane = 0;

  static constexpr std::uint8_t kNoPort = 0xff;
};
static_assert(sizeof(PacketMeta) <= 128);

inline constexpr std::uint16_t kPacketMetaBytes = 128;

[[nodiscard]] inline PacketMeta& meta_of(rte_mbuf* packet) noexcept {
  return *static_cast<PacketMeta*>(rte_mbuf_to_priv(packet));
}

[[nodiscard]] inline const PacketMeta& meta_of(const rte_mbuf* packet) noexcept {
  return meta_of(const_cast<rte_mbuf*>(packet));
}

}  // namespace phalanx::dataplane
