// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/icmp_errors.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "ip_endpoints.hpp"
#include "phalanx/net/icmp.hpp"
#include "phalanx/net/ip.hpp"
#include "phalanx/net/packet_parser.hpp"

namespace phalanx::control {
namespace {

constexpr std::size_t kReceiverBuckets = 1024;
// One receiver may take a tenth of the rate; a short burst is what traceroute needs.
constexpr std::uint32_t kReceiverShare = 10;
constexpr std::uint32_t kMinBurst = 10;

struct TypeAndCode {
  std::uint8_t type;
  std::uint8_t code;
};

constexpr TypeAndCode type_and_code(IcmpErrorKind kind, bool v4) noexcept {
  using namespace net;
  switch (kind) {
    case IcmpErrorKind::TimeExceeded:
      return v4 ? TypeAndCode{kIcmpTimeExceeded, 0} : TypeAndCode{kIcmpv6TimeExceeded, 0};
    case IcmpErrorKind::PacketTooBig:
      return v4 ? TypeAndCode{kIcmpUnreachable, kIcmpFragmentationNeeded}
                : TypeAndCode{kIcmpv6PacketTooBig, 0};
    case IcmpErrorKind::NoRoute:
      return v4 ? TypeAndCode{kIcmpUnreachable, kIcmpNetUnreachable}
                : TypeAndCode{kIcmpv6Unreachable, kIcmpv6NoRoute};
    case IcmpErrorKind::AdminProhibited:
      return v4 ? TypeAndCode{kIcmpUnreachable, kIcmpAdminProhibited}
                : TypeAndCode{kIcmpv6Unreachable, kIcmpv6AdminProhibited};
    case IcmpErrorKind::HostUnreachable:
      return v4 ? TypeAndCode{kIcmpUnreachable, kIcmpHostUnreachable}
                : TypeAndCode{kIcmpv6Unreachable, kIcmpv6AddressUnreachable};
    case IcmpErrorKind::ProtocolUnreachable:
      return v4 ? TypeAndCode{kIcmpUnreachable, kIcmpProtocolUnreachable}
                : TypeAndCode{kIcmpv6ParameterProblem, kIcmpv6UnrecognizedNextHeader};
    case IcmpErrorKind::PortUnreachable:
      return v4 ? TypeAndCode{kIcmpUnreachable, kIcmpPortUnreachable}
                : TypeAndCode{kIcmpv6Unreachable, kIcmpv6PortUnreachable};
  }
  return {kIcmpUnreachable, kIcmpNetUnreachable};
}

// Offset of the Next Header field that names the upper-layer protocol (RFC 4443 3.4). The packet
// has been parsed: its extension headers are whole.
std::uint32_t next_header_pointer(std::span<const std::byte> packet,
                                  std::size_t l4_offset) noexcept {
  std::size_t pointer = offsetof(net::Ipv6Header, next_header);
  std::size_t at = sizeof(net::Ipv6Header);
  auto type = std::to_integer<std::uint8_t>(packet[pointer]);
  while (at < l4_offset) {
    const auto units = std::to_integer<std::size_t>(packet[at + 1]);
    pointer = at;
    at += type == net::kProtoFragment ? 8 : (units + 1) * 8;
    type = std::to_integer<std::uint8_t>(packet[pointer]);
  }
  return static_cast<std::uint32_t>(pointer);
}

// RFC 1812 4.3.2.7, RFC 4443 2.4 (e): whom no error may be sent to.
bool is_single_sender(const net::IpAddress& source) noexcept {
  if (source.is_unspecified() || source.is_multicast() || source.is_loopback()) return false;
  // 240.0.0.0/4, the limited broadcast with it, is no host's.
  return source.is_v6() || (source.v4_host_order() >> 28) != 0xf;
}

// An ICMP error, or a packet too short to tell.
bool is_about_error(std::span<const std::byte> packet, const net::IpView& view) noexcept {
  const auto family = view.version == 4 ? net::Family::V4 : net::Family::V6;
  const auto icmp = view.version == 4 ? net::kProtoIcmp : net::kProtoIcmpv6;
  if (view.protocol != icmp) return false;
  if (view.l4_offset >= view.total_length) return true;
  return net::is_icmp_error(family, std::to_integer<std::uint8_t>(packet[view.l4_offset]));
}

// splitmix64's finalizer: spreads receivers over the buckets.
constexpr std::uint64_t mix(std::uint64_t value) noexcept {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

std::uint32_t word_of(const IcmpErrorRequest& request, bool v4, const net::IpView& view) noexcept {
  if (request.kind == IcmpErrorKind::PacketTooBig) return request.mtu;
  if (request.kind == IcmpErrorKind::ProtocolUnreachable && !v4) {
    return next_header_pointer(request.packet, view.l4_offset);
  }
  return 0;
}

}  // namespace

IcmpErrors::IcmpErrors(std::uint32_t per_second, std::uint64_t seed)
    : all_(per_second, std::max(per_second / 10, kMinBurst)),
      by_receiver_(kReceiverBuckets,
                   TokenBucket(std::max(per_second / kReceiverShare, 1U), kMinBurst)),
      seed_(seed) {}

IcmpErrors::Outcome IcmpErrors::build(const IcmpErrorRequest& request, std::span<std::byte> out,
                                      base::TimePoint now) noexcept {
  assert(out.size() >= kMaxErrorBytes);
  const auto view = net::parse_ip_packet(request.packet);
  if (view.fault == net::IpFault::BadAddress) return {HostCounter::IcmpErrorBadSource};
  if (view.fault != net::IpFault::Ok) return {HostCounter::IcmpErrorMalformed};
  const bool v4 = view.version == 4;
  if (request.source.is_v4() != v4) return {HostCounter::IcmpErrorNoAddress};
  const auto packet = request.packet.first(view.total_length);
  if (!view.first_fragment) return {HostCounter::IcmpErrorAboutFragment};
  if (is_about_error(packet, view)) return {HostCounter::IcmpErrorAboutError};

  const auto [receiver, destination] = ip_endpoints(packet, request.source.family);
  if (!is_single_sender(receiver)) return {HostCounter::IcmpErrorBadSource};
  if (destination.is_multicast() || (v4 && destination.v4_host_order() == 0xffffffff)) {
    return {HostCounter::IcmpErrorAboutGroup};
  }
  if (!bucket_of(receiver).take(now)) return {HostCounter::IcmpErrorRateReceiver};
  if (!all_.take(now)) return {HostCounter::IcmpErrorRateAll};

  const auto [type, code] = type_and_code(request.kind, v4);
  const net::IcmpError error{request.source, receiver, type, code, word_of(request, v4, view)};
  return {HostCounter::IcmpErrorSent, net::write_icmp_error(error, packet, out)};
}

TokenBucket& IcmpErrors::bucket_of(const net::IpAddress& receiver) noexcept {
  // The first 8 bytes: an IPv6 host owns its whole /64.
  std::uint64_t prefix = 0;
  std::memcpy(&prefix, receiver.bytes.data(), sizeof(prefix));
  return by_receiver_[mix(mix(prefix ^ seed_) + receiver.size()) % kReceiverBuckets];
}

}  // namespace phalanx::control
