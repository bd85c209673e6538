// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "support/esp_tunnel.hpp"

#include <cstdlib>
#include <cstring>
#include <utility>

#include "phalanx/net/address.hpp"
#include "phalanx/net/checksum.hpp"
#include "phalanx/net/ip.hpp"

namespace phalanx::test {
namespace {

net::IpAddress address(std::string_view text) {
  const auto parsed = net::parse_ip(text);
  if (!parsed) std::abort();
  return *parsed;
}

Bytes random_bytes(std::mt19937_64& random, std::size_t count) {
  Bytes bytes(count);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

void build_ipv4(const InnerPacket& packet, Bytes& bytes) {
  net::Ipv4Header header{};
  header.version_ihl = 0x45;
  header.type_of_service = packet.traffic_class;
  header.total_length = base::be16(static_cast<std::uint16_t>(20 + packet.payload_bytes));
  header.identification = base::be16(0x1234);
  header.fragment = base::be16(static_cast<std::uint16_t>(
      (packet.dont_fragment ? net::Ipv4Header::kDontFragment : 0) | packet.fragment_offset));
  header.ttl = 61;
  header.protocol = packet.protocol;
  const auto source = address(packet.source.empty() ? "10.2.0.7" : packet.source);
  const auto destination = address(packet.destination.empty() ? "10.1.0.9" : packet.destination);
  std::memcpy(header.source.data(), source.bytes.data(), 4);
  std::memcpy(header.destination.data(), destination.bytes.data(), 4);
  header.checksum = base::be16(net::checksum(std::as_bytes(std::span(&header, 1))));
  bytes.resize(sizeof(header));
  std::memcpy(bytes.data(), &header, sizeof(header));
}

void build_ipv6(const InnerPacket& packet, Bytes& bytes) {
  net::Ipv6Header header{};
  header.version_class_flow =
      base::be32(0x60000000U | static_cast<std::uint32_t>(packet.traffic_class) << 20 | 0x54321);
  header.payload_length = base::be16(static_cast<std::uint16_t>(packet.payload_bytes));
  header.next_header = packet.protocol;
  header.hop_limit = 61;
  header.source = address(packet.source.empty() ? "2001:db8:2::7" : packet.source).bytes;
  header.destination =
      address(packet.destination.empty() ? "2001:db8:1::9" : packet.destination).bytes;
  bytes.resize(sizeof(header));
  std::memcpy(bytes.data(), &header, sizeof(header));
}

}  // namespace

Bytes build(const InnerPacket& packet) {
  Bytes bytes;
  if (packet.family == 4) {
    build_ipv4(packet, bytes);
  } else {
    build_ipv6(packet, bytes);
  }
  const std::uint8_t ports[4] = {static_cast<std::uint8_t>(packet.source_port >> 8),
                                 static_cast<std::uint8_t>(packet.source_port),
                                 static_cast<std::uint8_t>(packet.destination_port >> 8),
                                 static_cast<std::uint8_t>(packet.destination_port)};
  for (std::size_t i = 0; i < packet.payload_bytes; ++i) {
    bytes.push_back(i < 4 ? ports[i] : static_cast<std::uint8_t>(i));
  }
  return bytes;
}

PacketBuffer::PacketBuffer(std::span<const std::uint8_t> packet)
    : bytes_(kHeadroom + packet.size() + kTailroom, 0xee), size_(packet.size()) {
  if (!packet.empty()) std::memcpy(data(), packet.data(), packet.size());
}

ReferenceSa make_reference(const TunnelOptions& options) {
  const auto& facts = ipsec::info(options.algorithm);
  std::mt19937_64 random(options.key_seed);
  ReferenceSa made;
  made.algorithm = options.algorithm;
  made.key = random_bytes(random, std::size_t{facts.key_bytes} + facts.salt_bytes);
  if (!options.key.empty()) made.key = options.key;
  made.auth_key = random_bytes(random, facts.auth_key_bytes);
  made.spi = options.spi;
  made.esn = options.esn;
  return made;
}

ipsec::SaParams make_params(const TunnelOptions& options, ipsec::Direction direction) {
  const auto reference = make_reference(options);
  ipsec::SaParams params;
  params.name = "sa";
  params.uid = base::Uid(options.spi);
  params.direction = direction;
  params.spi = base::Spi(options.spi);
  params.local = address(options.outer_v6 ? "2001:db8:ff::1" : "192.0.2.1");
  params.remote = address(options.outer_v6 ? "2001:db8:fe::2" : "198.51.100.2");
  params.algorithm = options.algorithm;
  params.key = base::Secret(std::as_bytes(std::span(reference.key)));
  params.auth_key = base::Secret(std::as_bytes(std::span(reference.auth_key)));
  params.esn = options.esn;
  params.replay_window = options.window;
  params.mode = options.mode;
  params.stripe_shift = options.stripe_shift;
  params.df = options.df;
  params.copy_dscp = options.copy_dscp;
  params.outer_dscp = options.outer_dscp;
  params.path_mtu = options.path_mtu;
  return params;
}

ipsec::Selector make_selector(std::string_view local, std::string_view remote) {
  const auto parsed_local = net::parse_prefix(local);
  const auto parsed_remote = net::parse_prefix(remote);
  if (!parsed_local || !parsed_remote) std::abort();
  ipsec::Selector selector;
  selector.local = *parsed_local;
  selector.remote = *parsed_remote;
  return selector;
}

ipsec::Policy any_policy(net::Family family, std::vector<std::uint32_t> in_sas) {
  ipsec::Policy policy;
  policy.name = "any";
  policy.action = ipsec::PolicyAction::Protect;
  const bool v4 = family == net::Family::V4;
  policy.selector = make_selector(v4 ? "0.0.0.0/0" : "::/0", v4 ? "0.0.0.0/0" : "::/0");
  policy.in_sas = std::move(in_sas);
  return policy;
}

Tunnel::Tunnel(const TunnelOptions& options)
    : reference_(make_reference(options)),
      iv_counter_(std::make_unique<ipsec::IvCounter>(options.first_iv)) {
  const auto make = [&](ipsec::Direction direction, std::uint64_t first) {
    std::vector<ipsec::SaParams> params;
    params.push_back(make_params(options, direction));
    std::vector<ipsec::Policy> policies;
    if (direction == ipsec::Direction::Inbound) {
      for (const auto& selector : options.selectors) {
        policies.push_back(any_policy(net::Family::V4, {0}));
        policies.back().selector = selector;
      }
      if (options.selectors.empty()) {
        policies.push_back(any_policy(net::Family::V4, {0}));
        policies.push_back(any_policy(net::Family::V6, {0}));
      }
    }
    const std::vector<ipsec::SaStart> starts = {
        {first, options.lease_limit, options.raise_at, iv_counter_.get()}};
    auto made = ipsec::SaStore::create(params, policies, starts, base::NodeId(3),
                                       base::BootCount(7), options.isa);
    if (!made) std::abort();
    return std::move(made).value();
  };
  out_store_ = make(ipsec::Direction::Outbound, options.first_outbound);
  in_store_ = make(ipsec::Direction::Inbound, options.floor);
  auto engine = ipsec::EspEngine::create(options.isa);
  if (!engine) std::abort();
  engine_ = std::move(engine).value();
}

ipsec::EspPacket Tunnel::outbound_packet(PacketBuffer& buffer, std::uint8_t traffic_class,
                                         bool dont_fragment) {
  ipsec::EspPacket packet;
  packet.data = buffer.data();
  packet.length = static_cast<std::uint32_t>(buffer.size());
  packet.headroom = PacketBuffer::kHeadroom;
  packet.tailroom = PacketBuffer::kTailroom;
  packet.out_sa = &out();
  packet.cookie = &buffer;
  packet.family = static_cast<std::uint8_t>(*buffer.data() >> 4);
  packet.traffic_class = traffic_class;
  packet.dont_fragment = dont_fragment;
  return packet;
}

ipsec::EspPacket Tunnel::inbound_packet(PacketBuffer& buffer, std::uint8_t outer_class) {
  ipsec::EspPacket packet;
  packet.data = buffer.data();
  packet.length = static_cast<std::uint32_t>(buffer.size());
  packet.in_sa = &in();
  packet.cookie = &buffer;
  packet.traffic_class = outer_class;
  return packet;
}

ipsec::EspPacket Tunnel::encrypt(PacketBuffer& buffer, std::uint8_t traffic_class,
                                 bool dont_fragment) {
  auto packet = outbound_packet(buffer, traffic_class, dont_fragment);
  engine_->encrypt(std::span(&packet, 1));
  if (packet.verdict != ipsec::EspVerdict::InFlight) return packet;
  engine_->flush();
  if (engine_->collect_encrypted(std::span(&packet, 1)) != 1) std::abort();
  return packet;
}

ipsec::EspPacket Tunnel::decrypt(PacketBuffer& buffer, std::uint8_t outer_class) {
  auto packet = inbound_packet(buffer, outer_class);
  engine_->decrypt(std::span(&packet, 1));
  if (packet.verdict != ipsec::EspVerdict::InFlight) return packet;
  engine_->flush();
  if (engine_->collect_decrypted(std::span(&packet, 1)) != 1) std::abort();
  return packet;
}

ipsec::EspVerdict Tunnel::receive(std::uint64_t sequence, const Bytes& inner) {
  return receive(sequence, pad(reference_, inner.empty() ? build({}) : inner, 4));
}

ipsec::EspVerdict Tunnel::receive(std::uint64_t sequence, const ReferencePayload& payload) {
  PacketBuffer buffer(
      reference_seal(reference_, sequence, some_iv(reference_.algorithm, sequence), payload));
  return decrypt(buffer).verdict;
}

std::span<const std::uint8_t> esp_of(const ipsec::EspPacket& packet, bool outer_v6) {
  const std::size_t header = outer_v6 ? 40 : 20;
  return {packet.data + header, packet.length - header};
}

Bytes bytes_of(const ipsec::EspPacket& packet) {
  return {packet.data, packet.data + packet.length};
}

Bytes some_iv(ipsec::EspAlgorithm algorithm, std::uint64_t number) {
  std::mt19937_64 random(number);
  return random_bytes(random, ipsec::info(algorithm).iv_bytes);
}

}  // namespace phalanx::test
