// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "phalanx/base/ids.hpp"
#include "phalanx/net/icmp.hpp"
#include "phalanx/net/packet_parser.hpp"

namespace phalanx::net {

// What the bucket of a packet is computed from. ABI between nodes: values never change.
enum class GroundsClass : std::uint8_t {
  EspSession = 1,  // SPI
  EspPacket = 2,   // SPI and the wire's 32-bit sequence number >> stripe_shift
  Ike = 3,         // an IKE SPI of 8 bytes
  Flow4 = 4,       // symmetric IPv4 5-tuple
  Flow6 = 5,       // symmetric IPv6 5-tuple
  Icmp4 = 6,       // IPv4 addresses and ICMP identifier
  Icmp6 = 7,
  Other4 = 8,  // IPv4 addresses and protocol
  Other6 = 9,
  Fragment4 = 10,  // IPv4 addresses and identification
  Fragment6 = 11,  // IPv6 addresses and identification
};

// The grounds of a burst of packets as BucketHash takes them in, so that many are hashed at a time:
// the same bytes that its functions for single packets build, see docs/abi.md. `at` is the packet's
// place in the burst; each is written once after clear(). One thread.
class GroundsBurst {
 public:
  static constexpr std::size_t kCapacity = 32;
  static constexpr std::size_t kBlockBytes = 16;

  void clear() noexcept {
    num_blocks_.fill(1);
    longest_ = 1;
  }

  void put_esp_session(std::size_t at, base::Spi spi) noexcept {
    put_words(at, GroundsClass::EspSession, std::uint64_t{spi.value()} << 24, 0);
  }
  void put_esp_packet(std::size_t at, base::Spi spi, std::uint32_t stripe) noexcept {
    put_esp(at, spi, true, stripe);
  }
  // Either of the two, without a branch: which it is cannot be foreseen.
  void put_esp(std::size_t at, base::Spi spi, bool packet_mode, std::uint32_t stripe) noexcept {
    stripe &= 0U - static_cast<std::uint32_t>(packet_mode);
    const auto grounds_class = static_cast<std::uint8_t>(GroundsClass::EspSession) +
                               static_cast<std::uint8_t>(packet_mode);
    put_words(at, static_cast<GroundsClass>(grounds_class),
              std::uint64_t{spi.value()} << 24 | stripe >> 8, std::uint64_t{stripe} << 56);
  }
  // A whole IPv4 packet of a protocol with ports; `ip`: its header without options, and the ports.
  void put_flow4(std::size_t at, const std::uint8_t* ip, std::uint8_t protocol) noexcept {
    const auto* l4 = ip + sizeof(Ipv4Header);
    const auto a = endpoint4(ip + offsetof(Ipv4Header, source), l4);
    const auto b = endpoint4(ip + offsetof(Ipv4Header, destination), l4 + 2);
    put_flow4(at, a, b, protocol);
  }
  // A clear packet that parse_ip_packet found good: its flow, echo identifier, fragment, or
  // addresses and protocol, whichever it has.
  void put_clear(std::size_t at, const IpView& view, const std::uint8_t* ip) noexcept {
    if (view.version == 4) {
      put_clear4(at, view, ip);
    } else {
      put_clear6(at, view, ip);
    }
  }

 private:
  friend class BucketHash;
  using Block = std::array<std::uint8_t, kBlockBytes>;

  // Address and port as one number, that orders as docs/abi.md wants it.
  [[nodiscard]] static std::uint64_t endpoint4(const std::uint8_t* address,
                                               const std::uint8_t* port) noexcept {
    std::uint32_t wire_address = 0;
    std::uint16_t wire_port = 0;
    std::memcpy(&wire_address, address, sizeof(wire_address));
    std::memcpy(&wire_port, port, sizeof(wire_port));
    return std::uint64_t{__builtin_bswap32(wire_address)} << 16 | __builtin_bswap16(wire_port);
  }
  void put_flow4(std::size_t at, std::uint64_t a, std::uint64_t b, std::uint8_t protocol) noexcept {
    const auto low = std::min(a, b);
    const auto high = std::max(a, b);
    put_words(at, GroundsClass::Flow4, low << 8 | high >> 40,
              high << 24 | std::uint64_t{protocol} << 16);
  }
  // One block: the class, the low 56 bits of `first`, all of `second`.
  void put_words(std::size_t at, GroundsClass grounds_class, std::uint64_t first,
                 std::uint64_t second) noexcept {
    assert(at < kCapacity);
    first = (first & 0x00ff'ffff'ffff'ffff) |
            std::uint64_t{static_cast<std::uint8_t>(grounds_class)} << 56;
    const std::array<std::uint64_t, 2> wire = {__builtin_bswap64(first), __builtin_bswap64(second)};
    std::memcpy(&blocks_[0][at], wire.data(), sizeof(wire));
  }
  void put_clear4(std::size_t at, const IpView& view, const std::uint8_t* ip) noexcept;
  void put_clear6(std::size_t at, const IpView& view, const std::uint8_t* ip) noexcept;

  // By block, then by packet: almost all packets have one block.
  static constexpr std::size_t kMaxBlocks = 3;
  alignas(base::kCacheLine) std::array<std::array<Block, kCapacity>, kMaxBlocks> blocks_{};
  std::array<std::uint8_t, kCapacity> num_blocks_{};
  std::size_t longest_ = 1;  // the most blocks that a packet has
};

}  // namespace phalanx::net
