// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/dataplane_io.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "phalanx/net/ethernet.hpp"
#include "phalanx/net/hand_on_mac.hpp"
#include "phalanx/net/ip.hpp"

namespace phalanx::control {
namespace {

using dataplane::PacketMeta;
using dataplane::PacketTask;

// All slow-path output goes by one worker, so that it keeps its order.
constexpr std::size_t kOutputWorker = 0;

rte_mbuf* mbuf_of(void* handle) noexcept {
  return static_cast<rte_mbuf*>(handle);
}

std::uint16_t ether_type_of(const net::IpAddress& address) noexcept {
  return address.is_v4() ? net::kEtherTypeIpv4 : net::kEtherTypeIpv6;
}

}  // namespace

rte_mbuf* DataplaneIo::copy_of(std::span<const std::byte> bytes) noexcept {
  auto* packet = rte_pktmbuf_alloc(dataplane_.pool().get());
  if (packet == nullptr || bytes.size() > rte_pktmbuf_tailroom(packet)) {
    rte_pktmbuf_free(packet);
    counters_.no_buffer.add(1);
    return nullptr;
  }
  std::memcpy(rte_pktmbuf_mtod(packet, void*), bytes.data(), bytes.size());
  packet->data_len = static_cast<std::uint16_t>(bytes.size());
  packet->pkt_len = packet->data_len;
  dataplane::meta_of(packet) = PacketMeta{};
  return packet;
}

bool DataplaneIo::give(rte_mbuf* packet) noexcept {
  if (dataplane_.push_to_worker(kOutputWorker, packet)) return true;
  rte_pktmbuf_free(packet);
  counters_.queue_full.add(1);
  return false;
}

// Where packets are handed on, who has an address sends from it, so that switches know where it is.
bool DataplaneIo::announces_from(const dataplane::Port& port,
                                 const net::MacAddress& source) const noexcept {
  const auto& distribution = dataplane_.tables().distribution;
  if (!distribution.hands_on()) return false;
  if (source == port.mac) return distribution.announces();
  return std::any_of(port.next_hops.begin(), port.next_hops.end(), [&](const auto& hop) {
    return source == net::next_hop_mac(port.mac, hop.node) && distribution.serves(hop.node);
  });
}

bool DataplaneIo::transmit(base::PortIndex port, std::span<const std::byte> frame) noexcept {
  auto* packet = copy_of(frame);
  if (packet == nullptr) return false;
  auto& meta = dataplane::meta_of(packet);
  meta.task = PacketTask::Transmit;
  meta.port = port.value();
  auto* ethernet = rte_pktmbuf_mtod(packet, net::EthernetHeader*);
  const auto& from = dataplane_.tables().ports[port.value()];
  if (!announces_from(from, ethernet->source)) ethernet->source = from.source_mac;
  if (!give(packet)) return false;
  counters_.sent_frames.add(1);
  return true;
}

bool DataplaneIo::inject_l3(base::PortIndex port, Arrival arrival,
                            std::span<const std::byte> bytes) noexcept {
  auto* packet = copy_of(bytes);
  if (packet == nullptr) return false;
  auto& meta = dataplane::meta_of(packet);
  meta.task = PacketTask::Route;
  meta.port = port.value();
  meta.own = true;
  meta.clear_port = arrival == Arrival::Clear ? port.value() : PacketMeta::kNoPort;
  if (!give(packet)) return false;
  counters_.routed.add(1);
  return true;
}

void DataplaneIo::send_held(void* handle, dataplane::AdjacencyIndex adjacency) noexcept {
  auto* packet = mbuf_of(handle);
  auto& meta = dataplane::meta_of(packet);
  meta.task = PacketTask::SendAdjacent;
  meta.adjacency = adjacency;
  if (give(packet)) {
    counters_.held_sent.add(1);
  } else {
    counters_.held_dropped.add(1);
  }
}

void DataplaneIo::drop_held(void* handle, HeldDrop reason) noexcept {
  static_cast<void>(reason);  // counted by reason in HostCounters
  rte_pktmbuf_free(mbuf_of(handle));
  counters_.held_dropped.add(1);
}

HeldView DataplaneIo::held_view(void* handle) const noexcept {
  const auto* packet = mbuf_of(handle);
  const auto* l3 = rte_pktmbuf_mtod(packet, const std::uint8_t*);
  const auto& local = dataplane_.tables().local;
  const bool v4 = packet->data_len != 0 && (*l3 >> 4) == 4;
  // What we made ourselves, ESP above all, has no sender who should hear of it.
  if (v4 ? local.contains4(l3 + offsetof(net::Ipv4Header, source))
         : local.contains6(l3 + offsetof(net::Ipv6Header, source))) {
    return {};
  }
  const auto& meta = dataplane::meta_of(mbuf_of(handle));
  return {{reinterpret_cast<const std::byte*>(l3), packet->data_len},
          base::PortIndex(meta.ingress),
          meta.from_tunnel ? Arrival::Tunnel : Arrival::Clear};
}

bool DataplaneIo::publish_adjacency(dataplane::AdjacencyIndex index, base::PortIndex port,
                                    const net::IpAddress& address,
                                    const net::MacAddress& mac) noexcept {
  const auto& egress = dataplane_.tables().ports[port.value()];
  std::unique_ptr<dataplane::Adjacency> adjacency(new (std::nothrow) dataplane::Adjacency);
  if (!adjacency) return false;
  adjacency->port = port.value();
  adjacency->mtu = egress.mtu;
  adjacency->mac = mac;
  adjacency->address = address;
  auto* header = base::wire_at<net::EthernetHeader>(adjacency->l2.data());
  header->destination = mac;
  header->source = egress.source_mac;
  header->ether_type = base::be16(ether_type_of(address));
  if (egress.vlan != 0) {
    header->ether_type = base::be16(net::kEtherTypeVlan);
    auto* tag = base::wire_at<net::VlanTag>(adjacency->l2.data() + sizeof(net::EthernetHeader));
    tag->control = base::be16(egress.vlan);
    tag->ether_type = base::be16(ether_type_of(address));
    adjacency->l2_length = sizeof(net::EthernetHeader) + sizeof(net::VlanTag);
  }
  auto& tables = dataplane_.tables();
  const auto* old = tables.adjacencies->lookup(index);
  if (old != nullptr && (old->address != address || old->port != port.value())) {
    tables.hosts->erase(old->port, old->address);
  }
  tables.adjacencies->publish(index, std::move(adjacency));
  if (!tables.hosts->insert(port.value(), address, index)) counters_.hosts_full.add(1);
  return true;
}

void DataplaneIo::withdraw_adjacency(dataplane::AdjacencyIndex index) noexcept {
  auto& tables = dataplane_.tables();
  const auto* old = tables.adjacencies->lookup(index);
  if (old == nullptr) return;
  tables.hosts->erase(old->port, old->address);
  tables.adjacencies->withdraw(index);
}

bool DataplaneIo::take_used(dataplane::AdjacencyIndex index) noexcept {
  return dataplane_.tables().adjacencies->take_used(index);
}

}  // namespace phalanx::control
