// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/host_stack.hpp"
#include "phalanx/net/icmp.hpp"

namespace phalanx::control {
namespace {

// What we say about one of our addresses. We forward, so R is set (RFC 4861 4.4).
net::NdpMessage advertisement(const net::IpAddress& target, const net::MacAddress& mac) {
  net::NdpMessage message;
  message.kind = net::NdpKind::Advertisement;
  message.source = target;
  message.destination = net::all_nodes();
  message.target = target;
  message.router = true;
  message.override_cache = true;
  message.link_layer = mac;
  return message;
}

}  // namespace

// Types 133 to 137; the caller has looked at the type.
HostCounter HostStack::on_ndp(const LocalPacket& packet, std::uint8_t type, base::TimePoint now) {
  if (type == net::kIcmpv6RouterSolicitation) return HostCounter::RouterSolicitation;
  if (type == net::kIcmpv6RouterAdvertisement) return HostCounter::RouterAdvertisement;
  if (type == net::kIcmpv6Redirect) return HostCounter::Redirect;
  // Nothing that came out of a tunnel can be of a neighbor on this link.
  if (!packet.from) return HostCounter::NdpMalformed;
  const auto message = net::parse_ndp(packet.packet);
  if (!message) return HostCounter::NdpMalformed;
  // In a cluster frames come from a node's own MAC, and name the one that all share.
  const auto& mac = addresses_.port(packet.port).mac;
  if (*packet.from == mac || message->link_layer == mac) return HostCounter::OwnFrame;
  return message->kind == net::NdpKind::Solicitation
             ? on_solicitation(packet.port, *packet.from, *message, now)
             : on_advertisement(packet.port, *packet.from, *message, now);
}

HostCounter HostStack::on_solicitation(base::PortIndex port, const net::MacAddress& from,
                                       const net::NdpMessage& message, base::TimePoint now) {
  if (addresses_.is_on_port(port, message.source)) {
    return on_conflict(port, message.source, from, now);
  }
  if (!addresses_.is_on_port(port, message.target)) return HostCounter::NdpNotForUs;

  const auto mac = addresses_.port(port).mac;
  auto reply = advertisement(message.target, mac);
  auto destination_mac = net::multicast_mac(reply.destination);
  if (!message.source.is_unspecified()) {
    // RFC 4861 7.2.3: the sender's address is learnt, as it will be sent the answer.
    const auto sender_mac = message.link_layer.value_or(from);
    if (message.link_layer && addresses_.is_on_link(port, message.source)) {
      neighbors_.learn({port, message.source}, sender_mac, now);
    }
    if (answers_ && !answers_(message.source, message.target)) return HostCounter::LeftToOthers;
    reply.destination = message.source;
    reply.solicited = true;
    destination_mac = sender_mac;
  }
  // RFC 4861 7.2.4: to an unspecified source, which probes for a duplicate, the answer goes to all
  // nodes, and S is clear.
  const auto frame = net::write_ndp_frame(mac, destination_mac, reply);
  const bool sent = io_.transmit(port, frame.span());
  return sent ? HostCounter::SolicitationAnswered : HostCounter::AnswerNotSent;
}

HostCounter HostStack::on_advertisement(base::PortIndex port, const net::MacAddress& from,
                                        const net::NdpMessage& message, base::TimePoint now) {
  if (addresses_.is_on_port(port, message.target)) {
    return on_conflict(port, message.target, message.link_layer.value_or(from), now);
  }
  const NeighborNews news{message.link_layer, message.solicited, message.override_cache};
  const bool known = neighbors_.update({port, message.target}, news, now);
  return known ? HostCounter::AdvertisementUsed : HostCounter::NdpNotForUs;
}

// RFC 4861 7.2.6
void HostStack::announce_ndp(base::PortIndex port, const net::IpAddress& address) {
  const auto mac = addresses_.port(port).mac;
  const auto message = advertisement(address, mac);
  const auto frame = net::write_ndp_frame(mac, net::multicast_mac(message.destination), message);
  if (io_.transmit(port, frame.span())) counters_.add(HostCounter::AnnouncementSent);
}

// RFC 4861 7.2.2: to the solicited-node group, or (7.3.3) to the neighbor that is probed.
bool HostStack::solicit_ndp(const NeighborKey& key, const net::MacAddress* unicast_to) {
  const auto source = addresses_.source_for(key.port, key.address);
  const auto mac = addresses_.port(key.port).mac;
  net::NdpMessage message;
  message.kind = net::NdpKind::Solicitation;
  message.source = source.value_or(addresses_.link_local(key.port));
  message.destination = unicast_to != nullptr ? key.address : net::solicited_node(key.address);
  message.target = key.address;
  message.link_layer = mac;
  const auto destination =
      unicast_to != nullptr ? *unicast_to : net::multicast_mac(message.destination);
  return io_.transmit(key.port, net::write_ndp_frame(mac, destination, message).span());
}

}  // namespace phalanx::control
