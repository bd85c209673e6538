// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string_view>
#include <vector>

#include "phalanx/ipsec/esp_engine.hpp"
#include "phalanx/ipsec/sa_store.hpp"
#include "support/esp_reference.hpp"

namespace phalanx::test {

// Inner packets. IPv4 with a right checksum; the payload counts up.
struct InnerPacket {
  std::uint8_t family = 4;
  std::uint8_t traffic_class = 0;
  std::uint8_t protocol = 17;
  std::string_view source = {};       // default by family: an address of the peer's side
  std::string_view destination = {};  // and one of ours
  std::uint16_t source_port = 4000;
  std::uint16_t destination_port = 5000;
  std::size_t payload_bytes = 32;  // after the IP header, ports included
  bool dont_fragment = false;
  std::uint16_t fragment_offset = 0;  // in units of 8 bytes; IPv4 only
};
[[nodiscard]] Bytes build(const InnerPacket& packet);

// A buffer with room around a packet, as an mbuf has.
class PacketBuffer {
 public:
  static constexpr std::size_t kHeadroom = 128;
  static constexpr std::size_t kTailroom = 128;
  explicit PacketBuffer(std::span<const std::uint8_t> packet);
  [[nodiscard]] std::uint8_t* data() noexcept { return bytes_.data() + kHeadroom; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  Bytes bytes_;
  std::size_t size_;
};

// One SA of each direction under one set of keys, as two ends of a tunnel would have it: what the
// outbound one sends the inbound one takes. Two stores, as one key in two SAs of one is refused.
struct TunnelOptions {
  ipsec::EspAlgorithm algorithm = ipsec::EspAlgorithm::Aes128Gcm16;
  bool esn = false;
  bool outer_v6 = false;
  std::uint32_t window = 64;
  ipsec::SaMode mode = ipsec::SaMode::Session;
  std::uint8_t stripe_shift = ipsec::kDefaultStripeShift;
  std::uint64_t first_outbound = 1;
  std::uint64_t floor = 1;
  std::uint64_t lease_limit = ~std::uint64_t{0};
  std::uint64_t raise_at = ~std::uint64_t{0};
  ipsec::DfPolicy df = ipsec::DfPolicy::Copy;
  bool copy_dscp = true;
  std::uint8_t outer_dscp = 0;
  std::uint16_t path_mtu = 0;
  std::uint64_t first_iv = 0;
  std::uint32_t spi = 0x12345678;
  std::uint64_t key_seed = 1;  // keys are made from it,
  Bytes key;                   // unless this one is given (with its salt)
  ipsec::Isa isa = ipsec::Isa::Best;
  std::vector<ipsec::Selector> selectors;  // none: everything, in both families
};

class Tunnel {
 public:
  explicit Tunnel(const TunnelOptions& options = {});

  [[nodiscard]] ipsec::OutboundSa& out() noexcept { return *out_store_->outbound(0); }
  [[nodiscard]] ipsec::InboundSa& in() noexcept { return *in_store_->inbound(0); }
  [[nodiscard]] ipsec::EspEngine& engine() noexcept { return *engine_; }
  [[nodiscard]] const ReferenceSa& reference() const noexcept { return reference_; }
  [[nodiscard]] ipsec::IvCounter& iv_counter() noexcept { return *iv_counter_; }

  // One packet through, flushed. The result's data points into `buffer`.
  ipsec::EspPacket encrypt(PacketBuffer& buffer, std::uint8_t traffic_class = 0,
                           bool dont_fragment = false);
  ipsec::EspPacket decrypt(PacketBuffer& buffer, std::uint8_t outer_class = 0);
  // ESP from the reference under a number, into decrypt().
  ipsec::EspVerdict receive(std::uint64_t sequence, const Bytes& inner = {});
  // The same with any payload and padding.
  ipsec::EspVerdict receive(std::uint64_t sequence, const ReferencePayload& payload);

  [[nodiscard]] ipsec::EspPacket outbound_packet(PacketBuffer& buffer,
                                                 std::uint8_t traffic_class = 0,
                                                 bool dont_fragment = false);
  [[nodiscard]] ipsec::EspPacket inbound_packet(PacketBuffer& buffer, std::uint8_t outer_class = 0);

 private:
  ReferenceSa reference_;
  std::unique_ptr<ipsec::IvCounter> iv_counter_;
  std::unique_ptr<ipsec::SaStore> out_store_;
  std::unique_ptr<ipsec::SaStore> in_store_;
  std::unique_ptr<ipsec::EspEngine> engine_;
};

// Parameters of an SA with keys made from a seed.
[[nodiscard]] ipsec::SaParams make_params(const TunnelOptions& options, ipsec::Direction direction);
[[nodiscard]] ReferenceSa make_reference(const TunnelOptions& options);
// A policy that takes everything of a family to the given SAs.
[[nodiscard]] ipsec::Policy any_policy(net::Family family, std::vector<std::uint32_t> in_sas);
[[nodiscard]] ipsec::Selector make_selector(std::string_view local, std::string_view remote);
// The ESP part of an outer packet.
[[nodiscard]] std::span<const std::uint8_t> esp_of(const ipsec::EspPacket& packet, bool outer_v6);
[[nodiscard]] Bytes bytes_of(const ipsec::EspPacket& packet);
// An IV of the algorithm's length; any will do for a reference packet.
[[nodiscard]] Bytes some_iv(ipsec::EspAlgorithm algorithm, std::uint64_t number);

}  // namespace phalanx::test
