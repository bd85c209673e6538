// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "phalanx/dataplane/worker.hpp"
#include "phalanx/net/ethernet.hpp"
#include "phalanx/net/ip.hpp"

namespace phalanx::dataplane {
namespace {

// What this stage needs to know of a frame's head, compared and read in whole words.
struct Head {
  std::uint64_t destination_mac;
  std::uint16_t ether_type;  // as the bytes stand
  std::uint64_t ip_first;    // bytes 0 to 7 of an IPv4 header, as they stand
};

constexpr std::size_t kL3 = sizeof(net::EthernetHeader);
constexpr std::size_t kPlainBytes = kL3 + sizeof(net::Ipv4Header) + sizeof(net::EspHeader);

Head read_head(const std::uint8_t* frame) noexcept {
  Head head;
  std::memcpy(&head.destination_mac, frame, sizeof(head.destination_mac));
  head.destination_mac &= 0x0000ffffffffffff;
  std::memcpy(&head.ether_type, frame + offsetof(net::EthernetHeader, ether_type),
              sizeof(head.ether_type));
  std::memcpy(&head.ip_first, frame + kL3, sizeof(head.ip_first));
  return head;
}

// EtherType of a frame, behind a VLAN tag if there is one; 0: too short.
std::uint16_t type_of(const rte_mbuf* packet) noexcept {
  if (packet->data_len < kL3 + sizeof(net::VlanTag)) return 0;
  const auto* frame = rte_pktmbuf_mtod(packet, const std::uint8_t*);
  const auto type = base::wire_at<net::EthernetHeader>(frame)->ether_type.host();
  if (type != net::kEtherTypeVlan) return type;
  return base::wire_at<net::VlanTag>(frame + kL3)->ether_type.host();
}

// Neighbor discovery is each node's own, by unicast too (RFC 4861 7.3). A hop limit of 255 proves
// that it is a neighbor's (7.1).
bool is_neighbor_discovery(const net::IpView& view) noexcept {
  return view.version == 6 && view.protocol == net::kProtoIcmpv6 && view.ttl == 255;
}

}  // namespace

// Drops what another node owns, before anything else is done with a packet or anything is looked up
// for it; moves the rest together and returns how many they are. Headers are read only as far as
// the bucket depends on them: whether they are right is the owner's to find out.
unsigned Worker::distribute(const DeviceMap& map, rte_mbuf** packets, unsigned count) noexcept {
  if (tables_.distribution.all_ours() && coming_.empty()) [[likely]]
    return count;
  for (unsigned i = 0; i < count; ++i) rte_prefetch0(rte_pktmbuf_mtod(packets[i], const void*));
  Candidates found;
  found.striped = !tables_.stripes.empty();
  // While buckets move between nodes each packet is looked at for itself: hold_clear().
  found.by_flow = tables_.distribution.shared() && !moving_ && coming_.empty();
  grounds_.clear();
  const bool untagged = map.untagged != DeviceMap::kNone;
  const auto port = untagged ? port_views_[map.untagged] : PortView{};
  unsigned n = 0;           // of those whose bucket decides
  std::uint32_t flows = 0;  // of those whose flow is looked up; a bit for each packet of the burst
  for (unsigned i = 0; i < count; ++i) {
    found.position[n] = static_cast<std::uint8_t>(i);
    if (!untagged || !put_plain(port, packets[i], i, n, flows, found)) [[unlikely]]
      n += put_any(map, packets[i], n, found);
  }
  if (found.num_esp != 0) [[unlikely]]
    n += put_striped(n, found);
  const auto by_flow = flows == 0 ? 0 : foreign_flows(flows, found);
  auto foreign = by_flow;
  n += put_local(packets, flows & ~foreign, n, found);
  if (n == 0 && foreign == 0) return count;
  std::array<base::BucketIndex, kBurst> buckets;
  tables_.bucket_hash->burst(grounds_, n, buckets.data());
  for (unsigned i = 0; i < n; ++i) {
    const auto bit = static_cast<std::uint32_t>(!tables_.distribution.is_ours(buckets[i]));
    foreign |= bit << found.position[i];
  }
  if (hands_on_) note_owners(packets, buckets.data(), found, n, by_flow);
  if (moving_ || !coming_.empty()) [[unlikely]]
    count = hold_coming(map, packets, count, buckets.data(), found, n, foreign);
  if (foreign == 0) return count;
  if (hands_on_) return hand_on_marked(map, packets, count, foreign);
  return drop_marked(map, packets, count, foreign, DropReason::NotOurBucket);
}

// Without contact to a quorum nothing is forwarded: others may own what we owned. ARP goes on, so
// that neighbors are known when the ports open; who answers it is decided elsewhere. So does what
// the nodes tell each other: it may be the only way to a quorum.
unsigned Worker::fence(const DeviceMap& map, rte_mbuf** packets, unsigned count) noexcept {
  const auto until = tables_.open_until_ns.load(std::memory_order_relaxed);
  if (until == Tables::kAlwaysOpen) [[likely]]
    return count;
  if (setup_.clock->now().time_since_epoch().count() <= until) return count;
  std::uint32_t closed = 0;
  for (unsigned i = 0; i < count; ++i) {
    const auto type = type_of(packets[i]);
    const bool open = type == net::kEtherTypeArp || type == kEtherTypeCluster;
    closed |= static_cast<std::uint32_t>(!open) << i;
  }
  return closed == 0 ? count : drop_marked(map, packets, count, closed, DropReason::Fenced);
}

// A packet in clear is the business of who owns its SA. Without one its own bucket decides.
bool Worker::is_foreign(const ClearPacket& clear, const FlowVerdict& verdict,
                        base::BucketIndex bucket) const noexcept {
  const auto& distribution = tables_.distribution;
  if (verdict.action == FlowAction::Protect) return !distribution.is_ours(verdict.sa->bucket());
  // What we made or decrypted nobody else has seen.
  return !clear.from.own && !clear.from.from_tunnel && !distribution.is_ours(bucket);
}

// Most packets: a plain IPv4 header with TCP or UDP, or with ESP for us. False: not such a packet.
// Counters are the caller's, as those in memory make each packet wait for the one before.
inline bool Worker::put_plain(const PortView& port, const rte_mbuf* packet, unsigned position,
                              unsigned& n, std::uint32_t& flows, Candidates& found) noexcept {
  if (packet->nb_segs != 1 || packet->data_len < kPlainBytes) return false;
  const auto* frame = rte_pktmbuf_mtod(packet, const std::uint8_t*);
  const auto head = read_head(frame);
  const auto total_length = __builtin_bswap16(static_cast<std::uint16_t>(head.ip_first >> 16));
  if (!is_to_us(head.destination_mac, port) ||
      head.ether_type != __builtin_bswap16(net::kEtherTypeIpv4) ||
      (head.ip_first & 0xff3f'0000'0000'00ff) != 0x45 ||  // options, a fragment
      total_length < sizeof(net::Ipv4Header) + sizeof(net::EspHeader)) {
    return false;
  }
  const auto* ip = frame + kL3;
  const auto protocol = ip[offsetof(net::Ipv4Header, protocol)];
  const auto* destination = ip + offsetof(net::Ipv4Header, destination);
  if (protocol == net::kProtoUdp || protocol == net::kProtoTcp) {
    if (found.by_flow) {
      found.flow_hashes[position] = hash_flow(port, ip);
      flows |= std::uint32_t{1} << position;
    } else if (!tables_.distribution.shared() || tables_.local.contains4(destination)) {
      grounds_.put_flow4(n++, ip, protocol);
    }
    return true;
  }
  if (protocol != net::kProtoEsp || !port.is_public || !tables_.local.contains4(destination)) {
    return false;
  }
  n += put_esp(ip + sizeof(net::Ipv4Header), n, found);
  return true;
}

// Any other packet; how many grounds that adds. None for what every node has to see: other
// protocols than IP, frames to a group, neighbor discovery, and what is wrong with all of them.
unsigned Worker::put_any(const DeviceMap& map, const rte_mbuf* packet, unsigned n,
                         Candidates& found) noexcept {
  constexpr auto kTag = sizeof(net::VlanTag);
  if (packet->nb_segs != 1 || packet->data_len < kL3 + kTag + sizeof(net::Ipv4Header)) return 0;
  const auto* frame = rte_pktmbuf_mtod(packet, const std::uint8_t*);
  const auto head = read_head(frame);
  auto ether_type = __builtin_bswap16(head.ether_type);
  auto port = map.untagged;
  auto l3 = kL3;
  if (ether_type == net::kEtherTypeVlan) {
    const auto* tag = base::wire_at<net::VlanTag>(frame + kL3);
    ether_type = tag->ether_type.host();
    port = map.port_of(tag->control.host() & net::VlanTag::kIdMask);
    l3 += kTag;
  }
  if (port == DeviceMap::kNone || !is_to_us(head.destination_mac, port_views_[port])) return 0;
  if (ether_type != net::kEtherTypeIpv4 && ether_type != net::kEtherTypeIpv6) return 0;
  const auto* ip = frame + l3;
  const auto length = static_cast<std::size_t>(packet->data_len) - l3;
  const auto view = net::parse_ip_packet({reinterpret_cast<const std::byte*>(ip), length});
  if (view.fault != net::IpFault::Ok || is_neighbor_discovery(view)) return 0;
  if (port_views_[port].is_public && view.protocol == net::kProtoEsp && !view.fragment &&
      view.total_length - view.l4_offset >= static_cast<int>(sizeof(net::EspHeader)) &&
      is_local(view, ip)) {
    return put_esp(ip + view.l4_offset, n, found);
  }
  // What goes through in clear is decided by policy, when its SA is known: is_foreign().
  if (tables_.distribution.shared() && !is_local(view, ip)) return 0;
  grounds_.put_clear(n, view, ip);
  return 1;
}

bool Worker::is_local(const net::IpView& view, const std::uint8_t* ip) const noexcept {
  if (view.version == 6) {
    return tables_.local.contains6(ip + offsetof(net::Ipv6Header, destination));
  }
  std::uint32_t destination;
  std::memcpy(&destination, ip + offsetof(net::Ipv4Header, destination), sizeof(destination));
  return tables_.local.contains4(destination);
}

// ESP goes by its SPI; where there are SAs in packet mode, it waits until all are looked up.
inline unsigned Worker::put_esp(const std::uint8_t* esp, unsigned n, Candidates& found) noexcept {
  const auto* header = base::wire_at<net::EspHeader>(esp);
  if (found.striped) [[unlikely]] {
    found.spis[found.num_esp] = header->spi.host();
    found.sequences[found.num_esp] = header->sequence.host();
    found.esp_position[found.num_esp++] = found.position[n];
    return 0;
  }
  grounds_.put_esp_session(n, base::Spi(header->spi.host()));
  return 1;
}

unsigned Worker::put_striped(unsigned n, Candidates& found) noexcept {
  std::array<std::uint32_t, kBurst> shifts;
  tables_.stripes.lookup_bulk(found.spis.data(), found.num_esp, shifts.data());
  for (unsigned i = 0; i < found.num_esp; ++i, ++n) {
    grounds_.put_esp(n, base::Spi(found.spis[i]), shifts[i] != StripeTable::kSession,
                     found.sequences[i] >> (shifts[i] & 31));
    found.position[n] = found.esp_position[i];
  }
  return found.num_esp;
}

// Of a plain IPv4 packet with ports, as classify_plain() hashes it.
inline std::uint64_t Worker::hash_flow(const PortView& port,
                                       const std::uint8_t* ip) const noexcept {
  std::uint32_t source;
  std::uint32_t destination;
  std::uint32_t ports;
  std::memcpy(&source, ip + offsetof(net::Ipv4Header, source), sizeof(source));
  std::memcpy(&destination, ip + offsetof(net::Ipv4Header, destination), sizeof(destination));
  std::memcpy(&ports, ip + sizeof(net::Ipv4Header), sizeof(ports));
  const auto protocol = ip[offsetof(net::Ipv4Header, protocol)];
  const auto fields =
      ipsec::flow_fields(4, protocol, static_cast<std::uint8_t>(port.clear_side)) |
      ipsec::flow_fields(__builtin_bswap16(static_cast<std::uint16_t>(ports)),
                         __builtin_bswap16(static_cast<std::uint16_t>(ports >> 16)));
  const auto hash = flows_.hash4(source, destination, fields);
  foreign_.prefetch(hash);
  return hash;
}

// Of `flows`, those that another node deals with.
std::uint32_t Worker::foreign_flows(std::uint32_t flows, const Candidates& found) const noexcept {
  std::uint32_t foreign = 0;
  for (; flows != 0; flows &= flows - 1) {
    const auto position = static_cast<unsigned>(std::countr_zero(flows));
    const auto bucket = foreign_.find(found.flow_hashes[position]);
    const base::BucketIndex index(static_cast<std::uint8_t>(bucket));
    const auto bit = static_cast<std::uint32_t>(bucket < ForeignFlows::kUnknown) &
                     static_cast<std::uint32_t>(!tables_.distribution.is_ours(index));
    foreign |= bit << position;
  }
  return foreign;
}

// Of `flows`, those that are for us go by their own bucket; the rest goes on to policy. How many
// grounds that adds.
unsigned Worker::put_local(rte_mbuf* const* packets, std::uint32_t flows, unsigned n,
                           Candidates& found) noexcept {
  const auto before = n;
  for (; flows != 0; flows &= flows - 1) {
    const auto position = static_cast<std::uint8_t>(std::countr_zero(flows));
    const auto* ip = rte_pktmbuf_mtod_offset(packets[position], const std::uint8_t*, kL3);
    if (!tables_.local.contains4(ip + offsetof(net::Ipv4Header, destination))) continue;
    found.position[n] = position;
    grounds_.put_flow4(n++, ip, ip[offsetof(net::Ipv4Header, protocol)]);
  }
  return n - before;
}

// decides: the bucket by which the packet is another node's. Only what hash_flow() is asked for.
void Worker::remember_foreign(const ClearPacket& clear, base::BucketIndex decides) noexcept {
  const bool plain = clear.key.family == 4 && clear.key.has_ports != 0 && !clear.facts.fragment;
  if (!is_off_the_wire(clear) || !plain || foreign_.find(clear.hash) < ForeignFlows::kUnknown)
    return;
  foreign_.insert(clear.hash, decides);
}

unsigned Worker::drop_marked(const DeviceMap& map, rte_mbuf** packets, unsigned count,
                             std::uint32_t marked, DropReason reason) noexcept {
  std::array<rte_mbuf*, kBurst> dropped;
  unsigned num_dropped = 0;
  unsigned ours = 0;
  std::uint64_t bytes = 0;
  for (unsigned i = 0; i < count; ++i) {
    auto* packet = packets[i];
    if ((marked >> i & 1) == 0) {
      packets[ours++] = packet;
      continue;
    }
    bytes += packet->pkt_len;
    dropped[num_dropped++] = packet;
  }
  // Counted with the device's first port, whatever VLAN they are of: they are nobody's here.
  const auto port = map.untagged != DeviceMap::kNone ? map.untagged : map.vlans[0].port;
  counters_.ports[port].rx_packets.add(num_dropped);
  counters_.ports[port].rx_bytes.add(bytes);
  counters_.drops[static_cast<std::size_t>(reason)].add(num_dropped);
  if (capturing_) [[unlikely]]
    capture_marked({dropped.data(), num_dropped}, port, reason);
  free_received({dropped.data(), num_dropped});
  return ours;
}

// Buffers just received are of our pool and nobody else's, which saves looking into each for more:
// what cannot be seen in its first line is as the driver left it.
void Worker::free_received(std::span<rte_mbuf*> packets) noexcept {
  const bool plain = std::all_of(packets.begin(), packets.end(), [this](const rte_mbuf* packet) {
    return packet->nb_segs == 1 && rte_mbuf_refcnt_read(packet) == 1 && RTE_MBUF_DIRECT(packet) &&
           packet->pool == setup_.pool;
  });
  if (!plain) [[unlikely]] {
    rte_pktmbuf_free_bulk(packets.data(), static_cast<unsigned>(packets.size()));
    return;
  }
  void** buffers = reinterpret_cast<void**>(packets.data());
  rte_mempool_put_bulk(setup_.pool, buffers, static_cast<unsigned>(packets.size()));
}

void Worker::capture_marked(std::span<rte_mbuf* const> packets, std::uint8_t port,
                            DropReason reason) noexcept {
  for (const auto* packet : packets) {
    if (capture_filter_.kind == CaptureKind::Port && capture_filter_.port == port) {
      capture_frame(packet);
    }
    capture_drop(packet, reason);
  }
}

}  // namespace phalanx::dataplane
