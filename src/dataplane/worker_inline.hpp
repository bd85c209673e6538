// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <cstring>

#include "phalanx/dataplane/worker.hpp"
#include "phalanx/net/ethernet.hpp"
#include "phalanx/net/ip.hpp"

// Small steps of the worker that more than one stage takes for each packet.

namespace phalanx::dataplane {

// Makes the mbuf begin at the packet's first byte and end at its last.
inline void trim(rte_mbuf* packet, const std::uint8_t* data, std::uint32_t length) noexcept {
  packet->data_off =
      static_cast<std::uint16_t>(data - static_cast<std::uint8_t*>(packet->buf_addr));
  packet->data_len = static_cast<std::uint16_t>(length);
  packet->pkt_len = length;
}

inline void Worker::push_esp(rte_mbuf* packet, std::uint8_t* esp, std::uint32_t length,
                             std::uint8_t traffic_class) noexcept {
  esp_spis_[esp_in_.count] = base::wire_at<net::EspHeader>(esp)->spi.host();
  auto& entry = esp_in_.items[esp_in_.count++];
  entry.data = esp;
  entry.length = length;
  entry.cookie = packet;
  entry.traffic_class = traffic_class;
}

// A destination address as PortView keeps it, read with the two bytes behind it: operator== of six
// bytes calls memcmp.
inline std::uint64_t destination_mac(const std::uint8_t* frame) noexcept {
  std::uint64_t word;
  std::memcpy(&word, frame, sizeof(word));
  return word & 0x0000ffffffffffff;
}

inline void Worker::transmit(rte_mbuf* packet, std::uint8_t port, std::uint32_t bytes) noexcept {
  if (capturing_ && capture_filter_.kind == CaptureKind::Port && capture_filter_.port == port)
      [[unlikely]] {
    capture_frame(packet);
  }
  auto& buffer = tx_[port];
  buffer.packets[buffer.count++] = packet;
  buffer.bytes += bytes;
  if (buffer.count == buffer.packets.size()) flush_tx(port);
}

// Writes the Ethernet header, with its tag if it has one, in front of the IP packet; there is room.
// Returns where the frame begins.
inline std::uint8_t* write_frame_header(std::uint8_t* l3, const Adjacency& adjacency) noexcept {
  if (!adjacency.used.load(std::memory_order_relaxed)) [[unlikely]] {
    adjacency.used.store(true, std::memory_order_relaxed);
  }
  auto* frame = l3 - adjacency.l2_length;
  std::memcpy(frame, adjacency.l2.data(), sizeof(net::EthernetHeader));
  if (adjacency.l2_length != sizeof(net::EthernetHeader)) [[unlikely]] {
    std::memcpy(frame + sizeof(net::EthernetHeader),
                adjacency.l2.data() + sizeof(net::EthernetHeader), sizeof(net::VlanTag));
  }
  return frame;
}

// Frames the IP packet of `length` bytes at `l3` in the mbuf's buffer and sends it. Start and
// length in the mbuf are written here, once; what they were before does not matter.
inline void Worker::frame_and_send(rte_mbuf* packet, std::uint8_t* l3, std::uint32_t length,
                                   const Adjacency& adjacency) noexcept {
  const std::uint32_t l2_length = adjacency.l2_length;
  const auto room = l3 - static_cast<std::uint8_t*>(packet->buf_addr);
  if (room < l2_length) [[unlikely]] {
    trim(packet, l3, length);
    drop(packet, DropReason::EspNoRoom);
    return;
  }
  trim(packet, write_frame_header(l3, adjacency), length + l2_length);
  transmit(packet, adjacency.port, length + l2_length);
}

}  // namespace phalanx::dataplane
