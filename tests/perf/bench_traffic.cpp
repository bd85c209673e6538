// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "bench_traffic.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>

#include "phalanx/net/checksum.hpp"
#include "phalanx/net/ethernet.hpp"
#include "phalanx/net/ip.hpp"

namespace phalanx::bench {
namespace {

using base::be16;
using base::be32;
using ipsec::Direction;
using net::EspHeader;
using net::EthernetHeader;
using net::Ipv4Header;
using net::UdpHeader;

constexpr std::uint8_t kTtl = 64;

std::uint16_t half(std::size_t value) {
  return static_cast<std::uint16_t>(value);
}

void write_ipv4(std::uint8_t* to, std::uint16_t total, std::uint8_t ttl, std::uint8_t protocol,
                const Ipv4Bytes& source, const Ipv4Bytes& destination) {
  auto* ip = new (to) Ipv4Header{};
  ip->version_ihl = 0x45;
  ip->total_length = be16(total);
  ip->fragment = be16(Ipv4Header::kDontFragment);
  ip->ttl = ttl;
  ip->protocol = protocol;
  ip->source = source;
  ip->destination = destination;
  ip->checksum = be16(net::checksum(std::as_bytes(std::span(to, sizeof(Ipv4Header)))));
}

void write_ethernet(std::uint8_t* to, const net::MacAddress& destination,
                    const net::MacAddress& source) {
  new (to) EthernetHeader{destination, source, be16(net::kEtherTypeIpv4)};
}

bool ethernet_matches(const std::uint8_t* frame, const net::MacAddress& destination,
                      const net::MacAddress& source) {
  const EthernetHeader wanted{destination, source, be16(net::kEtherTypeIpv4)};
  return std::memcmp(frame, &wanted, sizeof(wanted)) == 0;
}

}  // namespace

std::uint32_t padded_bytes(ipsec::EspAlgorithm algorithm, std::uint32_t inner_bytes) noexcept {
  const std::uint32_t block = ipsec::info(algorithm).block_bytes;
  return (inner_bytes + 2 + block - 1) / block * block;
}

Traffic::Traffic(const Plan& plan)
    : plan_(plan),
      manager_(make_manager()),
      keys_(*manager_, plan.algorithm, plan.direction, plan.sas),
      cipher_bytes_(padded_bytes(plan.algorithm, plan.inner_bytes)),
      order_(std::max(plan.buffers, plan.sas)),
      first_(order_.size()),  // the first round shuffles
      sequence_(plan.sas),
      pattern_(plan.inner_bytes + 256),
      expected_(plan.inner_bytes) {
  const auto& row = ipsec::info(plan.algorithm);
  std::size_t bytes = sizeof(EthernetHeader) + plan.inner_bytes;
  if (plan.direction == Direction::Inbound) {
    bytes = sizeof(EthernetHeader) + sizeof(Ipv4Header) + sizeof(EspHeader) + row.iv_bytes +
            cipher_bytes_ + row.icv_bytes;
  }
  frame_bytes_ = half(bytes);
  for (std::size_t i = 0; i < pattern_.size(); ++i) {
    pattern_[i] = static_cast<std::uint8_t>(i * 31 + 7);
  }
  for (std::uint32_t i = 0; i < order_.size(); ++i) order_[i] = i % plan.sas;
  unsealed_.reserve(plan.buffers);
}

void Traffic::begin_round() {
  first_ += plan_.buffers;
  if (first_ + plan_.buffers <= order_.size()) return;
  first_ = 0;
  for (std::size_t left = order_.size(); left > 1; --left) {
    random_ ^= random_ << 13;  // xorshift64 (Marsaglia 2003)
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    std::swap(order_[left - 1], order_[random_ % left]);
  }
}

void Traffic::write_frame(std::uint32_t packet, std::uint8_t* frame) {
  const std::uint32_t sa = sa_of(packet);
  std::uint8_t* ip = frame + sizeof(EthernetHeader);
  if (plan_.direction == Direction::Outbound) {
    write_ethernet(frame, kPrivateMac, kPrivateNeighborMac);
    write_inner(ip, sa, kTtl);
    return;
  }
  write_ethernet(frame, kPublicMac, kPublicNeighborMac);
  write_ipv4(ip, half(frame_bytes_ - sizeof(EthernetHeader)), kTtl, net::kProtoEsp,
             tunnel_remote(sa), kTunnelLocal);
  write_esp(ip + sizeof(Ipv4Header), sa);
}

void Traffic::write_inner(std::uint8_t* to, std::uint32_t sa, std::uint8_t ttl) const {
  const auto inside = private_host(sa);
  const auto outside = remote_host(sa);
  const bool outbound = plan_.direction == Direction::Outbound;
  write_ipv4(to, half(plan_.inner_bytes), ttl, net::kProtoUdp, outbound ? inside : outside,
             outbound ? outside : inside);
  // Checksum 0: none was computed (RFC 768).
  new (to + sizeof(Ipv4Header))
      UdpHeader{be16(4000), be16(5000), be16(half(plan_.inner_bytes - sizeof(Ipv4Header))), {}};
  constexpr std::size_t headers = sizeof(Ipv4Header) + sizeof(UdpHeader);
  std::memcpy(to + headers, &pattern_[sa & 0xff], plan_.inner_bytes - headers);
}

void Traffic::write_esp(std::uint8_t* esp, std::uint32_t sa) {
  const auto& row = ipsec::info(plan_.algorithm);
  const std::uint32_t sequence = ++sequence_[sa];
  new (esp) EspHeader{be32(kInboundSpi + sa), be32(sequence)};
  std::uint8_t* iv = esp + sizeof(EspHeader);
  std::memset(iv, 0, row.iv_bytes);
  std::memcpy(iv, &sequence, sizeof(sequence));
  std::uint8_t* inner = iv + row.iv_bytes;
  write_inner(inner, sa, kTtl);
  const std::uint32_t pad = cipher_bytes_ - plan_.inner_bytes - 2;
  std::uint8_t* trailer = inner + plan_.inner_bytes;
  for (std::uint32_t i = 0; i < pad; ++i) trailer[i] = static_cast<std::uint8_t>(i + 1);
  trailer[pad] = static_cast<std::uint8_t>(pad);
  trailer[pad + 1] = net::kProtoIpv4;
  unsealed_.push_back({sa, esp, cipher_bytes_});
}

void Traffic::seal() {
  if (!run_jobs(*manager_, keys_, unsealed_, true)) {
    throw std::runtime_error("intel-ipsec-mb refused to encrypt");
  }
  unsealed_.clear();
}

bool Traffic::check(std::span<std::uint8_t> frame, std::uint32_t sa) {
  const auto ip = frame.subspan(sizeof(EthernetHeader));
  if (plan_.direction == Direction::Outbound) {
    return ethernet_matches(frame.data(), kPublicNeighborMac, kPublicMac) && check_esp(ip, sa);
  }
  return ethernet_matches(frame.data(), kPrivateNeighborMac, kPrivateMac) &&
         ip.size() == plan_.inner_bytes && inner_matches(ip.data(), sa);
}

bool Traffic::inner_matches(const std::uint8_t* ip, std::uint32_t sa) {
  write_inner(expected_.data(), sa, kTtl - 1);
  return std::memcmp(ip, expected_.data(), plan_.inner_bytes) == 0;
}

bool Traffic::check_esp(std::span<std::uint8_t> ip, std::uint32_t sa) {
  const auto& row = ipsec::info(plan_.algorithm);
  const std::size_t headers = sizeof(Ipv4Header) + sizeof(EspHeader) + row.iv_bytes;
  if (ip.size() != headers + cipher_bytes_ + row.icv_bytes) return false;
  Ipv4Header outer{};
  std::memcpy(&outer, ip.data(), sizeof(outer));
  if (net::checksum(std::as_bytes(ip.first(sizeof(outer)))) != 0 || outer.version_ihl != 0x45 ||
      outer.total_length.host() != ip.size() || outer.protocol != net::kProtoEsp ||
      outer.source != kTunnelLocal || outer.destination != tunnel_remote(sa)) {
    return false;
  }
  EspHeader header{};
  std::memcpy(&header, &ip[sizeof(outer)], sizeof(header));
  // Numbers of an SA only grow: nothing here may come out twice or out of order.
  if (header.spi.host() != kOutboundSpi + sa || header.sequence.host() <= sequence_[sa]) {
    return false;
  }
  sequence_[sa] = header.sequence.host();
  const EspItem item{sa, &ip[sizeof(outer)], cipher_bytes_};
  if (!run_jobs(*manager_, keys_, std::span(&item, 1), false)) return false;
  const std::uint8_t* inner = &ip[headers];
  const std::uint8_t* trailer = inner + plan_.inner_bytes;
  const std::uint32_t pad = cipher_bytes_ - plan_.inner_bytes - 2;
  for (std::uint32_t i = 0; i < pad; ++i) {
    if (trailer[i] != i + 1) return false;
  }
  return trailer[pad] == pad && trailer[pad + 1] == net::kProtoIpv4 && inner_matches(inner, sa);
}

}  // namespace phalanx::bench
