// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/ipsec/sa.hpp"

#include <algorithm>

namespace phalanx::ipsec {
namespace {

constexpr std::size_t kTrailerBytes = 2;  // pad length and next header

std::size_t outer_header_bytes(bool v6) noexcept {
  return v6 ? sizeof(net::Ipv6Header) : sizeof(net::Ipv4Header);
}

}  // namespace

std::uint16_t OutboundSa::inner_mtu() const noexcept {
  const auto& algorithm = info(algorithm_);
  const std::size_t fixed = outer_header_bytes(outer_is_v6()) + sizeof(net::EspHeader) +
                            algorithm.iv_bytes + algorithm.icv_bytes;
  const std::size_t mtu = outer_mtu();
  if (mtu < fixed + algorithm.block_bytes) return 0;
  const auto body = (mtu - fixed) / algorithm.block_bytes * algorithm.block_bytes;
  return static_cast<std::uint16_t>(body - kTrailerBytes);
}

std::uint16_t OutboundSa::headroom_needed() const noexcept {
  return static_cast<std::uint16_t>(outer_header_bytes(outer_is_v6()) + sizeof(net::EspHeader) +
                                    info(algorithm_).iv_bytes);
}

std::uint16_t OutboundSa::tailroom_needed() const noexcept {
  const auto& algorithm = info(algorithm_);
  return static_cast<std::uint16_t>(algorithm.block_bytes - 1 + kTrailerBytes +
                                    algorithm.icv_bytes);
}

}  // namespace phalanx::ipsec
