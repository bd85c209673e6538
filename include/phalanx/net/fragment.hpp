// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "phalanx/base/result.hpp"
#include "phalanx/net/ip.hpp"

namespace phalanx::net {

enum class FragmentFault : std::uint8_t {
  NotIpv4,       // IPv6 is fragmented by its sender only (RFC 8200 4.5)
  Malformed,     // the header, or one of its options, does not parse
  DontFragment,  // DF is set: the sender must be told instead (RFC 1191)
  MtuTooSmall,   // below kMinIpv4Mtu
  Fits,          // nothing to cut
};

// RFC 791 3.2: what every link can carry: the largest header and 8 bytes.
inline constexpr std::uint16_t kMinIpv4Mtu = 68;
inline constexpr std::size_t kMaxIpv4HeaderBytes = 60;

// How to cut an IPv4 packet without DF into fragments of at most `mtu` bytes, RFC 791 3.2; it may
// be a fragment itself. Refers to the packet, which must outlive it and stay unchanged. Pure; any
// thread.
//
// Why not librte_ip_frag: rte_ipv4_fragment_packet chains indirect buffers of a second pool, into
// whose headroom ESP could not write its headers; the variant that copies is experimental and
// repeats all options in each fragment. This one knows no buffers: the caller learns the number of
// fragments first, so that it can take all buffers or none, and writes each fragment where it
// likes.
class Ipv4Fragments {
 public:
  [[nodiscard]] static base::Result<Ipv4Fragments, FragmentFault> plan(
      std::span<const std::byte> packet, std::uint16_t mtu) noexcept;

  // At least 2.
  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  // Writes fragment `index` < count(), header and data; returns its length, at most the MTU; 0 when
  // `out` is too small.
  [[nodiscard]] std::size_t write(std::size_t index, std::span<std::byte> out) const noexcept;

 private:
  Ipv4Fragments() noexcept = default;

  std::span<const std::byte> header_;  // of the packet, with its options: first fragment
  std::span<const std::byte> payload_;
  // Of all other fragments: only options whose copied flag is set (RFC 791 3.1).
  std::array<std::byte, kMaxIpv4HeaderBytes> later_header_{};
  std::size_t later_header_bytes_ = 0;
  std::size_t first_data_ = 0;  // payload bytes of the first fragment; a multiple of 8
  std::size_t later_data_ = 0;  // of each other one but the last
  std::size_t count_ = 0;
  std::uint16_t offset_ = 0;  // the packet's own fragment offset, in units of 8 bytes
  bool more_ = false;         // the packet's own MF
};

}  // namespace phalanx::net
