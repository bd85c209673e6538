// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/net/fragment.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <optional>

#include "phalanx/base/bytes.hpp"
#include "phalanx/net/checksum.hpp"
#include "phalanx/net/packet_parser.hpp"

namespace phalanx::net {
namespace {

// RFC 791 3.1, "Options": type with the copied flag, and the two that are a single byte.
constexpr std::byte kCopied{0x80};
constexpr std::byte kEndOfOptions{0};
constexpr std::byte kNoOperation{1};

// Copies the options that belong into every fragment to `out`, which has room for all; the length
// is a multiple of 4, padded with "end of options". nullopt: an option does not parse.
std::optional<std::size_t> copy_options(std::span<const std::byte> options,
                                        std::byte* out) noexcept {
  std::size_t copied = 0;
  while (!options.empty() && options[0] != kEndOfOptions) {
    if (options[0] == kNoOperation) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2) return std::nullopt;
    const auto length = std::to_integer<std::size_t>(options[1]);
    if (length < 2 || length > options.size()) return std::nullopt;
    if ((options[0] & kCopied) != std::byte{0}) {
      std::memcpy(out + copied, options.data(), length);
      copied += length;
    }
    options = options.subspan(length);
  }
  while (copied % 4 != 0) out[copied++] = kEndOfOptions;
  return copied;
}

constexpr std::size_t round_down_to_8(std::size_t value) noexcept {
  return value & ~std::size_t{7};
}

}  // namespace

base::Result<Ipv4Fragments, FragmentFault> Ipv4Fragments::plan(std::span<const std::byte> packet,
                                                               std::uint16_t mtu) noexcept {
  const auto view = parse_ip_packet(packet);
  if (view.version == 6) return FragmentFault::NotIpv4;
  if (view.fault != IpFault::Ok) return FragmentFault::Malformed;
  if (view.total_length <= mtu) return FragmentFault::Fits;
  if (view.dont_fragment) return FragmentFault::DontFragment;
  if (mtu < kMinIpv4Mtu) return FragmentFault::MtuTooSmall;

  Ipv4Fragments plan;
  plan.header_ = packet.first(view.l4_offset);
  plan.payload_ = packet.subspan(view.l4_offset, view.total_length - view.l4_offset);
  std::memcpy(plan.later_header_.data(), packet.data(), sizeof(Ipv4Header));
  const auto options = copy_options(plan.header_.subspan(sizeof(Ipv4Header)),
                                    plan.later_header_.data() + sizeof(Ipv4Header));
  if (!options) return FragmentFault::Malformed;
  plan.later_header_bytes_ = sizeof(Ipv4Header) + *options;
  plan.first_data_ = round_down_to_8(mtu - plan.header_.size());
  plan.later_data_ = round_down_to_8(mtu - plan.later_header_bytes_);
  const auto rest = plan.payload_.size() - plan.first_data_;
  plan.count_ = 1 + (rest + plan.later_data_ - 1) / plan.later_data_;

  const auto fragment = base::view_as<Ipv4Header>(packet)->fragment.host();
  plan.offset_ = fragment & Ipv4Header::kOffsetMask;
  plan.more_ = (fragment & Ipv4Header::kMoreFragments) != 0;
  return plan;
}

std::size_t Ipv4Fragments::write(std::size_t index, std::span<std::byte> out) const noexcept {
  assert(index < count_);
  const bool last = index + 1 == count_;
  const auto header = index == 0 ? header_ : std::span(later_header_).first(later_header_bytes_);
  const auto start = index == 0 ? 0 : first_data_ + (index - 1) * later_data_;
  const auto room = index == 0 ? first_data_ : later_data_;
  const auto data = payload_.subspan(start, std::min(room, payload_.size() - start));
  const auto length = header.size() + data.size();
  if (out.size() < length) return 0;

  std::memcpy(out.data(), header.data(), header.size());
  std::memcpy(out.data() + header.size(), data.data(), data.size());
  auto* ip = base::view_as<Ipv4Header>(out);
  ip->version_ihl = static_cast<std::uint8_t>(0x40 | header.size() / 4);
  ip->total_length = base::be16(static_cast<std::uint16_t>(length));
  const bool more = !last || more_;
  ip->fragment = base::be16(
      static_cast<std::uint16_t>((offset_ + start / 8) | (more ? Ipv4Header::kMoreFragments : 0)));
  ip->checksum = base::be16(0);
  ip->checksum = base::be16(checksum(out.first(header.size())));
  return length;
}

}  // namespace phalanx::net
