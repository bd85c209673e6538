// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "phalanx/base/bytes.hpp"
#include "phalanx/net/ip.hpp"

namespace phalanx::net {

// Why an IP packet is refused. Ok is 0.
enum class IpFault : std::uint8_t {
  Ok,
  Truncated,       // fewer bytes than the headers say
  BadVersion,      // neither 4 nor 6, or not what the EtherType promised
  BadHeader,       // IHL < 5, or a length smaller than the header
  BadChecksum,     // IPv4 header checksum
  TooManyHeaders,  // more IPv6 extension headers than we walk
  BadAddress,      // multicast or unspecified source, loopback on the wire (RFC 1122 3.2.1.3, RFC 4291)
};

// Where the parts of an IP packet are. Offsets count from the first byte of the IP header. Valid
// only when fault is Ok.
struct IpView {
  IpFault fault = IpFault::Ok;
  std::uint8_t version = 0;       // 4 or 6
  std::uint8_t protocol = 0;      // upper-layer protocol after IPv6 extension headers
  std::uint8_t traffic_class = 0; // DSCP and ECN
  std::uint8_t ttl = 0;           // TTL or hop limit
  bool fragment = false;          // any fragment, the first included
  bool first_fragment = true;     // offset 0: the upper-layer header is here
  bool dont_fragment = false;     // IPv4 DF; always true for IPv6
  bool has_ports = false;         // TCP, UDP, SCTP with the first four bytes present
  std::uint16_t total_length = 0; // header and payload; link-layer padding excluded
  std::uint16_t l4_offset = 0;    // first byte after all IP headers
  std::uint16_t source_port = 0;  // host order; 0 without has_ports. ICMP and ICMPv6: 0
  std::uint16_t destination_port = 0;
  bool ipv4_options = false;      // IHL > 5
  bool hop_by_hop = false;        // IPv6 packet with a hop-by-hop header
};

// Most IPv6 extension headers that are walked before a packet is refused (RFC 8504 5.3 lets a node
// set such a limit).
inline constexpr int kMaxExtensionHeaders = 8;

// Parses the IP packet that starts at bytes[0]. Never reads past bytes. Pure; any thread.
[[nodiscard]] IpView parse_ip_packet(std::span<const std::byte> bytes) noexcept;

}  // namespace phalanx::net
