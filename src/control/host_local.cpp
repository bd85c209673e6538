// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/base/bytes.hpp"
#include "phalanx/control/host_stack.hpp"
#include "phalanx/net/ethernet.hpp"
#include "phalanx/net/icmp.hpp"
#include "phalanx/net/ip.hpp"
#include "phalanx/net/mld.hpp"

namespace phalanx::control {

HostCounter HostStack::on_icmp(const LocalPacket& packet, base::TimePoint now) {
  const auto family = packet.source.family;
  const auto message = packet.packet.subspan(packet.view.l4_offset);
  const auto* header = base::view_as<net::IcmpHeader>(message);
  if (header == nullptr) return HostCounter::IcmpMalformed;
  if (!net::icmp_checksum_ok(packet.source, packet.destination, message)) {
    return HostCounter::IcmpMalformed;
  }
  const bool discovery = family == net::Family::V6 &&
                         header->type >= net::kIcmpv6RouterSolicitation &&
                         header->type <= net::kIcmpv6Redirect;
  if (discovery) return on_ndp(packet, header->type, now);
  if (addresses_.is_ours(packet.port, packet.source)) return HostCounter::SourceIsOurs;
  if (family == net::Family::V6 && header->type == net::kMldQuery) {
    return on_mld_query(packet, now);
  }
  const auto request = family == net::Family::V4 ? net::kIcmpEchoRequest : net::kIcmpv6EchoRequest;
  if (header->type == request) return on_echo(packet, message);
  return net::is_icmp_error(family, header->type) ? HostCounter::IcmpErrorToUs
                                                  : HostCounter::IcmpNotSpoken;
}

HostCounter HostStack::on_echo(const LocalPacket& packet, std::span<const std::byte> message) {
  // RFC 1122 3.2.2.6 allows to ignore broadcast; so do we for multicast: nobody can use us to
  // multiply traffic.
  if (packet.to_group) return HostCounter::EchoToGroup;
  if (packet.source.is_unspecified() || addresses_.is_broadcast(packet.source)) {
    return HostCounter::BadPacket;
  }
  net::EchoReply reply;
  reply.source = packet.destination;
  reply.destination = packet.source;
  // RFC 1812 4.3.2.5: the type of service of the request, but congestion marks are not echoed.
  reply.traffic_class = static_cast<std::uint8_t>(packet.view.traffic_class & ~net::kEcnMask);
  reply.identification = next_identification_++;
  const auto room = std::span(scratch_).subspan(sizeof(net::EthernetHeader));
  const auto length = net::write_echo_reply(reply, message, room);
  if (length == 0) return HostCounter::EchoTooBig;
  const bool sent = send_packet(packet.port, packet.arrival, packet.from, room.first(length));
  return sent ? HostCounter::EchoAnswered : HostCounter::AnswerNotSent;
}

// What is addressed to us and nobody here speaks.
HostCounter HostStack::on_unspoken(const LocalPacket& packet, base::TimePoint now) {
  const auto& view = packet.view;
  if (packet.to_group) return HostCounter::GroupPacketIgnored;
  // Silent: an error would tell strangers which SPIs exist, and peers gain nothing by it.
  if (view.protocol == net::kProtoEsp || view.protocol == net::kProtoAh) {
    return HostCounter::EspToUs;
  }
  // RFC 8200 4.7: nothing follows, so there is nothing to complain about.
  if (view.protocol == net::kProtoNoNext) return HostCounter::ProtocolNotSpoken;
  Complaint complaint;
  complaint.kind =
      view.has_ports ? IcmpErrorKind::PortUnreachable : IcmpErrorKind::ProtocolUnreachable;
  complaint.port = packet.port;
  complaint.arrival = packet.arrival;
  complaint.packet = packet.packet;
  complaint.from = packet.from;
  complain(complaint, now);
  return view.has_ports ? HostCounter::PortNotOpen : HostCounter::ProtocolNotSpoken;
}

}  // namespace phalanx::control
