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

// A count that is kept by the SA itself or, in packet mode, by each worker.
template <typename Shards>
std::uint64_t sum(const Shards& shards, SaCounter(Shards::value_type::*field)) noexcept {
  std::uint64_t total = 0;
  for (const auto& shard : shards) total += (shard.*field).get();
  return total;
}
template <typename Shards>
std::uint64_t sum_errors(const Shards& shards, EspVerdict verdict) noexcept {
  std::uint64_t total = 0;
  for (const auto& shard : shards) total += shard.errors[static_cast<std::size_t>(verdict)].get();
  return total;
}

}  // namespace

std::uint64_t OutboundSa::packets() const noexcept {
  return packet_mode() ? sum(shards_->shards, &OutboundShard::packets) : packets_.get();
}
std::uint64_t OutboundSa::bytes() const noexcept {
  return packet_mode() ? sum(shards_->shards, &OutboundShard::bytes) : bytes_.get();
}
std::uint64_t OutboundSa::errors(EspVerdict verdict) const noexcept {
  const auto own = errors_[static_cast<std::size_t>(verdict)].get();
  return packet_mode() ? own + sum_errors(shards_->shards, verdict) : own;
}

std::uint64_t InboundSa::packets() const noexcept {
  return packet_mode() ? sum(striped_->shards, &InboundShard::packets) : packets_.get();
}
std::uint64_t InboundSa::bytes() const noexcept {
  return packet_mode() ? sum(striped_->shards, &InboundShard::bytes) : bytes_.get();
}
std::uint64_t InboundSa::errors(EspVerdict verdict) const noexcept {
  const auto own = errors_[static_cast<std::size_t>(verdict)].get();
  return packet_mode() ? own + sum_errors(striped_->shards, verdict) : own;
}
std::uint64_t InboundSa::top_sequence() const noexcept {
  if (!packet_mode()) return window_.top();
  std::uint64_t top = floor_ - 1;
  for (const auto& shard : striped_->shards) top = std::max(top, shard.top.get());
  return top;
}

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
