// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "phalanx/mgmt/config.hpp"

namespace phalanx::mgmt {

// The words of the config file, as operators see them everywhere.
[[nodiscard]] constexpr std::string_view name_of(dataplane::PortRole role) noexcept {
  switch (role) {
    case dataplane::PortRole::Public: return "public";
    case dataplane::PortRole::Private: return "private";
    case dataplane::PortRole::Both: return "both";
    case dataplane::PortRole::Cluster: return "cluster";
  }
  return "";
}

[[nodiscard]] constexpr std::string_view name_of(ipsec::Direction direction) noexcept {
  return direction == ipsec::Direction::Inbound ? "in" : "out";
}

[[nodiscard]] constexpr std::string_view name_of(ipsec::SaMode mode) noexcept {
  return mode == ipsec::SaMode::Packet ? "packet" : "session";
}

[[nodiscard]] constexpr std::string_view name_of(dataplane::WorkerRole role) noexcept {
  switch (role) {
    case dataplane::WorkerRole::Both: return "both";
    case dataplane::WorkerRole::RxTx: return "rx_tx";
    case dataplane::WorkerRole::Crypto: return "crypto";
  }
  return "";
}

[[nodiscard]] constexpr std::string_view name_of(ipsec::Dispatch dispatch) noexcept {
  switch (dispatch) {
    case ipsec::Dispatch::PacketShortestQueue: return "packet_shortest_queue";
    case ipsec::Dispatch::PacketRoundRobin: return "packet_round_robin";
    case ipsec::Dispatch::SessionShortestQueue: return "session_shortest_queue";
    case ipsec::Dispatch::SessionRoundRobin: return "session_round_robin";
  }
  return "";
}

[[nodiscard]] constexpr std::string_view name_of(ipsec::DfPolicy df) noexcept {
  switch (df) {
    case ipsec::DfPolicy::Copy: return "copy";
    case ipsec::DfPolicy::Set: return "set";
    case ipsec::DfPolicy::Clear: return "clear";
  }
  return "";
}

[[nodiscard]] constexpr std::string_view name_of(ipsec::PolicyAction action) noexcept {
  switch (action) {
    case ipsec::PolicyAction::Protect: return "protect";
    case ipsec::PolicyAction::Bypass: return "bypass";
    case ipsec::PolicyAction::Discard: return "discard";
  }
  return "";
}

[[nodiscard]] constexpr std::string_view name_of(control::IngressMode mode) noexcept {
  switch (mode) {
    case control::IngressMode::Unicast: return "unicast";
    case control::IngressMode::Multicast: return "multicast";
    case control::IngressMode::Forward: return "forward";
    case control::IngressMode::Spray: return "spray";
  }
  return "";
}

// "0x0000beef": fixed width, so that columns line up.
[[nodiscard]] inline std::string hex_text(std::uint64_t value, unsigned digits) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "0x";
  for (unsigned shift = digits * 4; shift > 0; shift -= 4) {
    text.push_back(kDigits[(value >> (shift - 4)) & 0xf]);
  }
  return text;
}

}  // namespace phalanx::mgmt
