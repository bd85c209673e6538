// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/net/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <system_error>

namespace phalanx::net {
namespace {

std::uint8_t max_prefix_length(Family family) noexcept {
  return family == Family::V4 ? 32 : 128;
}

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// "0".."128" without sign, blanks or leading zeros.
std::optional<std::uint8_t> parse_length(std::string_view text, std::uint8_t most) noexcept {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  std::uint8_t length = 0;
  const auto* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, length);
  if (error != std::errc{} || stopped != end || length > most) return std::nullopt;
  return length;
}

}  // namespace

bool MacAddress::is_broadcast() const noexcept {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0xff; });
}

bool IpAddress::is_unspecified() const noexcept {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

bool IpAddress::is_multicast() const noexcept {
  return is_v4() ? (bytes[0] & 0xf0) == 0xe0 : bytes[0] == 0xff;
}

bool IpAddress::is_loopback() const noexcept {
  if (is_v4()) return bytes[0] == 127;
  return bytes[15] == 1 &&
         std::all_of(bytes.begin(), bytes.end() - 1, [](std::uint8_t byte) { return byte == 0; });
}

bool IpAddress::is_link_local() const noexcept {
  return is_v4() ? bytes[0] == 169 && bytes[1] == 254
                 : bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

bool Prefix::contains(const IpAddress& candidate) const noexcept {
  return candidate.family == address.family && make_prefix(candidate, length).address == address;
}

bool Prefix::overlaps(const Prefix& other) const noexcept {
  return length <= other.length ? contains(other.address) : other.contains(address);
}

Prefix InterfaceAddress::subnet() const noexcept {
  return make_prefix(address, prefix_length);
}

Prefix make_prefix(const IpAddress& address, std::uint8_t length) noexcept {
  Prefix made{address, std::min(length, max_prefix_length(address.family))};
  for (std::size_t i = made.length / 8U; i < address.size(); ++i) {
    const auto kept_bits = i == made.length / 8U ? made.length % 8U : 0U;
    made.address.bytes[i] &= static_cast<std::uint8_t>(0xff00U >> kept_bits);
  }
  return made;
}

std::optional<MacAddress> parse_mac(std::string_view text) noexcept {
  MacAddress mac;
  if (text.size() != mac.bytes.size() * 3 - 1) return std::nullopt;
  for (std::size_t i = 0; i < mac.bytes.size(); ++i) {
    const auto high = hex_digit(text[i * 3]);
    const auto low = hex_digit(text[i * 3 + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    if (i + 1 < mac.bytes.size() && text[i * 3 + 2] != ':') return std::nullopt;
    mac.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return mac;
}

std::optional<IpAddress> parse_ip(std::string_view text) noexcept {
  // inet_pton wants a terminated string; a zero byte inside would hide what follows it.
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  std::copy(text.begin(), text.end(), terminated.begin());
  IpAddress address;
  address.family = text.find(':') == std::string_view::npos ? Family::V4 : Family::V6;
  const auto family = address.is_v4() ? AF_INET : AF_INET6;
  if (inet_pton(family, terminated.data(), address.bytes.data()) != 1) return std::nullopt;
  return address;
}

std::optional<InterfaceAddress> parse_interface_address(std::string_view text) noexcept {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = parse_ip(text.substr(0, slash));
  if (!address) return std::nullopt;
  const auto length = parse_length(text.substr(slash + 1), max_prefix_length(address->family));
  if (!length) return std::nullopt;
  return InterfaceAddress{*address, *length};
}

std::optional<Prefix> parse_prefix(std::string_view text) noexcept {
  if (text.find('/') == std::string_view::npos) {
    const auto address = parse_ip(text);
    if (!address) return std::nullopt;
    return Prefix{*address, max_prefix_length(address->family)};
  }
  const auto parsed = parse_interface_address(text);
  if (!parsed || parsed->subnet().address != parsed->address) return std::nullopt;
  return parsed->subnet();
}

std::string to_string(const MacAddress& mac) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const auto byte : mac.bytes) {
    if (!text.empty()) text += ':';
    text += kDigits[byte >> 4];
    text += kDigits[byte & 0xf];
  }
  return text;
}

std::string to_string(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const auto family = address.is_v4() ? AF_INET : AF_INET6;
  inet_ntop(family, address.bytes.data(), text.data(), text.size());
  return text.data();
}

std::string to_string(const Prefix& prefix) {
  return to_string(prefix.address) + '/' + std::to_string(prefix.length);
}

std::string to_string(const InterfaceAddress& address) {
  return to_string(address.address) + '/' + std::to_string(address.prefix_length);
}

}  // namespace phalanx::net
