// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/net/icmp.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "phalanx/base/bytes.hpp"
#include "phalanx/net/checksum.hpp"
#include "phalanx/net/ip.hpp"

namespace phalanx::net {
namespace {

// RFC 1812 4.3.2.5: ICMP errors go out with precedence 6 (internetwork control), like routing
// traffic, so that they arrive where it is congested.
constexpr std::uint8_t kErrorTrafficClass = 0xc0;
constexpr std::uint32_t kVersion6 = 6U << 28;

struct Envelope {
  IpAddress source;
  IpAddress destination;
  std::uint8_t traffic_class = 0;
  std::uint16_t identification = 0;
  std::uint16_t fragment = Ipv4Header::kDontFragment;
};

constexpr std::size_t ip_header_bytes(Family family) noexcept {
  return family == Family::V4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
}

// RFC 4443 2.3: only ICMPv6 covers a pseudo header.
std::uint32_t initial_sum(const IpAddress& source, const IpAddress& destination,
                          std::size_t length) noexcept {
  if (source.is_v4()) return 0;
  return pseudo_header_sum(source, destination, kProtoIcmpv6, static_cast<std::uint32_t>(length));
}

// Puts the IP header before an ICMP message of `length` bytes that stands in place in `out`.
void write_ip_header(const Envelope& envelope, std::size_t length,
                     std::span<std::byte> out) noexcept {
  if (envelope.source.is_v4()) {
    auto* ip = base::view_as<Ipv4Header>(out);
    ip->version_ihl = 0x45;
    ip->type_of_service = envelope.traffic_class;
    ip->total_length = base::be16(static_cast<std::uint16_t>(sizeof(Ipv4Header) + length));
    ip->identification = base::be16(envelope.identification);
    ip->fragment = base::be16(envelope.fragment);
    ip->ttl = kDefaultTtl;
    ip->protocol = kProtoIcmp;
    ip->checksum = base::be16(0);
    std::memcpy(ip->source.data(), envelope.source.bytes.data(), ip->source.size());
    std::memcpy(ip->destination.data(), envelope.destination.bytes.data(), ip->destination.size());
    ip->checksum = base::be16(checksum(out.first(sizeof(Ipv4Header))));
    return;
  }
  auto* ip = base::view_as<Ipv6Header>(out);
  ip->version_class_flow = base::be32(kVersion6 | std::uint32_t{envelope.traffic_class} << 20);
  ip->payload_length = base::be16(static_cast<std::uint16_t>(length));
  ip->next_header = kProtoIcmpv6;
  ip->hop_limit = kDefaultTtl;
  ip->source = envelope.source.bytes;
  ip->destination = envelope.destination.bytes;
}

// Writes a packet with `header` and `body` behind the IP header. The caller has checked the room.
std::size_t write_icmp(const Envelope& envelope, IcmpHeader header, std::span<const std::byte> body,
                       std::span<std::byte> out) noexcept {
  const auto ip_bytes = ip_header_bytes(envelope.source.family);
  const auto length = sizeof(IcmpHeader) + body.size();
  const auto message = out.subspan(ip_bytes, length);
  header.checksum = base::be16(0);
  std::memcpy(message.data(), &header, sizeof(header));
  if (!body.empty()) std::memcpy(message.data() + sizeof(header), body.data(), body.size());
  const auto sum =
      checksum_add(initial_sum(envelope.source, envelope.destination, length), message);
  base::view_as<IcmpHeader>(message)->checksum = base::be16(checksum_finish(sum));
  write_ip_header(envelope, length, out);
  return ip_bytes + length;
}

}  // namespace

bool is_icmp_error(Family family, std::uint8_t type) noexcept {
  if (family == Family::V6) return type < 128;  // RFC 4443 2.1
  // RFC 1812 4.3.2.7 names the queries and replies; unknown types are treated as errors, so that
  // two routers can never answer each other for ever.
  switch (type) {
    case kIcmpEchoReply:
    case kIcmpEchoRequest:
    case 9:   // router advertisement
    case 10:  // router solicitation
    case 13:  // timestamp
    case 14:
    case 15:  // information
    case 16:
    case 17:  // address mask
    case 18: return false;
    default: return true;
  }
}

std::size_t write_icmp_error(const IcmpError& error, std::span<const std::byte> offending,
                             std::span<std::byte> out) noexcept {
  const auto family = error.source.family;
  const auto limit = family == Family::V4 ? kMaxIcmpv4ErrorBytes : kMaxIcmpv6ErrorBytes;
  assert(out.size() >= limit && error.destination.family == family);
  const auto room = limit - ip_header_bytes(family) - sizeof(IcmpHeader);

  IcmpHeader header{};
  header.type = error.type;
  header.code = error.code;
  header.word_high = base::be16(static_cast<std::uint16_t>(error.word >> 16));
  header.word_low = base::be16(static_cast<std::uint16_t>(error.word));
  // RFC 6864 4: a datagram that is never fragmented needs no identification.
  Envelope envelope{error.source, error.destination};
  if (family == Family::V4) envelope.traffic_class = kErrorTrafficClass;
  return write_icmp(envelope, header, offending.first(std::min(offending.size(), room)), out);
}

std::size_t write_echo_reply(const EchoReply& reply, std::span<const std::byte> request,
                             std::span<std::byte> out) noexcept {
  const auto* asked = base::view_as<IcmpHeader>(request);
  const auto family = reply.source.family;
  assert(asked != nullptr && reply.destination.family == family);
  if (out.size() < ip_header_bytes(family) + request.size()) return 0;
  auto header = *asked;
  header.type = family == Family::V4 ? kIcmpEchoReply : kIcmpv6EchoReply;
  header.code = 0;
  const Envelope envelope{reply.source, reply.destination, reply.traffic_class,
                          reply.identification, 0};
  return write_icmp(envelope, header, request.subspan(sizeof(IcmpHeader)), out);
}

bool icmp_checksum_ok(const IpAddress& source, const IpAddress& destination,
                      std::span<const std::byte> message) noexcept {
  const auto initial = initial_sum(source, destination, message.size());
  return checksum_finish(checksum_add(initial, message)) == 0;
}

}  // namespace phalanx::net
