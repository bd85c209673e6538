// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>

#include "phalanx/base/endian.hpp"
#include "phalanx/net/address.hpp"

namespace phalanx::net {

// EtherType, IANA "IEEE 802 Numbers".
inline constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherTypeArp = 0x0806;
inline constexpr std::uint16_t kEtherTypeVlan = 0x8100;  // IEEE 802.1Q C-tag
inline constexpr std::uint16_t kEtherTypeIpv6 = 0x86dd;

// IEEE 802.3 frame header.
struct EthernetHeader {
  MacAddress destination;
  MacAddress source;
  base::be16 ether_type;
  // followed by: VlanTag when ether_type is kEtherTypeVlan, then the payload
};
static_assert(sizeof(EthernetHeader) == 14 && alignof(EthernetHeader) == 1);

// IEEE 802.1Q tag, after the header whose ether_type announced it.
struct VlanTag {
  base::be16 control;  // priority (3) | drop eligible (1) | VLAN id (12)
  base::be16 ether_type;

  static constexpr std::uint16_t kIdMask = 0x0fff;
};
static_assert(sizeof(VlanTag) == 4 && alignof(VlanTag) == 1);

}  // namespace phalanx::net
