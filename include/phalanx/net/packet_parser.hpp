// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "phalanx/base/bytes.hpp"
#include "phalanx/net/ip.hpp"

namespace phalanx::net {

// Why an IP packet is refused. Ok is 0.
enum class IpFault : std::uint8_t {
  Ok,
  Truncated,       // fewer bytes than the headers say
  BadVersion,      // neither 4 nor 6
  BadHeader,       // IHL < 5, a length smaller than the header, a fragment that ends past 65535, or
                   // a hop-by-hop header that is not the first (RFC 8200 4.1)
  BadChecksum,     // IPv4 header checksum
  TooManyHeaders,  // more IPv6 extension headers than we walk
  BadAddress,      // source multicast, limited broadcast or unspecified, IPv4 destination 0.0.0.0,
                   // loopback on the wire (RFC 1122 3.2.1.3, RFC 4291 2.5). The unspecified IPv6
                   // source is good towards ff02::/16: address detection, RFC 4861 7.1.1
};
inline constexpr std::size_t kNumIpFaults = 7;

// Where the parts of an IP packet are. Offsets count from the first byte of the IP header. Valid
// only when fault is Ok.
struct IpView {
  IpFault fault = IpFault::Ok;
  std::uint8_t version = 0;        // 4 or 6
  std::uint8_t protocol = 0;       // upper-layer protocol after IPv6 extension headers; in a later
                                   // fragment what its fragment header announces
  std::uint8_t traffic_class = 0;  // DSCP and ECN
  std::uint8_t ttl = 0;            // TTL or hop limit
  bool fragment = false;           // any fragment, the first included; not an IPv6 atomic fragment
                                   // (RFC 6946), which is a whole packet
  bool first_fragment = true;      // offset 0: the upper-layer header is here
  bool dont_fragment = false;      // IPv4 DF; always true for IPv6
  bool has_ports = false;          // TCP, UDP, SCTP with the first four bytes present
  bool ipv4_options = false;       // IHL > 5
  bool hop_by_hop = false;         // IPv6 packet with a hop-by-hop header
  std::uint16_t total_length = 0;  // header and payload; link-layer padding excluded
  std::uint16_t l4_offset = 0;     // first byte after all IP headers
  std::uint16_t source_port = 0;   // host order; 0 without has_ports. ICMP and ICMPv6: 0
  std::uint16_t destination_port = 0;
  std::uint32_t fragment_id = 0;  // identification of a fragment, host order; otherwise 0

  friend bool operator==(const IpView&, const IpView&) noexcept = default;
};

// Most IPv6 extension headers that are walked before a packet is refused (RFC 8504 5.3 lets a node
// set such a limit). AH and ESP end the walk: to us they are what the packet carries.
inline constexpr int kMaxExtensionHeaders = 8;

[[nodiscard]] constexpr bool carries_ports(std::uint8_t protocol) noexcept {
  return protocol == kProtoTcp || protocol == kProtoUdp || protocol == kProtoSctp;
}

// The extension headers that are walked, RFC 8200 4.
[[nodiscard]] constexpr bool is_extension_header(std::uint8_t protocol) noexcept {
  return protocol == kProtoHopByHop || protocol == kProtoRouting || protocol == kProtoFragment ||
         protocol == kProtoDestOptions;
}

// A plain IPv4 header, read in whole words: no options, no fragment, no fault. What most packets
// have, held in registers where an IpView would go through memory.
struct PlainIpv4 {
  std::uint64_t first;        // bytes 0 to 7 as they stand
  std::uint64_t second;       // bytes 8 to 15
  std::uint32_t destination;  // bytes 16 to 19

