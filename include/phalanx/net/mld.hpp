// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "phalanx/base/endian.hpp"
#include "phalanx/net/address.hpp"
#include "phalanx/net/ethernet.hpp"
#include "phalanx/net/icmp.hpp"
#include "phalanx/net/ip.hpp"

namespace phalanx::net {

// Multicast listener discovery, RFC 3810 and its forerunner RFC 2710: the part of a listener.
// Switches that snoop it pass a group's frames, neighbor solicitations among them, only to ports
// that have reported the group.
inline constexpr std::uint8_t kMldQuery = 130;
inline constexpr std::uint8_t kMldReportV1 = 131;
inline constexpr std::uint8_t kMldReportV2 = 143;

struct MldQuery {
  std::uint8_t version = 2;  // 1: answered by reports of version 1, RFC 3810 8.2.1
  std::chrono::milliseconds max_delay{};
  std::optional<IpAddress> group;  // empty: all groups are asked for
};

// Parses a query: the whole IPv6 packet, whose ICMPv6 checksum has been checked and which starts
// at `l4_offset`. nullopt: not from a link-local address, hop limit not 1, no router alert, or
// short (RFC 3810 5.1.14, 6.2).
[[nodiscard]] std::optional<MldQuery> parse_mld_query(std::span<const std::byte> packet,
                                                      std::size_t l4_offset) noexcept;

// Groups that fit one report of 1280 bytes.
inline constexpr std::size_t kMaxMldGroups = 61;

enum class MldRecord : std::uint8_t {
  ModeIsExclude = 2,    // in answers: "I listen to all of this group"
  ChangeToExclude = 4,  // unsolicited: "I have begun to"
};

struct MldFrame {
  std::array<std::byte, sizeof(EthernetHeader) + 1280> bytes{};
  std::size_t length = 0;
  [[nodiscard]] std::span<const std::byte> span() const noexcept {
    return std::span(bytes).first(length);
  }
};
// Whole untagged frames. Version 2: to ff02::16, at most kMaxMldGroups. Version 1: to the group.
[[nodiscard]] MldFrame write_mld_report(const MacAddress& source_mac, const IpAddress& source,
                                        MldRecord record,
                                        std::span<const IpAddress> groups) noexcept;
[[nodiscard]] MldFrame write_mld_report_v1(const MacAddress& source_mac, const IpAddress& source,
                                           const IpAddress& group) noexcept;

}  // namespace phalanx::net
