// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstdint>

#include "phalanx/base/endian.hpp"

namespace phalanx::net {

// Protocol numbers, IANA "Assigned Internet Protocol Numbers".
inline constexpr std::uint8_t kProtoHopByHop = 0;
inline constexpr std::uint8_t kProtoIcmp = 1;
inline constexpr std::uint8_t kProtoIpv4 = 4;
inline constexpr std::uint8_t kProtoTcp = 6;
inline constexpr std::uint8_t kProtoUdp = 17;
inline constexpr std::uint8_t kProtoIpv6 = 41;
inline constexpr std::uint8_t kProtoRouting = 43;
inline constexpr std::uint8_t kProtoFragment = 44;
inline constexpr std::uint8_t kProtoEsp = 50;
inline constexpr std::uint8_t kProtoAh = 51;
inline constexpr std::uint8_t kProtoIcmpv6 = 58;
inline constexpr std::uint8_t kProtoNoNext = 59;
inline constexpr std::uint8_t kProtoDestOptions = 60;
inline constexpr std::uint8_t kProtoSctp = 132;

// RFC 791 3.1
//  0                   1                   2                   3
// |Version|  IHL  |Type of Service|          Total Length         |
// |         Identification        |Flags|      Fragment Offset    |
// |  Time to Live |    Protocol   |         Header Checksum       |
// |                       Source Address                          |
// |                    Destination Address                        |
struct Ipv4Header {
  std::uint8_t version_ihl;
  std::uint8_t type_of_service;
  base::be16 total_length;
  base::be16 identification;
  base::be16 fragment;
  std::uint8_t ttl;
  std::uint8_t protocol;
  base::be16 checksum;
  std::array<std::uint8_t, 4> source;
  std::array<std::uint8_t, 4> destination;
  // followed by: options up to IHL words

  static constexpr std::uint16_t kDontFragment = 0x4000;
  static constexpr std::uint16_t kMoreFragments = 0x2000;
  static constexpr std::uint16_t kOffsetMask = 0x1fff;
};
static_assert(sizeof(Ipv4Header) == 20 && alignof(Ipv4Header) == 1);

// RFC 8200 3
// |Version| Traffic Class |           Flow Label                  |
// |         Payload Length        |  Next Header  |   Hop Limit   |
// |                  Source Address (128 bits)                    |
// |               Destination Address (128 bits)                  |
struct Ipv6Header {
  base::be32 version_class_flow;
  base::be16 payload_length;
  std::uint8_t next_header;
  std::uint8_t hop_limit;
  std::array<std::uint8_t, 16> source;
  std::array<std::uint8_t, 16> destination;

  [[nodiscard]] std::uint8_t traffic_class() const noexcept {
    return static_cast<std::uint8_t>(version_class_flow.host() >> 20);
  }
};
static_assert(sizeof(Ipv6Header) == 40 && alignof(Ipv6Header) == 1);

// RFC 768; the ports stand first in TCP (RFC 9293) and SCTP (RFC 9260) too.
struct UdpHeader {
  base::be16 source_port;
  base::be16 destination_port;
  base::be16 length;
  base::be16 checksum;
};
static_assert(sizeof(UdpHeader) == 8 && alignof(UdpHeader) == 1);

// RFC 4303 2
// |               Security Parameters Index (SPI)                 |
// |                      Sequence Number                          |
// |                    IV, payload, trailer, ICV                  |
struct EspHeader {
  base::be32 spi;
  base::be32 sequence;
  // followed by: IV (8 or 16), ciphertext, ICV
};
static_assert(sizeof(EspHeader) == 8 && alignof(EspHeader) == 1);

// Explicit Congestion Notification field, RFC 3168 5: low two bits of TOS / traffic class.
inline constexpr std::uint8_t kEcnMask = 0x03;
inline constexpr std::uint8_t kEcnNotEct = 0x00;
inline constexpr std::uint8_t kEcnEct1 = 0x01;
inline constexpr std::uint8_t kEcnEct0 = 0x02;
inline constexpr std::uint8_t kEcnCe = 0x03;

}  // namespace phalanx::net
