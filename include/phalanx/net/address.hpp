// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace phalanx::net {

// 48-bit Ethernet address in transmission order.
struct MacAddress {
  std::array<std::uint8_t, 6> bytes{};

  [[nodiscard]] constexpr bool is_multicast() const noexcept { return (bytes[0] & 1) != 0; }
  [[nodiscard]] constexpr bool is_zero() const noexcept { return *this == MacAddress{}; }
  [[nodiscard]] bool is_broadcast() const noexcept;
  friend constexpr auto operator<=>(const MacAddress&, const MacAddress&) noexcept = default;
};

enum class Family : std::uint8_t { V4 = 4, V6 = 6 };

// IPv4 or IPv6 address in network byte order. An IPv4 address stands in the first four bytes, the
// others are zero, so that equality and hashing need no branch.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};
  Family family = Family::V4;

  static IpAddress v4(std::uint32_t host_order) noexcept {
    IpAddress made;
    const auto wire = __builtin_bswap32(host_order);
    std::memcpy(made.bytes.data(), &wire, sizeof(wire));
    return made;
  }
  // The caller has proved that 4 (16) bytes are there.
  static IpAddress v4_from(const std::uint8_t* four_bytes) noexcept {
    IpAddress made;
    std::memcpy(made.bytes.data(), four_bytes, 4);
    return made;
  }
  static IpAddress v6_from(const std::uint8_t* sixteen_bytes) noexcept {
    IpAddress made;
    std::memcpy(made.bytes.data(), sixteen_bytes, 16);
    made.family = Family::V6;
    return made;
  }

  [[nodiscard]] bool is_v4() const noexcept { return family == Family::V4; }
  [[nodiscard]] bool is_v6() const noexcept { return family == Family::V6; }
  [[nodiscard]] std::size_t size() const noexcept { return is_v4() ? 4 : 16; }
  [[nodiscard]] std::uint32_t v4_host_order() const noexcept {
    std::uint32_t wire;
    std::memcpy(&wire, bytes.data(), sizeof(wire));
    return __builtin_bswap32(wire);
  }
  [[nodiscard]] bool is_unspecified() const noexcept;
  [[nodiscard]] bool is_multicast() const noexcept;
  [[nodiscard]] bool is_loopback() const noexcept;
  [[nodiscard]] bool is_link_local() const noexcept;  // 169.254/16, fe80::/10
  friend auto operator<=>(const IpAddress&, const IpAddress&) noexcept = default;
};

// Address block in CIDR form; host bits are zero and length is at most that of the family.
struct Prefix {
  IpAddress address;
  std::uint8_t length = 0;

  [[nodiscard]] bool contains(const IpAddress& candidate) const noexcept;
  [[nodiscard]] bool overlaps(const Prefix& other) const noexcept;
  friend auto operator<=>(const Prefix&, const Prefix&) noexcept = default;
};

// Textual forms: RFC 4291 2.2 and RFC 5952 for IPv6. Parsers accept the whole string or nothing.
// "02:00:5e:00:53:01", either case.
[[nodiscard]] std::optional<MacAddress> parse_mac(std::string_view text) noexcept;
[[nodiscard]] std::optional<IpAddress> parse_ip(std::string_view text) noexcept;
// "10.0.0.0/8"; a bare address is a host prefix; set host bits are refused.
[[nodiscard]] std::optional<Prefix> parse_prefix(std::string_view text) noexcept;
// "192.0.2.1/24": an interface address with the length of its subnet.
struct InterfaceAddress {
  IpAddress address;
  std::uint8_t prefix_length = 0;
  [[nodiscard]] Prefix subnet() const noexcept;
  friend auto operator<=>(const InterfaceAddress&, const InterfaceAddress&) noexcept = default;
};
[[nodiscard]] std::optional<InterfaceAddress> parse_interface_address(
    std::string_view text) noexcept;

// Clears the host bits. A length beyond the family's is taken as the family's.
[[nodiscard]] Prefix make_prefix(const IpAddress& address, std::uint8_t length) noexcept;

[[nodiscard]] std::string to_string(const MacAddress& mac);
[[nodiscard]] std::string to_string(const IpAddress& address);
[[nodiscard]] std::string to_string(const Prefix& prefix);
[[nodiscard]] std::string to_string(const InterfaceAddress& address);

}  // namespace phalanx::net
