// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/host_stack.hpp"

namespace phalanx::control {
namespace {

constexpr net::MacAddress kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

}  // namespace

HostCounter HostStack::on_arp(base::PortIndex port, std::span<const std::byte> body,
                              base::TimePoint now) {
  const auto message = net::parse_arp(body);
  if (!message) return HostCounter::ArpMalformed;
  const auto& own = addresses_.port(port);
  if (message->sender_mac == own.mac) return HostCounter::OwnFrame;
  if (addresses_.is_on_port(port, message->sender) &&
      message->sender_mac == addresses_.mac_of(port, message->sender)) {
    return HostCounter::OwnFrame;
  }
  if (addresses_.is_on_port(port, message->sender)) {
    return on_conflict(port, message->sender, message->sender_mac, now);
  }
  if (message->operation == net::ArpOperation::Request &&
      addresses_.is_on_port(port, message->target)) {
    return on_arp_request(port, *message, now);
  }
  // RFC 826, "merge": whoever speaks, an entry that exists is brought up to date. Only a reply to
  // us proves that the neighbor hears us; gratuitous ones and others' requests do not.
  const bool reply_to_us = message->operation == net::ArpOperation::Reply &&
                           message->target_mac == own.mac &&
                           addresses_.is_on_port(port, message->target);
  const NeighborNews news{.mac = message->sender_mac, .solicited = reply_to_us};
  if (!neighbors_.update({port, message->sender}, news, now)) return HostCounter::ArpNotForUs;
  return reply_to_us ? HostCounter::ArpReplyUsed : HostCounter::ArpSeen;
}

HostCounter HostStack::on_arp_request(base::PortIndex port, const net::ArpMessage& message,
                                      base::TimePoint now) {
  // RFC 826: who asks will be spoken to. Probes (RFC 5227 2.1.1) have no sender yet.
  const NeighborKey sender{port, message.sender};
  if (addresses_.is_on_link(port, message.sender)) {
    neighbors_.learn(sender, message.sender_mac, now);
  } else if (!message.sender.is_unspecified()) {
    static_cast<void>(neighbors_.update(sender, {.mac = message.sender_mac}, now));
  }
  if (answers_ && !answers_(message.sender, message.target)) return HostCounter::LeftToOthers;
  net::ArpMessage reply;
  reply.operation = net::ArpOperation::Reply;
  reply.sender_mac = addresses_.mac_of(port, message.target);
  reply.sender = message.target;
  reply.target_mac = message.sender_mac;
  reply.target = message.sender;
  const bool sent = io_.transmit(port, net::write_arp_frame(message.sender_mac, reply));
  return sent ? HostCounter::ArpRequestAnswered : HostCounter::AnswerNotSent;
}

// RFC 5227 2.3: a request whose sender and target are both the announced address.
void HostStack::announce_arp(base::PortIndex port, const net::IpAddress& address) {
  net::ArpMessage message;
  message.sender_mac = addresses_.mac_of(port, address);
  message.sender = address;
  message.target = address;
  if (io_.transmit(port, net::write_arp_frame(kBroadcast, message))) {
    counters_.add(HostCounter::AnnouncementSent);
  }
}

// RFC 826; to a known MAC it is the unicast poll of RFC 1122 2.3.2.1 (2).
bool HostStack::solicit_arp(const NeighborKey& key, const net::MacAddress* unicast_to) {
  const auto source = addresses_.source_for(key.port, key.address);
  if (!source) return false;
  net::ArpMessage message;
  message.sender_mac = addresses_.port(key.port).mac;
  message.sender = *source;
  message.target = key.address;
  const auto destination = unicast_to != nullptr ? *unicast_to : kBroadcast;
  return io_.transmit(key.port, net::write_arp_frame(destination, message));
}

}  // namespace phalanx::control
