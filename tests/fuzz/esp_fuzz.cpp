// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
// modules: ipsec
//
// Input: algorithm (1), flags (1), outer traffic class (1), data. Flags: 1 64-bit numbers; 6 what
// the data is: 0 bytes from the wire behind a right SPI; 2 decrypted content, trailer included,
// that the reference seals, so that it passes the ICV; 4 an inner packet to be sent and received
// again. What the engine says is held against the reference and the packet parser.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "phalanx/net/packet_parser.hpp"
#include "support/esp_tunnel.hpp"

namespace {

using namespace phalanx;
using ipsec::EspPacket;
using ipsec::EspVerdict;
using test::Bytes;
using Input = std::span<const std::uint8_t>;

void require(bool holds) {
  if (!holds) std::abort();
}

// One tunnel per algorithm and length of numbers, kept from input to input with its counters.
test::Tunnel& tunnel_of(std::size_t algorithm, bool esn) {
  static std::array<std::unique_ptr<test::Tunnel>, 2 * ipsec::kNumEspAlgorithms> tunnels;
  auto& tunnel = tunnels[2 * algorithm + (esn ? 1 : 0)];
  if (!tunnel) {
    test::TunnelOptions options;
    options.algorithm = static_cast<ipsec::EspAlgorithm>(algorithm);
    options.esn = esn;
    options.selectors = {test::make_selector("0.0.0.0/1", "0.0.0.0/0"),
                         test::make_selector("::/0", "2000::/3")};
    options.selectors[0].protocol = net::kProtoUdp;
    options.selectors[0].local_ports = {1, 40000};
    tunnel = std::make_unique<test::Tunnel>(options);
  }
  return *tunnel;
}

// In a heap block of exactly its size, so that AddressSanitizer sees the first byte too many.
EspPacket decrypt(test::Tunnel& tunnel, Bytes& bytes, std::uint8_t outer_class) {
  EspPacket packet;
  packet.data = bytes.data();
  packet.length = static_cast<std::uint32_t>(bytes.size());
  packet.in_sa = &tunnel.in();
  packet.traffic_class = outer_class;
  tunnel.engine().decrypt(std::span(&packet, 1));
  if (packet.verdict == EspVerdict::InFlight) {
    tunnel.engine().flush();
    require(tunnel.engine().collect_decrypted(std::span(&packet, 1)) == 1);
  }
  require(tunnel.engine().pending() == 0);
  return packet;
}

void check_delivered(const EspPacket& packet, const Bytes& bytes) {
  require(packet.data >= bytes.data());
  require(packet.data + packet.length <= bytes.data() + bytes.size());
  const auto inner = std::as_bytes(std::span<const std::uint8_t>(packet.data, packet.length));
  const auto view = net::parse_ip_packet(inner);
  require(view.fault == net::IpFault::Ok);
  require(view.version == packet.family && view.total_length == packet.length);
}

void check_wire(test::Tunnel& tunnel, Input data, std::uint8_t outer_class) {
  if (data.size() < 4) return;  // the data path hands over whole ESP headers
  Bytes bytes = {0x12, 0x34, 0x56, 0x78};
  bytes.insert(bytes.end(), data.begin(), data.end());
  const auto top = tunnel.in().top_sequence();
  const auto verdict = decrypt(tunnel, bytes, outer_class).verdict;
  require(verdict == EspVerdict::Malformed || verdict == EspVerdict::AuthFailed ||
          verdict == EspVerdict::ReplayDuplicate || verdict == EspVerdict::ReplayTooOld);
  require(tunnel.in().top_sequence() == top);
}

void check_content(test::Tunnel& tunnel, Input data, std::uint8_t outer_class) {
  const auto& reference = tunnel.reference();
  const std::size_t block = ipsec::info(reference.algorithm).block_bytes;
  const auto whole = data.first(data.size() / block * block);
  if (whole.empty()) return;
  test::ReferencePayload payload;
  payload.payload.assign(whole.begin(), whole.end() - 2);
  payload.pad_length = whole[whole.size() - 2];
  payload.next_header = whole.back();
  const auto sequence = tunnel.in().top_sequence() + 1;
  auto bytes = test::reference_seal(reference, sequence,
                                    test::some_iv(reference.algorithm, sequence), payload);
  const auto packet = decrypt(tunnel, bytes, outer_class);
  require(packet.verdict != EspVerdict::AuthFailed && packet.verdict != EspVerdict::Malformed);
  require(tunnel.in().top_sequence() == sequence);
  if (packet.verdict != EspVerdict::Done) return;
  check_delivered(packet, bytes);
  require(packet.family == (payload.next_header == net::kProtoIpv4 ? 4 : 6));
  const std::size_t pad = payload.pad_length;
  require(pad + 2 + packet.length <= whole.size());
  for (std::size_t i = 1; i <= pad; ++i) require(whole[whole.size() - 2 - pad + i - 1] == i);
  // Only the ECN field and the IPv4 checksum may differ.
  for (std::size_t i = 12; i < packet.length; ++i) require(packet.data[i] == whole[i]);
}

void check_inner(test::Tunnel& tunnel, Input data) {
  if (data.empty() || data.size() > 9000) return;
  test::PacketBuffer buffer(data);
  const auto sent = tunnel.encrypt(buffer, 0);
  require(sent.verdict == EspVerdict::Done);
  const auto esp = test::esp_of(sent, false);
  const auto opened = test::reference_open(tunnel.reference(), esp,
                                           static_cast<std::uint32_t>(sent.sequence >> 32));
  require(opened.has_value());
  require(std::equal(data.begin(), data.end(), opened->payload.begin(), opened->payload.end()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  auto& tunnel = tunnel_of(data[0] % ipsec::kNumEspAlgorithms, (data[1] & 1) != 0);
  const Input rest(data + 3, size - 3);
  switch (data[1] & 6) {
    case 0: check_wire(tunnel, rest, data[2]); break;
    case 2: check_content(tunnel, rest, data[2]); break;
    default: check_inner(tunnel, rest); break;
  }
  return 0;
}