  static_assert(std::endian::native == std::endian::little);
  [[nodiscard]] std::uint16_t total_length() const noexcept {
    return __builtin_bswap16(static_cast<std::uint16_t>(first >> 16));
  }
  [[nodiscard]] std::uint8_t traffic_class() const noexcept {
    return static_cast<std::uint8_t>(first >> 8);
  }
  [[nodiscard]] bool dont_fragment() const noexcept { return ((first >> 48) & 0x40) != 0; }
  [[nodiscard]] std::uint8_t ttl() const noexcept { return static_cast<std::uint8_t>(second); }
  [[nodiscard]] std::uint8_t protocol() const noexcept {
    return static_cast<std::uint8_t>(second >> 8);
  }
  [[nodiscard]] std::uint32_t source() const noexcept {  // as the bytes stand
    return static_cast<std::uint32_t>(second >> 32);
  }
};

// Reads the header at `bytes` if it is plain. The caller has proved that 20 bytes are there; `size`
// of them may belong to the packet. A false says nothing: parse_ip_packet decides. Pure.
[[nodiscard]] inline bool read_plain_ipv4(const void* bytes, std::size_t size,
                                          PlainIpv4& ip) noexcept {
  const auto* header = static_cast<const std::byte*>(bytes);
  std::memcpy(&ip.first, header, sizeof(ip.first));
  std::memcpy(&ip.second, header + 8, sizeof(ip.second));
  std::memcpy(&ip.destination, header + 16, sizeof(ip.destination));
  // Version and IHL; More Fragments and the offset.
  if ((ip.first & 0xff3f'0000'0000'00ff) != 0x45) return false;
  if (ip.total_length() < sizeof(Ipv4Header) || ip.total_length() > size) return false;
  // RFC 1071 2(B), 2(C): native words of any width do, carries going round, as a correct sum is all
  // ones in any byte order. Added to itself turned by half, a word folds into its upper half.
  std::uint64_t sum;
  std::uint64_t carries = __builtin_add_overflow(ip.first, ip.second, &sum) ? 1 : 0;
  carries += ip.destination;
  sum += carries;
  sum += sum < carries ? 1 : 0;
  sum += std::rotl(sum, 32);
  auto half = static_cast<std::uint32_t>(sum >> 32);
  half += std::rotl(half, 16);
  if (half >> 16 != 0xffff) return false;
  // Addresses that may be bad. 0/8 and above 223 as a source, 0/8 as a destination: rare enough.
  const unsigned source = ip.source() & 0xff;
  const unsigned destination = ip.destination & 0xff;
  return source - 1 < 223 && source != 127 && destination != 0 && destination != 127;
}

namespace detail {

// Lengths here have 16 bits, and no port carries longer packets.
inline constexpr std::uint32_t kMaxIpPacketBytes = 65535;

// Everything but the common cases below.
[[nodiscard]] IpView parse_any_ip_packet(std::span<const std::byte> bytes) noexcept;

// The caller has proved that offset + 2 bytes are there.
[[nodiscard]] inline std::uint16_t wire_u16(std::span<const std::byte> bytes,
                                            std::size_t offset) noexcept {
  base::be16 value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value.host();
}

inline void read_ports(std::span<const std::byte> bytes, IpView& view) noexcept {
  if (!carries_ports(view.protocol) || view.total_length - view.l4_offset < 4) return;
  view.has_ports = true;
  view.source_port = wire_u16(bytes, view.l4_offset);
  view.destination_port = wire_u16(bytes, view.l4_offset + 2U);
}

// Fills `view` when the packet is plain IPv4: no options, no fragment, no fault. A false says
// nothing: parse_any_ip_packet decides.
[[nodiscard]] inline bool parse_plain_ipv4(std::span<const std::byte> bytes,
                                           IpView& view) noexcept {
  PlainIpv4 ip;
  if (bytes.size() < sizeof(Ipv4Header) || !read_plain_ipv4(bytes.data(), bytes.size(), ip)) {
    return false;
  }
  view.version = 4;
  view.protocol = ip.protocol();
  view.traffic_class = ip.traffic_class();
  view.ttl = ip.ttl();
  view.dont_fragment = ip.dont_fragment();
  view.total_length = ip.total_length();
  view.l4_offset = sizeof(Ipv4Header);
  read_ports(bytes, view);
  return true;
}

// The same for IPv6 without extension headers.
[[nodiscard]] inline bool parse_plain_ipv6(std::span<const std::byte> bytes,
                                           IpView& view) noexcept {
  const auto* header = base::view_as<Ipv6Header>(bytes);
  if (header == nullptr || header->version_class_flow.host() >> 28 != 6) return false;
  const std::size_t total_length = sizeof(Ipv6Header) + header->payload_length.host();
  if (total_length > bytes.size() || total_length > kMaxIpPacketBytes) return false;
  if (is_extension_header(header->next_header)) return false;
  // Addresses that may be bad: 0000::/16 and a multicast source.
  const auto first_word = [](const std::array<std::uint8_t, 16>& address) {
    return static_cast<unsigned>(address[0] | address[1]);
  };
  if (header->source[0] == 0xff || first_word(header->source) == 0 ||
      first_word(header->destination) == 0) {
    return false;
  }

  view.version = 6;
  view.protocol = header->next_header;
  view.traffic_class = header->traffic_class();
  view.ttl = header->hop_limit;
  view.dont_fragment = true;
  view.total_length = static_cast<std::uint16_t>(total_length);
  view.l4_offset = sizeof(Ipv6Header);
  read_ports(bytes, view);
  return true;
}

}  // namespace detail

// Parses the IP packet that starts at bytes[0]. Never reads past bytes. Pure; any thread.
[[nodiscard]] inline IpView parse_ip_packet(std::span<const std::byte> bytes) noexcept {
  IpView view;
  if (detail::parse_plain_ipv4(bytes, view) || detail::parse_plain_ipv6(bytes, view)) return view;
  return detail::parse_any_ip_packet(bytes);
}

}  // namespace phalanx::net
