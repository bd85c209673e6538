// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "phalanx/ipsec/sa_mode.hpp"
#include "phalanx/net/address.hpp"

namespace phalanx::ipsec {

struct PortRange {
  std::uint16_t low = 0;
  std::uint16_t high = 65535;
  [[nodiscard]] constexpr bool any() const noexcept { return low == 0 && high == 65535; }
  [[nodiscard]] constexpr bool contains(std::uint16_t port) const noexcept {
    return low <= port && port <= high;
  }
  friend constexpr auto operator<=>(const PortRange&, const PortRange&) noexcept = default;
};

// RFC 4301 4.4.1.1. "local" is our private side, "remote" the peer's: outbound packets have local
// as source, inbound packets as destination. Both prefixes are of one family.
struct Selector {
  net::Prefix local;
  net::Prefix remote;
  std::uint8_t protocol = 0;  // 0: any
  PortRange local_ports;      // other than any only with TCP, UDP, SCTP
  PortRange remote_ports;
  friend auto operator<=>(const Selector&, const Selector&) noexcept = default;
};

enum class PolicyAction : std::uint8_t { Protect, Bypass, Discard };

// One SPD entry; order in the list is order of matching.
struct Policy {
  std::string name;
  PolicyAction action = PolicyAction::Discard;
  Selector selector;
  // Protect only: positions in the list of SAs. out_sa encrypts; in_sas may carry the reverse
  // direction. kNoSa: no SA (yet); matching packets are dropped, never sent in clear.
  static constexpr std::uint32_t kNoSa = 0xffffffff;
  std::uint32_t out_sa = kNoSa;
  Dispatch dispatch = Dispatch::PacketShortestQueue;  // out_sa in packet mode only
  std::vector<std::uint32_t> in_sas;
};

}  // namespace phalanx::ipsec
