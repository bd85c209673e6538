// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/net/grounds.hpp"

#include <span>
#include <utility>

#include "phalanx/base/byte_writer.hpp"
#include "phalanx/base/bytes.hpp"

namespace phalanx::net {

void GroundsBurst::put_clear4(std::size_t at, const IpView& view, const std::uint8_t* ip) noexcept {
  const auto address = [ip](std::size_t offset) {
    return std::uint64_t{base::wire_at<base::be32>(ip + offset)->host()};
  };
  const auto source = address(offsetof(Ipv4Header, source));
  const auto destination = address(offsetof(Ipv4Header, destination));
  if (view.fragment) {
    put_words(at, GroundsClass::Fragment4, source << 24 | destination >> 8,
              destination << 56 | std::uint64_t{view.fragment_id} << 24);
    return;
  }
  if (view.has_ports) {
    put_flow4(at, source << 16 | view.source_port, destination << 16 | view.destination_port,
              view.protocol);
    return;
  }
  const auto low = std::min(source, destination);
  const auto high = std::max(source, destination);
  const auto first = low << 24 | high >> 8;
  if (const auto identifier = echo_identifier(view, ip)) {
    put_words(at, GroundsClass::Icmp4, first, high << 56 | std::uint64_t{*identifier} << 40);
  } else {
    put_words(at, GroundsClass::Other4, first, high << 56 | std::uint64_t{view.protocol} << 48);
  }
}

void GroundsBurst::put_clear6(std::size_t at, const IpView& view, const std::uint8_t* ip) noexcept {
  assert(at < kCapacity);
  std::array<std::byte, kMaxBlocks * kBlockBytes> input{};
  base::ByteWriter writer(input);
  const auto address = [&writer](const std::uint8_t* from) {
    writer.bytes(std::as_bytes(std::span(from, 16)));
  };
  const auto* low = ip + offsetof(Ipv6Header, source);
  const auto* high = ip + offsetof(Ipv6Header, destination);
  const auto identifier = echo_identifier(view, ip);
  const auto order = std::memcmp(low, high, 16);
  if (view.fragment) {
    writer.u8(static_cast<std::uint8_t>(GroundsClass::Fragment6));
    address(low);
    address(high);
    writer.u32(view.fragment_id);
  } else if (view.has_ports) {
    auto low_port = view.source_port;
    auto high_port = view.destination_port;
    if (order > 0 || (order == 0 && low_port > high_port)) {
      std::swap(low, high);
      std::swap(low_port, high_port);
    }
    writer.u8(static_cast<std::uint8_t>(GroundsClass::Flow6));
    address(low);
    writer.u16(low_port);
    address(high);
    writer.u16(high_port);
    writer.u8(view.protocol);
  } else {
    if (order > 0) std::swap(low, high);
    writer.u8(static_cast<std::uint8_t>(identifier ? GroundsClass::Icmp6 : GroundsClass::Other6));
    address(low);
    address(high);
    if (identifier) {
      writer.u16(*identifier);
    } else {
      writer.u8(view.protocol);
    }
  }
  for (std::size_t block = 0; block < kMaxBlocks; ++block) {
    std::memcpy(&blocks_[block][at], &input[block * kBlockBytes], kBlockBytes);
  }
  const auto num_blocks = (writer.size() + kBlockBytes - 1) / kBlockBytes;
  num_blocks_[at] = static_cast<std::uint8_t>(num_blocks);
  longest_ = std::max(longest_, num_blocks);
}

}  // namespace phalanx::net
