// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "phalanx/base/endian.hpp"
#include "phalanx/net/address.hpp"
#include "phalanx/net/packet_parser.hpp"

namespace phalanx::net {

// RFC 792; RFC 4443 2.1
// |     Type      |     Code      |           Checksum            |
// |       by type: identifier and sequence, MTU, or unused        |
struct IcmpHeader {
  std::uint8_t type;
  std::uint8_t code;
  base::be16 checksum;
  base::be16 word_high;  // echo: identifier. ICMPv6 Packet Too Big: MTU, upper half
  base::be16 word_low;   // echo: sequence number. Otherwise: MTU
  // followed by: echo data, or as much of the offending packet as fits
};
static_assert(sizeof(IcmpHeader) == 8 && alignof(IcmpHeader) == 1);

// IANA "ICMP Type Numbers".
inline constexpr std::uint8_t kIcmpEchoReply = 0;
inline constexpr std::uint8_t kIcmpUnreachable = 3;
inline constexpr std::uint8_t kIcmpSourceQuench = 4;
inline constexpr std::uint8_t kIcmpRedirect = 5;
inline constexpr std::uint8_t kIcmpEchoRequest = 8;
inline constexpr std::uint8_t kIcmpTimeExceeded = 11;
inline constexpr std::uint8_t kIcmpParameterProblem = 12;
// Codes of kIcmpUnreachable.
inline constexpr std::uint8_t kIcmpNetUnreachable = 0;
inline constexpr std::uint8_t kIcmpHostUnreachable = 1;
inline constexpr std::uint8_t kIcmpProtocolUnreachable = 2;
inline constexpr std::uint8_t kIcmpPortUnreachable = 3;
inline constexpr std::uint8_t kIcmpFragmentationNeeded = 4;  // RFC 1191 4: next-hop MTU
inline constexpr std::uint8_t kIcmpAdminProhibited = 13;     // RFC 1812 5.2.7.1

// IANA "ICMPv6 Type Numbers". Types below 128 are errors.
inline constexpr std::uint8_t kIcmpv6Unreachable = 1;
inline constexpr std::uint8_t kIcmpv6PacketTooBig = 2;
inline constexpr std::uint8_t kIcmpv6TimeExceeded = 3;
inline constexpr std::uint8_t kIcmpv6ParameterProblem = 4;
inline constexpr std::uint8_t kIcmpv6EchoRequest = 128;
inline constexpr std::uint8_t kIcmpv6EchoReply = 129;
inline constexpr std::uint8_t kIcmpv6RouterSolicitation = 133;
inline constexpr std::uint8_t kIcmpv6RouterAdvertisement = 134;
inline constexpr std::uint8_t kIcmpv6NeighborSolicitation = 135;
inline constexpr std::uint8_t kIcmpv6NeighborAdvertisement = 136;
inline constexpr std::uint8_t kIcmpv6Redirect = 137;
// Codes of kIcmpv6Unreachable.
inline constexpr std::uint8_t kIcmpv6NoRoute = 0;
inline constexpr std::uint8_t kIcmpv6AdminProhibited = 1;
inline constexpr std::uint8_t kIcmpv6AddressUnreachable = 3;
inline constexpr std::uint8_t kIcmpv6PortUnreachable = 4;
// Code of kIcmpv6ParameterProblem.
inline constexpr std::uint8_t kIcmpv6UnrecognizedNextHeader = 1;

// Whether an ICMP message of this type reports an error. RFC 1122 3.2.2: no error about an error;
// what is neither query nor reply of IPv4 counts as one.
[[nodiscard]] bool is_icmp_error(Family family, std::uint8_t type) noexcept;

// The identifier (host order) of an echo request or reply of either ICMP: what both directions of
// an exchange share. nullopt for other messages, later fragments, and what is cut before the
// identifier. `ip`: first byte of the packet that parse_ip_packet found good.
[[nodiscard]] inline std::optional<std::uint16_t> echo_identifier(const IpView& view,
                                                                  const std::uint8_t* ip) noexcept {
  const bool v4 = view.protocol == kProtoIcmp && view.version == 4;
  const bool v6 = view.protocol == kProtoIcmpv6 && view.version == 6;
  if ((!v4 && !v6) || !view.first_fragment) return std::nullopt;
  constexpr int kThroughIdentifier = offsetof(IcmpHeader, word_low);
  if (view.total_length - view.l4_offset < kThroughIdentifier) return std::nullopt;
  const auto* message = ip + view.l4_offset;
  const auto type = *message;
  const bool echo = v4 ? type == kIcmpEchoRequest || type == kIcmpEchoReply
                       : type == kIcmpv6EchoRequest || type == kIcmpv6EchoReply;
  if (!echo) return std::nullopt;
  return base::wire_at<base::be16>(message + offsetof(IcmpHeader, word_high))->host();
}

// An ICMP error as it goes out.
struct IcmpError {
  IpAddress source;
  IpAddress destination;  // same family
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint32_t word = 0;  // MTU or pointer, in the place its type gives it
};
// RFC 1812 4.3.2.3: at most 576 bytes in all. RFC 4443 2.4 (c): the minimum MTU, 1280.
inline constexpr std::size_t kMaxIcmpv4ErrorBytes = 576;
inline constexpr std::size_t kMaxIcmpv6ErrorBytes = 1280;
// TTL and hop limit of what we originate.
inline constexpr std::uint8_t kDefaultTtl = 64;

// Writes IP header, ICMP header and as much of `offending` as the limits allow. `out` must hold
// the limit of its family. Returns the length.
[[nodiscard]] std::size_t write_icmp_error(const IcmpError& error,
                                           std::span<const std::byte> offending,
                                           std::span<std::byte> out) noexcept;

// An echo reply as it goes out.
struct EchoReply {
  IpAddress source;
  IpAddress destination;  // same family
  std::uint8_t traffic_class = 0;
  std::uint16_t identification = 0;  // IPv4: it may be fragmented on the way, so not twice the same
};

// Answers `request`, a checked echo request (ICMP header and data). Returns the length; 0 when
// `out` is too small.
[[nodiscard]] std::size_t write_echo_reply(const EchoReply& reply,
                                           std::span<const std::byte> request,
                                           std::span<std::byte> out) noexcept;

// Whether the checksum of a whole ICMP message is right; ICMPv6 covers a pseudo header.
[[nodiscard]] bool icmp_checksum_ok(const IpAddress& source, const IpAddress& destination,
                                    std::span<const std::byte> message) noexcept;

}  // namespace phalanx::net
