// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <string>

#include "phalanx/base/ids.hpp"
#include "phalanx/base/secret.hpp"
#include "phalanx/ipsec/algorithm.hpp"
#include "phalanx/ipsec/sa_mode.hpp"
#include "phalanx/ipsec/selector.hpp"
#include "phalanx/net/address.hpp"

namespace phalanx::ipsec {

enum class Direction : std::uint8_t { Inbound = 1, Outbound = 2 };  // values are ABI (lease record)

// What becomes of the inner IPv4 DF bit in the outer header, RFC 4301 8.1.
enum class DfPolicy : std::uint8_t { Copy, Set, Clear };

// Plain description of one tunnel-mode ESP SA, from config (later: IKE, a peer node).
struct SaParams {
  std::string name;
  base::Uid uid;
  Direction direction = Direction::Outbound;
  base::Spi spi;
  net::IpAddress local;   // our tunnel address: outer source when outbound
  net::IpAddress remote;  // the peer's
  EspAlgorithm algorithm = EspAlgorithm::Aes128Gcm16;
  base::Secret key;                  // cipher key, then the salt, as in RFC 4106 8.1 and RFC 7634 2
  base::Secret auth_key;             // HMAC key; empty for combined modes
  bool esn = false;                  // 64-bit sequence numbers, RFC 4303 2.2.1
  std::uint32_t replay_window = 64;  // inbound: 32..65536 packets
  SaMode mode = SaMode::Session;
  std::uint8_t stripe_shift = kDefaultStripeShift;  // packet mode: 1..6
  std::uint32_t peer_window = 0;  // outbound in packet mode: the peer's replay window, 0 unknown
  DfPolicy df = DfPolicy::Copy;
  bool copy_dscp = true;        // outbound: false sends outer_dscp instead
  std::uint8_t outer_dscp = 0;  // 0..63
  std::uint16_t path_mtu = 0;   // outbound: largest outer packet; 0 = that of the port
};

}  // namespace phalanx::ipsec
