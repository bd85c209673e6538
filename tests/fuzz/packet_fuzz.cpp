// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
// modules: net
//
// Input: an Ethernet frame. What follows its header, tagged or not, is parsed as an IP packet and
// as what the control thread answers: ARP, neighbor discovery, echo, packets that earn an ICMP
// error. So is the whole input, which spares the fuzzer from finding EtherTypes. What the parsers
// say is held against the bytes, and what the writers write is parsed again.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <vector>

#include "phalanx/base/bytes.hpp"
#include "phalanx/net/arp.hpp"
#include "phalanx/net/checksum.hpp"
#include "phalanx/net/ethernet.hpp"
#include "phalanx/net/icmp.hpp"
#include "phalanx/net/ndp.hpp"
#include "phalanx/net/packet_parser.hpp"

namespace {

using phalanx::base::view_as;
using namespace phalanx::net;
using Bytes = std::span<const std::byte>;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_ip(Bytes bytes) {
  const auto view = parse_ip_packet(bytes);
  require(view == detail::parse_any_ip_packet(bytes));
  if (view.fault != IpFault::Ok) {
    IpView empty;
    empty.fault = view.fault;
    require(view == empty);
    return;
  }
  require(view.version == 4 || view.version == 6);
  require(view.version == std::to_integer<unsigned>(bytes[0] >> 4));
  require(view.total_length <= bytes.size());
  require(view.l4_offset <= view.total_length);
  require(view.l4_offset >= (view.version == 4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header)));
  require(view.first_fragment || view.fragment);
  require(view.fragment || view.fragment_id == 0);
  if (view.has_ports) {
    require(carries_ports(view.protocol) && view.first_fragment);
    const auto* udp_ports = view_as<phalanx::base::be16>(bytes, view.l4_offset);
    require(udp_ports != nullptr && udp_ports->host() == view.source_port);
    require(view.l4_offset + 4U <= view.total_length);
  } else {
    require(view.source_port == 0 && view.destination_port == 0);
  }
  // Nothing behind the packet may matter, and nothing of it may be missing.
  require(parse_ip_packet(bytes.first(view.total_length)) == view);
  require(parse_ip_packet(bytes.first(view.total_length - 1U)).fault == IpFault::Truncated);
}

void check_arp(Bytes bytes) {
  const auto message = parse_arp(bytes);
  if (!message) return;
  const auto frame = write_arp_frame(message->sender_mac, *message);
  const auto again = parse_arp(Bytes(frame).subspan(sizeof(EthernetHeader)));
  require(again && again->operation == message->operation);
  require(again->sender == message->sender && again->target == message->target);
  require(again->sender_mac == message->sender_mac && again->target_mac == message->target_mac);
}

bool same(const NdpMessage& a, const NdpMessage& b) {
  return a.kind == b.kind && a.source == b.source && a.destination == b.destination &&
         a.target == b.target && a.router == b.router && a.solicited == b.solicited &&
         a.override_cache == b.override_cache && a.link_layer == b.link_layer;
}

void check_ndp(Bytes packet) {
  const auto message = parse_ndp(packet);
  if (!message) return;
  const auto frame = write_ndp_frame(MacAddress{}, MacAddress{}, *message);
  const auto again = parse_ndp(frame.span().subspan(sizeof(EthernetHeader)));
  require(again.ok() && same(*again, *message));
}

// A fuzzer does not find checksums; give it the right one.
void check_ndp_with_checksum(Bytes bytes) {
  const auto view = parse_ip_packet(bytes);
  if (view.fault != IpFault::Ok || view.version != 6 || view.protocol != kProtoIcmpv6) return;
  std::vector<std::byte> packet(bytes.begin(), bytes.begin() + view.total_length);
  const auto message = std::span(packet).subspan(view.l4_offset);
  auto* icmp = view_as<IcmpHeader>(message);
  if (icmp == nullptr) return;
  const auto* header = view_as<Ipv6Header>(std::span(packet));
  icmp->checksum = {};
  const auto sum = pseudo_header_sum(IpAddress::v6_from(header->source.data()),
                                     IpAddress::v6_from(header->destination.data()), kProtoIcmpv6,
                                     static_cast<std::uint32_t>(message.size()));
  icmp->checksum = phalanx::base::be16(checksum_finish(checksum_add(sum, message)));
  check_ndp(packet);
}

// The answers that a well-formed packet may get must be well-formed themselves.
void check_answers(Bytes bytes) {
  const auto view = parse_ip_packet(bytes);
  if (view.fault != IpFault::Ok) return;
  const auto packet = bytes.first(view.total_length);
  const bool v4 = view.version == 4;
  const auto here = *parse_ip(v4 ? "192.0.2.1" : "2001:db8::1");
  const auto there = *parse_ip(v4 ? "198.51.100.2" : "2001:db8::2");
  std::vector<std::byte> out(kMaxIcmpv6ErrorBytes);
  const std::uint8_t type = v4 ? kIcmpTimeExceeded : kIcmpv6TimeExceeded;
  const auto length = write_icmp_error({here, there, type, 0, 0}, packet, out);
  require(length <= (v4 ? kMaxIcmpv4ErrorBytes : kMaxIcmpv6ErrorBytes));
  const auto error = parse_ip_packet(Bytes(out).first(length));
  require(error.fault == IpFault::Ok && error.total_length == length);
  require(icmp_checksum_ok(here, there, Bytes(out).first(length).subspan(error.l4_offset)));

  const auto message = packet.subspan(view.l4_offset);
  if (message.size() < sizeof(IcmpHeader)) return;
  out.resize(sizeof(Ipv6Header) + message.size());
  const auto reply_length = write_echo_reply({here, there, 0, 0}, message, out);
  const auto reply = parse_ip_packet(Bytes(out).first(reply_length));
  require(reply.fault == IpFault::Ok && reply.total_length == reply_length);
}

void check_all(Bytes bytes) {
  check_ip(bytes);
  check_arp(bytes);
  check_ndp(bytes);
  check_ndp_with_checksum(bytes);
  check_answers(bytes);
}

void check_frame(Bytes frame) {
  const auto* ethernet = view_as<EthernetHeader>(frame);
  if (ethernet == nullptr) return;
  std::size_t at = sizeof(EthernetHeader);
  auto ether_type = ethernet->ether_type.host();
  while (ether_type == kEtherTypeVlan) {
    const auto* tag = view_as<VlanTag>(frame, at);
    if (tag == nullptr) return;
    at += sizeof(VlanTag);
    ether_type = tag->ether_type.host();
  }
  check_all(frame.subspan(at));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  check_all(bytes);
  check_frame(bytes);
  return 0;
}
