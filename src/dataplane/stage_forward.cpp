// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <rte_ethdev.h>

#include <cstring>

#include "phalanx/net/ethernet.hpp"
#include "phalanx/net/ip.hpp"
#include "ttl.hpp"
#include "worker_inline.hpp"

namespace phalanx::dataplane {
namespace {

bool is_v4(const std::uint8_t* l3) noexcept {
  return (*l3 >> 4) == 4;
}

bool is_v4(const rte_mbuf* packet) noexcept {
  return is_v4(rte_pktmbuf_mtod(packet, const std::uint8_t*));
}

net::IpAddress destination_of(const rte_mbuf* packet) noexcept {
  const auto* l3 = rte_pktmbuf_mtod(packet, const std::uint8_t*);
  return is_v4(packet) ? net::IpAddress::v4_from(l3 + offsetof(net::Ipv4Header, destination))
                       : net::IpAddress::v6_from(l3 + offsetof(net::Ipv6Header, destination));
}

std::uint8_t ttl_of(const std::uint8_t* l3, bool v4) noexcept {
  return v4 ? base::wire_at<net::Ipv4Header>(l3)->ttl
            : base::wire_at<net::Ipv6Header>(l3)->hop_limit;
}

bool dont_fragment(const rte_mbuf* packet) noexcept {
  if (!is_v4(packet)) return true;
  const auto* header = rte_pktmbuf_mtod(packet, const net::Ipv4Header*);
  return (header->fragment.host() & net::Ipv4Header::kDontFragment) != 0;
}

}  // namespace

// What packets of one route have in common, when all there is to do for them is to be sent.
Worker::PlainRoute Worker::plain_route(std::uint64_t number) const noexcept {
  if (number == Fib::kNoRoute) return {number, nullptr, 0, false};
  const auto& target = tables_.fib->target(number);
  const auto& port = port_views_[target.port];
  const auto* adjacency =
      target.local || target.on_link ? nullptr : tables_.adjacencies->lookup(target.adjacency);
  return {number, adjacency, port.mtu, port.is_public};
}

// Most packets: to a gateway that is known, with nothing to say to the sender. False: nothing was
// done with it.
inline bool Worker::send_plain(const ForwardPacket& forward, const PlainRoute& route) noexcept {
  auto* l3 = forward.l3;
  const bool v4 = is_v4(l3);
  if (route.adjacency == nullptr || forward.own || (route.is_public && !forward.policy_done) ||
      forward.length > route.mtu || ttl_of(l3, v4) <= 1) {
    return false;
  }
  decrement_ttl(l3, v4 ? 4 : 6);
  frame_and_send(forward.packet, l3, forward.length, *route.adjacency);
  return true;
}

void Worker::process_forward() noexcept {
  if (forward_.count == 0) return;
  std::array<std::uint32_t, kBurst> addresses4;
  std::array<std::uint64_t, kBurst> targets4;
  unsigned count4 = 0;
  for (const auto& forward : forward_.span()) {
    if (!is_v4(forward.l3)) continue;
    const auto* header = base::wire_at<net::Ipv4Header>(forward.l3);
    addresses4[count4++] = base::wire_at<base::be32>(header->destination.data())->host();
  }
  if (count4 != 0) {
    tables_.fib->lookup4(addresses4.data(), targets4.data(), static_cast<int>(count4));
  }
  unsigned next4 = 0;
  auto route = plain_route(Fib::kNoRoute);
  for (const auto& forward : forward_.span()) {
    const auto target =
        is_v4(forward.l3)
            ? targets4[next4++]
            : tables_.fib->lookup6(base::wire_at<net::Ipv6Header>(forward.l3)->destination.data());
    if (target != route.number) route = plain_route(target);
    if (!send_plain(forward, route)) route_one(forward, target);
  }
  forward_.count = 0;
}

void Worker::route_one(const ForwardPacket& forward, std::uint64_t number) noexcept {
  auto* packet = forward.packet;
  auto* l3 = forward.l3;
  trim(packet, l3, forward.length);
  if (number == Fib::kNoRoute) [[unlikely]] {
    if (destination_of(packet).is_multicast()) {
      drop(packet, DropReason::NotForwardable);
    } else if (forward.own) {
      drop(packet, DropReason::OwnNoRoute);
    } else {
      punt(packet, PuntReason::NoRoute, forward.port, 0, forward.from_tunnel);
    }
    return;
  }
  const auto& target = tables_.fib->target(number);
  if (target.local) [[unlikely]] {
    punt(packet, PuntReason::Local, forward.port, 0, forward.from_tunnel);
    return;
  }
  if (!forward.policy_done && port_views_[target.port].is_public) [[unlikely]] {
    back_to_policy(forward, target.port);
    return;
  }
  if (!forward.own) [[likely]] {
    const bool v4 = is_v4(l3);
    if (ttl_of(l3, v4) <= 1) [[unlikely]] {
      punt(packet, PuntReason::TtlExceeded, forward.port, 0, forward.from_tunnel);
      return;
    }
    decrement_ttl(l3, v4 ? 4 : 6);
  }
  leave(forward, target);
}

// The packet would leave by a public port and the SPD has not been asked yet.
void Worker::back_to_policy(const ForwardPacket& forward, std::uint8_t egress) noexcept {
  auto* packet = forward.packet;
  auto* l3 = rte_pktmbuf_mtod(packet, std::uint8_t*);
  const auto view =
      net::parse_ip_packet({reinterpret_cast<const std::byte*>(l3), packet->data_len});
  if (view.fault != net::IpFault::Ok) {
    drop(packet, to_drop_reason(view.fault));
    return;
  }
  push_clear(packet, l3, view, {egress, forward.clear_port, forward.from_tunnel, forward.own});
}

void Worker::leave(const ForwardPacket& forward, const RouteTarget& target) noexcept {
  auto* packet = forward.packet;
  const auto mtu = tables_.ports[target.port].mtu;
  const Origin origin{forward.port, forward.from_tunnel};
  if (packet->pkt_len <= mtu) [[likely]] {
    send_to(packet, target, origin);
    return;
  }
  if (dont_fragment(packet)) {
    if (forward.own) {
      drop(packet, DropReason::EspTooBig);
    } else {
      punt(packet, PuntReason::PacketTooBig, forward.port, 0, forward.from_tunnel, mtu);
    }
    return;
  }
  Fragments fragments;
  const auto count = fragment(packet, mtu, fragments);
  for (unsigned i = 0; i < count; ++i) send_to(fragments[i], target, origin);
}

void Worker::send_to(rte_mbuf* packet, const RouteTarget& target, Origin origin) noexcept {
  if (!target.on_link) [[likely]] {
    send_adjacent(packet, target.adjacency, origin);
    return;
  }
  const auto destination = destination_of(packet);
  const auto index = tables_.hosts->lookup(target.port, destination);
  const auto* adjacency = tables_.adjacencies->lookup(index);
  // The row may have been given to another neighbor between the two look-ups.
  if (adjacency == nullptr || adjacency->port != target.port || adjacency->address != destination)
      [[unlikely]] {
    punt_neighbor_miss(packet, target.port, destination, origin);
    return;
  }
  send_adjacent(packet, *adjacency);
}

void Worker::send_adjacent(rte_mbuf* packet, AdjacencyIndex index, Origin origin) noexcept {
  const auto* adjacency = tables_.adjacencies->lookup(index);
  if (adjacency != nullptr) [[likely]] {
    send_adjacent(packet, *adjacency);
    return;
  }
  if (index.value() >= tables_.fixed_neighbors.size()) {
    drop(packet, DropReason::NeighborFailed);
    return;
  }
  const auto& neighbor = tables_.fixed_neighbors[index.value()];
  punt_neighbor_miss(packet, neighbor.port, neighbor.address, origin);
}

void Worker::send_adjacent(rte_mbuf* packet, const Adjacency& adjacency) noexcept {
  frame_and_send(packet, rte_pktmbuf_mtod(packet, std::uint8_t*), packet->pkt_len, adjacency);
}

void Worker::flush_tx() noexcept {
  for (std::size_t port = 0; port < tx_.size(); ++port) {
    if (tx_[port].count != 0) flush_tx(port);
  }
}

void Worker::flush_tx(std::size_t port) noexcept {
  auto& buffer = tx_[port];
  const auto& path = setup_.tx_paths[tables_.ports[port].device];
  if (!path.own_queue) {
    for (unsigned i = 0; i < buffer.count; ++i) {
      auto& meta = meta_of(buffer.packets[i]);
      meta.task = PacketTask::TransmitReady;
      meta.port = static_cast<std::uint8_t>(port);
      hand_to_peer(buffer.packets[i], path.worker);
    }
    buffer.count = 0;
    buffer.bytes = 0;
    return;
  }
  unsigned sent = 0;
  // A device that is busy this moment gets a few more chances: its peer may be as slow as we are.
  for (int attempt = 0; attempt < 4 && sent < buffer.count; ++attempt) {
    sent += rte_eth_tx_burst(path.device_port, path.queue, buffer.packets.data() + sent,
                             static_cast<std::uint16_t>(buffer.count - sent));
  }
  for (unsigned i = sent; i < buffer.count; ++i) {
    buffer.bytes -= buffer.packets[i]->pkt_len;
    drop(buffer.packets[i], DropReason::TxQueueFull);
  }
  counters_.ports[port].tx_packets.add(sent);
  counters_.ports[port].tx_bytes.add(buffer.bytes);
  buffer.count = 0;
  buffer.bytes = 0;
}

}  // namespace phalanx::dataplane
