// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/control/host_counters.hpp"
#include "phalanx/control/token_bucket.hpp"
#include "phalanx/net/address.hpp"

namespace phalanx::control {

// Whom and what an ICMP error may be about is decided here as far as the packet itself tells;
// whether its addresses are ours or a subnet's broadcast is the caller's to check.

// What we complain about; RFC 792, RFC 1812 5.2.7, RFC 4443 3.
enum class IcmpErrorKind : std::uint8_t {
  TimeExceeded,  // TTL or hop limit ran out on the way
  PacketTooBig,  // IPv4: fragmentation needed and DF set
  NoRoute,
  AdminProhibited,
  HostUnreachable,      // the next hop does not answer
  ProtocolUnreachable,  // addressed to us, protocol not spoken
  PortUnreachable,      // addressed to us, nobody listens
};
inline constexpr std::size_t kNumIcmpErrorKinds = 7;

struct IcmpErrorRequest {
  IcmpErrorKind kind = IcmpErrorKind::NoRoute;
  std::span<const std::byte> packet;  // the offending one, from its IP header on
  net::IpAddress source;              // our address; same family as the packet
  std::uint16_t mtu = 0;              // PacketTooBig
};

// Decides whether an ICMP error is due, and builds it. Keeps two rates: over all and by receiver;
// the latter in a table of fixed size whose hash is seeded, where receivers that meet share a rate.
class IcmpErrors {
 public:
  IcmpErrors(std::uint32_t per_second, std::uint64_t seed);

  // What became of the request. Sent: `out` holds the packet of `length` bytes.
  struct Outcome {
    HostCounter counter;
    std::size_t length = 0;
  };
  [[nodiscard]] Outcome build(const IcmpErrorRequest& request, std::span<std::byte> out,
                              base::TimePoint now) noexcept;

  // Room that `out` needs: RFC 4443 3.1, no error exceeds the minimum IPv6 MTU.
  static constexpr std::size_t kMaxErrorBytes = 1280;

 private:
  [[nodiscard]] TokenBucket& bucket_of(const net::IpAddress& receiver) noexcept;

  TokenBucket all_;
  std::vector<TokenBucket> by_receiver_;
  std::uint64_t seed_;
};

}  // namespace phalanx::control
