// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/host_stack.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>
#include <utility>

#include "ip_endpoints.hpp"
#include "phalanx/base/bytes.hpp"
#include "phalanx/base/log.hpp"
#include "phalanx/net/ethernet.hpp"
#include "phalanx/net/hand_on_mac.hpp"

namespace phalanx::control {
namespace {

using namespace std::chrono_literals;
using net::EthernetHeader;

// RFC 5227 1.1 ANNOUNCE_NUM and DEFEND_INTERVAL; RFC 4861 10 MAX_NEIGHBOR_ADVERTISEMENT is 3 and
// RETRANS_TIMER 1 s, which serves for both here.
constexpr std::uint8_t kAnnouncements = 3;
constexpr base::Duration kAnnounceInterval = 1s;
constexpr base::Duration kDefendInterval = 10s;
// Lines a second that packets of strangers may cause, and how many at once.
constexpr std::uint32_t kLogLinesPerSecond = 1;
constexpr std::uint32_t kLogLinesAtOnce = 10;
// Answers of neighbors that are passed on to other nodes.
constexpr std::uint32_t kRelaysPerSecond = 1000;
constexpr std::uint32_t kRelaysAtOnce = 256;

std::size_t scratch_bytes(const std::vector<HostPort>& ports) {
  std::size_t mtu = IcmpErrors::kMaxErrorBytes;
  for (const auto& port : ports) mtu = std::max<std::size_t>(mtu, port.mtu);
  return sizeof(EthernetHeader) + mtu;
}

// The frame's Ethernet header, when there is one.
const EthernetHeader* ethernet_of(const PuntedPacket& packet) noexcept {
  if (packet.l3_offset < sizeof(EthernetHeader)) return nullptr;
  return base::view_as<EthernetHeader>(packet.frame);
}

std::optional<net::MacAddress> source_mac(const PuntedPacket& packet) noexcept {
  const auto* ethernet = ethernet_of(packet);
  if (ethernet == nullptr || ethernet->source.is_multicast()) return std::nullopt;
  return ethernet->source;
}

net::Family family_of(std::span<const std::byte> packet) noexcept {
  const bool v4 = !packet.empty() && (packet[0] >> 4) == std::byte{4};
  return v4 ? net::Family::V4 : net::Family::V6;
}

IcmpErrorKind error_kind(dataplane::PuntReason reason) noexcept {
  switch (reason) {
    case dataplane::PuntReason::TtlExceeded: return IcmpErrorKind::TimeExceeded;
    case dataplane::PuntReason::PacketTooBig: return IcmpErrorKind::PacketTooBig;
    case dataplane::PuntReason::AdminProhibited: return IcmpErrorKind::AdminProhibited;
    case dataplane::PuntReason::NoRoute:
    case dataplane::PuntReason::Arp:
    case dataplane::PuntReason::Local:
    case dataplane::PuntReason::NeighborMiss:
    case dataplane::PuntReason::Cluster: break;
  }
  return IcmpErrorKind::NoRoute;
}

}  // namespace

NeighborLimits neighbor_limits(const dataplane::Limits& limits) noexcept {
  return {limits.neighbors, limits.neighbor_queue, std::max(limits.mbufs / 8, 1U)};
}

HostStack::HostStack(HostConfig config, SlowPathIo& io, std::uint64_t seed)
    : addresses_(std::move(config.ports)),
      io_(io),
      neighbors_(config.neighbors, io, *this, counters_, seed),
      errors_(config.icmp_errors_per_second, seed),
      relay_rate_(kRelaysPerSecond, kRelaysAtOnce),
      log_rate_(kLogLinesPerSecond, kLogLinesAtOnce),
      links_(addresses_.size()),
      scratch_(scratch_bytes(addresses_.ports())),
      next_identification_(static_cast<std::uint16_t>(seed)),
      random_(seed) {}

// ---- configuration and time ---------------------------------------------------------------------

std::optional<dataplane::AdjacencyIndex> HostStack::add_gateway(base::PortIndex port,
                                                                const net::IpAddress& address,
                                                                base::TimePoint now) {
  if (!can_be_next_hop(port, address)) return std::nullopt;
  return neighbors_.add_gateway({port, address}, now);
}

std::optional<dataplane::AdjacencyIndex> HostStack::add_static(base::PortIndex port,
                                                               const net::IpAddress& address,
                                                               const net::MacAddress& mac) {
  if (!can_be_next_hop(port, address)) return std::nullopt;
  return neighbors_.add_static({port, address}, mac);
}

void HostStack::on_link_up(base::PortIndex port, base::TimePoint now) {
  if (!addresses_.has(port)) return;
  auto& link = links_[port.value()];
  link.announcements_left = kAnnouncements;
  link.announce_at = now;
}

void HostStack::announce_all(base::TimePoint now) {
  for (std::size_t i = 0; i < links_.size(); ++i) {
    on_link_up(base::PortIndex(static_cast<std::uint8_t>(i)), now);
  }
}

void HostStack::tick(base::TimePoint now) {
  neighbors_.tick(now);
  for (std::size_t i = 0; i < links_.size(); ++i) {
    tick_link(base::PortIndex(static_cast<std::uint8_t>(i)), now);
  }
}

void HostStack::tick_link(base::PortIndex port, base::TimePoint now) {
  auto& link = links_[port.value()];
  if (link.announcements_left != 0 && link.announce_at <= now) {
    announce(port);
    link.announcements_left -= 1;
    link.announce_at = now + kAnnounceInterval;
  }
  if (link.report_at <= now) {
    link.report_at = base::TimePoint::max();
    report_groups(port, link.report_version, net::MldRecord::ModeIsExclude);
  }
}

base::TimePoint HostStack::next_deadline() const noexcept {
  auto earliest = neighbors_.next_deadline();
  for (const auto& link : links_) {
    if (link.announcements_left != 0) earliest = std::min(earliest, link.announce_at);
    earliest = std::min(earliest, link.report_at);
  }
  return earliest;
}

void HostStack::announce(base::PortIndex port) {
  const auto& own = addresses_.port(port);
  for (const auto& extra : own.extras) {
    if (is_receiver_of(extra.address)) announce_arp(port, extra.address);
  }
  if (!is_receiver_of(addresses_.link_local(port))) return;
  for (const auto& ours : own.addresses) {
    if (ours.address.is_v4()) {
      announce_arp(port, ours.address);
    } else {
      announce_ndp(port, ours.address);
    }
  }
  announce_ndp(port, addresses_.link_local(port));
  report_groups(port, 2, net::MldRecord::ChangeToExclude);
}

// ---- packets ------------------------------------------------------------------------------------

void HostStack::on_punt(const PuntedPacket& packet, base::TimePoint now) {
  counters_.add(HostCounter::Punted);
  if (packet.reason == dataplane::PuntReason::NeighborMiss) {
    return counters_.add(on_neighbor_miss(packet, now));
  }
  if (!addresses_.has(packet.port) || packet.l3_offset > packet.frame.size()) {
    return counters_.add(HostCounter::BadPunt);
  }
  if (receives_ && is_receiver_of(addresses_.link_local(packet.port))) relay_answer(packet, now);
  switch (packet.reason) {
    case dataplane::PuntReason::Arp:
      return counters_.add(on_arp(packet.port, packet.frame.subspan(packet.l3_offset), now));
    case dataplane::PuntReason::Local: return counters_.add(on_local(packet, now));
    case dataplane::PuntReason::TtlExceeded:
    case dataplane::PuntReason::PacketTooBig:
    case dataplane::PuntReason::NoRoute:
    case dataplane::PuntReason::AdminProhibited:
      return counters_.add(on_not_forwarded(packet, now));
    case dataplane::PuntReason::NeighborMiss:
    case dataplane::PuntReason::Cluster: break;
  }
  counters_.add(HostCounter::BadPunt);
}

// A neighbor answers the shared address, whoever asked. All nodes hear it by a group of theirs.
void HostStack::relay_answer(const PuntedPacket& packet, base::TimePoint now) {
  const auto* ethernet = ethernet_of(packet);
  const auto& own = addresses_.port(packet.port).mac;
  if (ethernet == nullptr || ethernet->destination != own) return;
  auto body = packet.frame.subspan(packet.l3_offset);
  auto ether_type = net::kEtherTypeArp;
  if (packet.reason == dataplane::PuntReason::Arp) {
    const auto message = net::parse_arp(body);
    if (!message || message->operation != net::ArpOperation::Reply) return;
    body = body.first(sizeof(net::ArpHeader));
  } else {
    if (packet.reason != dataplane::PuntReason::Local) return;
    const auto message = net::parse_ndp(body);
    if (!message || message->kind != net::NdpKind::Advertisement) return;
    ether_type = net::kEtherTypeIpv6;
  }
  if (sizeof(EthernetHeader) + body.size() > scratch_.size() || !relay_rate_.take(now)) {
    return counters_.add(HostCounter::AnswerNotRelayed);
  }
  const EthernetHeader header{net::all_nodes_mac(own), own, base::be16(ether_type)};
  std::memcpy(scratch_.data(), &header, sizeof(header));
  std::memcpy(scratch_.data() + sizeof(header), body.data(), body.size());
  const auto frame = std::span(scratch_).first(sizeof(header) + body.size());
  const bool sent = io_.transmit(packet.port, frame);
  counters_.add(sent ? HostCounter::AnswerRelayed : HostCounter::AnswerNotRelayed);
}

// The table itself refuses multicast and the like.
bool HostStack::can_be_next_hop(base::PortIndex port,
                                const net::IpAddress& address) const noexcept {
  return addresses_.has(port) && !addresses_.is_ours(port, address) &&
         !addresses_.is_broadcast(address);
}

HostCounter HostStack::on_neighbor_miss(const PuntedPacket& packet, base::TimePoint now) {
  NeighborKey key{packet.port, packet.next_hop};
  // The table refuses an unspecified next hop.
  if (!can_be_next_hop(key.port, key.address)) key.address = {};
  neighbors_.hold(key, packet.handle, now);
  return HostCounter::NeighborWanted;
}

HostCounter HostStack::on_not_forwarded(const PuntedPacket& packet, base::TimePoint now) {
  const auto* ethernet = ethernet_of(packet);
  Complaint complaint;
  complaint.kind = error_kind(packet.reason);
  complaint.port = packet.port;
  complaint.arrival = packet.arrival;
  complaint.packet = packet.frame.subspan(packet.l3_offset);
  complaint.mtu = packet.mtu;
  complaint.from = source_mac(packet);
  // The nodes of a cluster may share the address of a group: what is sent to it is for us alone.
  complaint.to_group_mac = ethernet != nullptr && ethernet->destination.is_multicast() &&
                           ethernet->destination != addresses_.port(packet.port).mac;
  complain(complaint, now);
  return HostCounter::ErrorWanted;
}

HostCounter HostStack::on_local(const PuntedPacket& punted, base::TimePoint now) {
  LocalPacket packet;
  packet.port = punted.port;
  packet.arrival = punted.arrival;
  packet.packet = punted.frame.subspan(punted.l3_offset);
  packet.view = net::parse_ip_packet(packet.packet);
  if (packet.view.fault != net::IpFault::Ok) return HostCounter::BadPacket;
  packet.packet = packet.packet.first(packet.view.total_length);
  const auto [source, destination] = ip_endpoints(packet.packet, family_of(packet.packet));
  packet.source = source;
  packet.destination = destination;
  packet.from = source_mac(punted);
  packet.to_group = destination.is_multicast() || addresses_.is_broadcast(destination);

  if (!packet.to_group && !addresses_.is_ours(punted.port, destination)) {
    return HostCounter::NotOurAddress;
  }
  if (packet.view.fragment) return HostCounter::FragmentToUs;
  // Neighbor discovery looks at the sender itself: it may be a conflict.
  if (packet.view.protocol == net::kProtoIcmpv6 || packet.view.protocol == net::kProtoIcmp) {
    return on_icmp(packet, now);
  }
  if (addresses_.is_ours(punted.port, source)) return HostCounter::SourceIsOurs;
  return on_unspoken(packet, now);
}

// ---- ICMP errors --------------------------------------------------------------------------------

void HostStack::complain(const Complaint& complaint, base::TimePoint now) {
  const auto family = family_of(complaint.packet);
  const auto header = family == net::Family::V4 ? sizeof(net::Ipv4Header) : sizeof(net::Ipv6Header);
  if (complaint.packet.size() < header) return counters_.add(HostCounter::IcmpErrorMalformed);
  const auto [receiver, destination] = ip_endpoints(complaint.packet, family);
  if (complaint.to_group_mac || addresses_.is_broadcast(destination)) {
    return counters_.add(HostCounter::IcmpErrorAboutGroup);
  }
  if (addresses_.is_broadcast(receiver) || addresses_.is_ours(complaint.port, receiver)) {
    return counters_.add(HostCounter::IcmpErrorBadSource);
  }
  // RFC 4443 2.2 (a), RFC 1122 3.2.1.3: who talks to one of our addresses is answered from it.
  auto source = addresses_.is_ours(complaint.port, destination)
                    ? std::optional(destination)
                    : addresses_.source_for(complaint.port, receiver);
  if (!source) return counters_.add(HostCounter::IcmpErrorNoAddress);

  const auto room = std::span(scratch_).subspan(sizeof(EthernetHeader));
  const auto outcome =
      errors_.build({complaint.kind, complaint.packet, *source, complaint.mtu}, room, now);
  if (outcome.counter != HostCounter::IcmpErrorSent) return counters_.add(outcome.counter);
  const bool sent =
      send_packet(complaint.port, complaint.arrival, complaint.from, room.first(outcome.length));
  counters_.add(sent ? HostCounter::IcmpErrorSent : HostCounter::IcmpErrorNotSent);
}

// Sends the packet that stands in scratch_ behind the room for an Ethernet header. One to a
// link-local address stays on its link and goes to the station it answers; all others are routed.
bool HostStack::send_packet(base::PortIndex port, Arrival arrival,
                            const std::optional<net::MacAddress>& to,
                            std::span<const std::byte> packet) {
  const auto destination = ip_endpoints(packet, family_of(packet)).destination;
  if (!destination.is_v6() || !destination.is_link_local()) {
    return io_.inject_l3(port, arrival, packet);
  }
  if (!to) return false;
  const auto frame = std::span(scratch_).first(sizeof(EthernetHeader) + packet.size());
  auto* ethernet = base::view_as<EthernetHeader>(frame);
  ethernet->destination = *to;
  ethernet->source = addresses_.port(port).mac;
  ethernet->ether_type = base::be16(net::kEtherTypeIpv6);
  return io_.transmit(port, frame);
}

void HostStack::on_unreachable(void* handle, base::TimePoint now) noexcept {
  const auto held = io_.held_view(handle);
  if (held.packet.empty() || !addresses_.has(held.in_port)) return;
  Complaint complaint;
  complaint.kind = IcmpErrorKind::HostUnreachable;
  complaint.port = held.in_port;
  complaint.arrival = held.arrival;
  complaint.packet = held.packet;
  complain(complaint, now);
}

// ---- events of neighbors ------------------------------------------------------------------------

HostCounter HostStack::on_conflict(base::PortIndex port, const net::IpAddress& address,
                                   const net::MacAddress& mac, base::TimePoint now) {
  if (log_rate_.take(now)) {
    base::log_warn("control", "another host uses our address port=" + addresses_.port(port).name +
                                  " address=" + to_string(address) + " mac=" + to_string(mac));
  }
  auto& link = links_[port.value()];
  if (now >= link.defend_after) {
    // RFC 5227 2.4 (c): a router keeps its address and says so, but seldom enough that two hosts
    // that both defend do not flood the link.
    link.defend_after = now + kDefendInterval;
    if (address.is_v4()) {
      announce_arp(port, address);
    } else {
      announce_ndp(port, address);
    }
  }
  return HostCounter::AddressConflict;
}

void HostStack::on_moved(const NeighborKey& key, const net::MacAddress& from,
                         const net::MacAddress& to, base::TimePoint now) noexcept {
  if (!log_rate_.take(now)) return;
  base::log_info("control",
                 "neighbor changed its MAC address port=" + addresses_.port(key.port).name +
                     " address=" + to_string(key.address) + " from=" + to_string(from) +
                     " to=" + to_string(to));
}

// A gateway changes at most every few seconds, by its own timers: no rate limit.
void HostStack::on_gateway(const NeighborKey& key, bool reachable) noexcept {
  const auto which =
      " port=" + addresses_.port(key.port).name + " address=" + to_string(key.address);
  if (reachable) {
    base::log_info("control", "gateway is reachable" + which);
  } else {
    base::log_warn("control", "gateway does not answer" + which);
  }
}

void HostStack::on_solicit(const NeighborKey& key, const net::MacAddress* unicast_to) noexcept {
  const bool sent =
      key.address.is_v4() ? solicit_arp(key, unicast_to) : solicit_ndp(key, unicast_to);
  counters_.add(sent ? HostCounter::SolicitationSent : HostCounter::SolicitationNotSent);
}

}  // namespace phalanx::control
