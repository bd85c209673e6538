// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "support/esp_tunnel.hpp"

// The engine against ESP written a second time on OpenSSL, in both directions.

namespace phalanx::ipsec {
namespace {

using test::Bytes;
using test::PacketBuffer;
using test::Tunnel;
using test::TunnelOptions;

std::string name_of(const testing::TestParamInfo<std::tuple<int, bool, bool, int>>& param) {
  const auto [algorithm, esn, outer_v6, family] = param.param;
  std::string name(info(static_cast<EspAlgorithm>(algorithm)).name);
  std::erase(name, '-');
  return name + (esn ? "_esn" : "") + (outer_v6 ? "_over6" : "_over4") +
         (family == 4 ? "_inner4" : "_inner6");
}

class EspInterop : public testing::TestWithParam<std::tuple<int, bool, bool, int>> {
 protected:
  static TunnelOptions options() {
    const auto [algorithm, esn, outer_v6, family] = GetParam();
    TunnelOptions options;
    options.algorithm = static_cast<EspAlgorithm>(algorithm);
    options.esn = esn;
    options.outer_v6 = outer_v6;
    // Both sides of the high half.
    options.first_outbound = esn ? 0xffffffc0 : 1;
    options.floor = options.first_outbound;
    options.window = 128;
    return options;
  }
  static Bytes inner(std::size_t payload_bytes) {
    test::InnerPacket packet;
    packet.family = static_cast<std::uint8_t>(std::get<3>(GetParam()));
    packet.payload_bytes = payload_bytes;
    return test::build(packet);
  }
  static bool outer_v6() { return std::get<2>(GetParam()); }
  static std::uint8_t next_header() { return std::get<3>(GetParam()) == 4 ? 4 : 41; }
};

TEST_P(EspInterop, ReferenceOpensWhatTheEngineSealsAtEachLength) {
  Tunnel tunnel(options());
  auto sequence = options().first_outbound;
  for (std::size_t payload = 0; payload <= 1400; payload += payload < 200 ? 1 : 37, ++sequence) {
    const auto wanted = inner(payload);
    PacketBuffer buffer(wanted);
    const auto packet = tunnel.encrypt(buffer);
    ASSERT_EQ(packet.verdict, EspVerdict::Done) << "payload " << payload;
    ASSERT_EQ(packet.sequence, sequence);
    const auto opened = test::reference_open(tunnel.reference(), test::esp_of(packet, outer_v6()),
                                             static_cast<std::uint32_t>(sequence >> 32));
    ASSERT_TRUE(opened) << "payload " << payload;
    EXPECT_EQ(opened->payload, wanted);
    EXPECT_EQ(opened->next_header, next_header());
    EXPECT_EQ(opened->spi, options().spi);
    EXPECT_EQ(opened->sequence_low, static_cast<std::uint32_t>(sequence));
    for (std::size_t i = 0; i < opened->padding.size(); ++i) {
      ASSERT_EQ(opened->padding[i], i + 1);
    }
    EXPECT_LT(opened->padding.size(), info(options().algorithm).block_bytes);
  }
  EXPECT_EQ(tunnel.out().next_sequence(), sequence);
}

TEST_P(EspInterop, EngineOpensWhatTheReferenceSealsAtEachLength) {
  Tunnel tunnel(options());
  auto sequence = options().floor;
  for (std::size_t payload = 0; payload <= 1400; payload += payload < 200 ? 1 : 37, ++sequence) {
    const auto wanted = inner(payload);
    PacketBuffer buffer(test::reference_seal(
        tunnel.reference(), sequence, test::some_iv(options().algorithm, sequence),
        test::pad(tunnel.reference(), wanted, next_header(), payload % 5)));
    const auto packet = tunnel.decrypt(buffer);
    ASSERT_EQ(packet.verdict, EspVerdict::Done) << "payload " << payload;
    EXPECT_EQ(test::bytes_of(packet), wanted);
    EXPECT_EQ(packet.sequence, sequence);
    EXPECT_EQ(packet.family, std::get<3>(GetParam()));
    EXPECT_EQ(packet.cookie, &buffer);
  }
  EXPECT_EQ(tunnel.in().top_sequence(), sequence - 1);
}

INSTANTIATE_TEST_SUITE_P(All, EspInterop,
                         testing::Combine(testing::Range(0, int{kNumEspAlgorithms}),
                                          testing::Bool(), testing::Bool(), testing::Values(4, 6)),
                         &name_of);

}  // namespace
}  // namespace phalanx::ipsec
