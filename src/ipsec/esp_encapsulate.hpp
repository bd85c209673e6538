// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "esp_stages.hpp"
#include "phalanx/base/endian.hpp"

// The part of outbound processing that all algorithms share, inlined into the burst loops.

namespace phalanx::ipsec {

inline std::uint64_t load64(const void* from) noexcept {
  std::uint64_t value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}
inline void store64(void* to, std::uint64_t value) noexcept {
  std::memcpy(to, &value, sizeof(value));
}
inline void store32(void* to, std::uint32_t value) noexcept {
  std::memcpy(to, &value, sizeof(value));
}

// Writes outer IP header, SPI and number in front of `esp`'s IV; returns the first byte written.
// Words are put together in registers and stored whole: nothing of the header is read back.
inline std::uint8_t* EspStages::write_outer(const OutboundSa& sa, const EspPacket& packet,
                                            std::uint8_t* esp, std::uint32_t outer_bytes,
                                            std::uint64_t sequence) noexcept {
  const auto low = __builtin_bswap32(static_cast<std::uint32_t>(sequence));
  const std::uint32_t traffic_class = (packet.traffic_class & sa.class_keep_) | sa.class_set_;
  if ((sa.flags_ & OutboundSa::kOuterV6) != 0) {
    auto* outer = esp - sizeof(net::Ipv6Header);
    const std::uint64_t first = (std::uint64_t{0x60000000U | traffic_class << 20} << 32) |
                                ((outer_bytes - sizeof(net::Ipv6Header)) << 16) |
                                (std::uint64_t{net::kProtoEsp} << 8) | kOuterHopLimit;
    store64(outer, __builtin_bswap64(first));
    std::memcpy(outer + 8, &sa.outer_.v6, 32);
    store64(esp, std::bit_cast<std::uint32_t>(sa.spi_) | (std::uint64_t{low} << 32));
    return outer;
  }

  auto* outer = esp - sizeof(net::Ipv4Header);
  const auto* from = static_cast<const std::uint8_t*>(static_cast<const void*>(&sa.outer_.v4));
  const bool dont_fragment = (sa.flags_ & OutboundSa::kDfSet) != 0 ||
                             ((sa.flags_ & OutboundSa::kDfCopy) != 0 && packet.dont_fragment);
  // RFC 6864: an identification means something only where fragmentation is possible, and then must
  // not come back soon. The number's low 16 bits, shifted apart by SPI, serve.
  const auto id = static_cast<std::uint16_t>(
      dont_fragment ? 0 : static_cast<std::uint32_t>(sequence) + sa.spi_.host());
  const std::uint32_t length_word = __builtin_bswap16(static_cast<std::uint16_t>(outer_bytes));
  const std::uint32_t id_word = __builtin_bswap16(id);
  const std::uint32_t fragment_word =
      dont_fragment ? __builtin_bswap16(net::Ipv4Header::kDontFragment) : 0;
  const std::uint64_t second = load64(from + 8);
  // RFC 1071 2(B): words may be summed in host order.
  std::uint32_t sum = static_cast<std::uint32_t>(second >> 16) & 0xffff;
  sum += (traffic_class << 8) + length_word + id_word + fragment_word;
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  const std::uint64_t checksum = ~sum & 0xffff;

  store64(outer, 0x45 | (traffic_class << 8) | (length_word << 16) |
                     (std::uint64_t{id_word} << 32) | (std::uint64_t{fragment_word} << 48));
  store64(outer + 8, (second & ~std::uint64_t{0xffff0000}) | (checksum << 16));
  store64(outer + 16, load64(from + 16));
  store32(esp + 4, low);
  return outer;
}

// Takes the next number and IV of an SA in session mode.
inline bool EspStages::claim(Impl& engine, EspPacket& packet, Sealing& out) noexcept {
  auto& sa = *packet.out_sa;
  const std::uint64_t sequence = sa.next_sequence_.get();
  if (sequence > last_sequence(sa) || !sa.gate_.allows(sequence)) [[unlikely]] {
    refuse(engine, packet, sa, why_no_number(engine, sa));
    return false;
  }
  if (!take_iv(sa, sa.iv_next_)) [[unlikely]] {
    refuse(engine, packet, sa, EspVerdict::IvExhausted);
    return false;
  }
  out.iv = sa.iv_next_++ ^ sa.iv_base_;
  out.sequence = sequence;
  sa.next_sequence_.set(sequence + 1);
  sa.packets_.add(1);
  sa.bytes_.add(packet.length);
  raise_if_due(engine, sa, sequence);
  return true;
}

template <SaMode kMode, std::uint32_t kIvBytes, std::uint32_t kBlockBytes>
inline bool EspStages::encapsulate(Impl& engine, EspPacket& packet, std::uint32_t icv_bytes,
                                   Sealing& out) noexcept {
  auto& sa = *packet.out_sa;
  const std::uint32_t length = packet.length;
  const std::uint32_t pad = (0U - (length + 2)) & (kBlockBytes - 1);
  const std::uint32_t body_bytes = length + pad + 2;
  const std::uint32_t front_bytes =
      ((sa.flags_ & OutboundSa::kOuterV6) != 0 ? sizeof(net::Ipv6Header)
                                               : sizeof(net::Ipv4Header)) +
      sizeof(net::EspHeader) + kIvBytes;
  const std::uint32_t outer_bytes = front_bytes + body_bytes + icv_bytes;
  const bool room = packet.headroom >= front_bytes && packet.tailroom >= pad + 2 + icv_bytes;
  if (outer_bytes > sa.outer_mtu() || !room) [[unlikely]] {
    refuse(engine, packet, sa,
           outer_bytes > sa.outer_mtu() ? EspVerdict::TooBig : EspVerdict::NoRoom);
    return false;
  }
  if constexpr (kMode == SaMode::Packet) {
    if (!claim_striped(engine, packet, out)) [[unlikely]]
      return false;
  } else {
    if (!claim(engine, packet, out)) [[unlikely]]
      return false;
  }
  const std::uint64_t sequence = out.sequence;

  // Trailer, RFC 4303 2.4: 1, 2, 3 ..., pad length, next header. The bytes after it become the ICV.
  auto* end = packet.data + length;
  const std::uint64_t next_header = packet.family == 6 ? net::kProtoIpv6 : net::kProtoIpv4;
  if constexpr (kBlockBytes == 4) {
    constexpr std::uint64_t kPadding[4] = {0x00, 0x0101, 0x020201, 0x03030201};
    store64(end, kPadding[pad] | next_header << (8 * (pad + 1)));
  } else {
    static_assert(kBlockBytes == 16);
    store64(end, 0x0807060504030201);
    store64(end + 8, 0x100f0e0d0c0b0a09);
    end[pad] = static_cast<std::uint8_t>(pad);
    end[pad + 1] = static_cast<std::uint8_t>(next_header);
  }

  out.esp = packet.data - kIvBytes - sizeof(net::EspHeader);
  out.body_bytes = body_bytes;
  packet.sequence = sequence;
  packet.data = write_outer(sa, packet, out.esp, outer_bytes, sequence);
  packet.length = outer_bytes;
  return true;
}

}  // namespace phalanx::ipsec
