// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "phalanx/base/ids.hpp"
#include "phalanx/dataplane/punt.hpp"
#include "phalanx/net/address.hpp"

namespace phalanx::control {

// How a packet came to us, which decides how an answer may leave: what answers a packet that came
// in clear may go back in clear by the port it came in by; what answers one out of a tunnel may
// quote it, and leaves by a public port only encrypted.
enum class Arrival : std::uint8_t { Clear, Tunnel };

// A packet that a worker gave to the control thread. The bytes are only looked at during the call
// that gets it; the caller frees the buffer afterwards, except for NeighborMiss, where `handle`
// belongs to the neighbor table until it comes back by send_held or drop_held, exactly once.
struct PuntedPacket {
  dataplane::PuntReason reason = dataplane::PuntReason::Local;
  // NeighborMiss: the port it leaves by. Otherwise the port it came in by, whose addresses an ICMP
  // error is sent from; for a packet out of a tunnel best the port of the private side, so that the
  // error matches the policy that takes it back into the tunnel.
  base::PortIndex port;
  Arrival arrival = Arrival::Clear;  // NeighborMiss: unused
  // The frame as received, from the Ethernet header on, or from the IP header on when the packet
  // came out of a tunnel. A VLAN tag may be there; bytes behind the packet (padding) are ignored.
  // NeighborMiss: unused.
  std::span<const std::byte> frame;
  std::uint16_t l3_offset = 14;  // first byte of the ARP or IP packet; below 14: no Ethernet header
  std::uint16_t mtu = 0;         // PacketTooBig: largest packet that its sender may send
  net::IpAddress next_hop;       // NeighborMiss
  void* handle = nullptr;        // NeighborMiss: the buffer, opaque
};

// Why a packet that waited for a neighbor is dropped.
enum class HeldDrop : std::uint8_t {
  Unreachable,    // no answer to three solicitations, or none to the last ones of a gateway
  QueueOverflow,  // newer packets for the same neighbor pushed it out
  TotalLimit,     // too many packets wait in all
  TableFull,      // no room for another neighbor
  BadNextHop,     // an address that no neighbor can have
  Shutdown,       // the daemon stops
};
inline constexpr std::size_t kNumHeldDrops = 6;

// What of a held packet an ICMP error needs. An empty packet asks for none (what we made
// ourselves, such as ESP).
struct HeldView {
  std::span<const std::byte> packet;  // from the IP header on
  base::PortIndex in_port;            // as PuntedPacket::port of an error
  Arrival arrival = Arrival::Clear;
};

// How the slow path reaches the data path. Implemented by the control loop over rings; by a
// recorder in tests. Called on the control thread only. Nothing here blocks: false means that the
// frame was lost (no buffer, full ring), which the caller counts.
class SlowPathIo {
 public:
  virtual ~SlowPathIo() = default;

  // Sends a complete Ethernet frame, untagged (the port's egress adds its VLAN tag), shorter than
  // 60 bytes perhaps (egress or the device pads). For ARP, NDP and what is addressed to a
  // link-local neighbor: such traffic never leaves its link, so no policy applies.
  [[nodiscard]] virtual bool transmit(base::PortIndex port,
                                      std::span<const std::byte> frame) noexcept = 0;

  // Gives an IP packet of our own to the data path, which must treat it like a forwarded one: SPD
  // (protect, bypass, discard), route, neighbor; but TTL is not lowered, and it must never cause a
  // punt for an ICMP error. `port` and `arrival` are those of the packet that it answers.
  [[nodiscard]] virtual bool inject_l3(base::PortIndex port, Arrival arrival,
                                       std::span<const std::byte> packet) noexcept = 0;

  // Ends of a held packet: written with the adjacency's MAC and sent, or freed and counted.
  virtual void send_held(void* handle, dataplane::AdjacencyIndex adjacency) noexcept = 0;
  virtual void drop_held(void* handle, HeldDrop reason) noexcept = 0;
  [[nodiscard]] virtual HeldView held_view(void* handle) const noexcept = 0;

  // The row now leads to `mac`; also called when the MAC of a published row changes. False: there
  // is no memory for it, and the row leads where it did.
  [[nodiscard]] virtual bool publish_adjacency(dataplane::AdjacencyIndex index,
                                               base::PortIndex port, const net::IpAddress& address,
                                               const net::MacAddress& mac) noexcept = 0;
  // Workers must punt again. A row that is not a gateway's may be given to another neighbor
  // afterwards: by publish_adjacency with other addresses.
  virtual void withdraw_adjacency(dataplane::AdjacencyIndex index) noexcept = 0;
  // Whether a worker sent by this row since the last call.
  [[nodiscard]] virtual bool take_used(dataplane::AdjacencyIndex index) noexcept = 0;
};

}  // namespace phalanx::control
