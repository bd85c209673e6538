// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "phalanx/base/bytes.hpp"
#include "phalanx/ipsec/kdf.hpp"
#include "phalanx/net/checksum.hpp"
#include "support/esp_tunnel.hpp"

namespace phalanx::ipsec {
namespace {

using test::Bytes;
using test::PacketBuffer;
using test::Tunnel;
using test::TunnelOptions;

constexpr std::uint64_t kTwo32 = std::uint64_t{1} << 32;

const net::Ipv4Header& outer4(const EspPacket& packet) {
  return *base::wire_at<net::Ipv4Header>(packet.data);
}
const net::Ipv6Header& outer6(const EspPacket& packet) {
  return *base::wire_at<net::Ipv6Header>(packet.data);
}
std::uint64_t iv_of(const EspPacket& packet) {
  return base::wire_at<base::be64>(packet.data + 20 + 8)->host();
}

TEST(EspOutbound, Ipv4HeaderIsCompleteAndItsChecksumHolds) {
  TunnelOptions options;
  Tunnel tunnel(options);
  for (std::size_t payload = 0; payload < 300; ++payload) {
    PacketBuffer buffer(test::build({.payload_bytes = payload}));
    const auto packet =
        tunnel.encrypt(buffer, static_cast<std::uint8_t>(payload), payload % 2 != 0);
    ASSERT_EQ(packet.verdict, EspVerdict::Done);
    const auto& header = outer4(packet);
    EXPECT_EQ(header.version_ihl, 0x45);
    EXPECT_EQ(header.type_of_service, static_cast<std::uint8_t>(payload));
    EXPECT_EQ(header.total_length.host(), packet.length);
    EXPECT_EQ(header.ttl, 64);
    EXPECT_EQ(header.protocol, net::kProtoEsp);
    EXPECT_EQ(header.source, (std::array<std::uint8_t, 4>{192, 0, 2, 1}));
    EXPECT_EQ(header.destination, (std::array<std::uint8_t, 4>{198, 51, 100, 2}));
    EXPECT_EQ(net::checksum(std::as_bytes(std::span(&header, 1))), 0) << "payload " << payload;
    EXPECT_EQ(packet.data, buffer.data() - tunnel.out().headroom_needed());
  }
}

TEST(EspOutbound, Ipv6HeaderIsComplete) {
  TunnelOptions options;
  options.outer_v6 = true;
  Tunnel tunnel(options);
  for (const unsigned traffic_class : {0U, 0x2eU << 2, 0xffU, 0x03U, 0x80U}) {
    PacketBuffer buffer(test::build({.payload_bytes = 77}));
    const auto packet = tunnel.encrypt(buffer, static_cast<std::uint8_t>(traffic_class));
    ASSERT_EQ(packet.verdict, EspVerdict::Done);
    const auto& header = outer6(packet);
    EXPECT_EQ(header.version_class_flow.host(), 0x60000000U | traffic_class << 20);
    EXPECT_EQ(header.payload_length.host(), packet.length - 40);
    EXPECT_EQ(header.next_header, net::kProtoEsp);
    EXPECT_EQ(header.hop_limit, 64);
    EXPECT_EQ(net::to_string(net::IpAddress::v6_from(header.source.data())), "2001:db8:ff::1");
    EXPECT_EQ(net::to_string(net::IpAddress::v6_from(header.destination.data())), "2001:db8:fe::2");
  }
}

// RFC 4301 8.1 and RFC 6864.
TEST(EspOutbound, DontFragmentFollowsThePolicyAndOnlyFragmentablePacketsHaveAnIdentification) {
  struct Case {
    DfPolicy policy;
    bool inner;
    bool outer;
  };
  for (const auto& test_case : std::vector<Case>{{DfPolicy::Copy, false, false},
                                                 {DfPolicy::Copy, true, true},
                                                 {DfPolicy::Set, false, true},
                                                 {DfPolicy::Set, true, true},
                                                 {DfPolicy::Clear, false, false},
                                                 {DfPolicy::Clear, true, false}}) {
    TunnelOptions options;
    options.df = test_case.policy;
    Tunnel tunnel(options);
    std::set<std::uint16_t> identifications;
    for (int i = 0; i < 100; ++i) {
      PacketBuffer buffer(test::build({.dont_fragment = test_case.inner}));
      const auto packet = tunnel.encrypt(buffer, 0, test_case.inner);
      const auto& header = outer4(packet);
      EXPECT_EQ(header.fragment.host(), test_case.outer ? net::Ipv4Header::kDontFragment : 0);
      identifications.insert(header.identification.host());
    }
    if (test_case.outer) {
      EXPECT_EQ(identifications, std::set<std::uint16_t>{0});
    } else {
      EXPECT_EQ(identifications.size(), 100U);
    }
  }
}

// RFC 6040 4.1 (normal mode), RFC 4301 5.1.2.1.
TEST(EspOutbound, DscpIsCopiedOrFixedAndEcnIsAlwaysCopied) {
  for (const bool copy : {true, false}) {
    for (const bool v6 : {true, false}) {
      TunnelOptions options;
      options.copy_dscp = copy;
      options.outer_dscp = 0x2e;
      options.outer_v6 = v6;
      Tunnel tunnel(options);
      for (unsigned inner = 0; inner < 256; ++inner) {
        PacketBuffer buffer(test::build({}));
        const auto packet = tunnel.encrypt(buffer, static_cast<std::uint8_t>(inner));
        const unsigned outer = v6 ? outer6(packet).traffic_class() : outer4(packet).type_of_service;
        EXPECT_EQ(outer, copy ? inner : (0x2eU << 2) | (inner & 3));
      }
    }
  }
}

// P1.
TEST(EspOutbound, NoIvComesTwiceAcrossBlocksAndSas) {
  TunnelOptions options;
  Tunnel tunnel(options);
  const auto mask = iv_mask(std::as_bytes(std::span(tunnel.reference().key)));
  std::set<std::uint64_t> ivs;
  const auto bytes = test::build({.payload_bytes = 0});
  for (std::uint64_t i = 0; i < 3 * kIvBlock + 5; ++i) {
    // Another SA of this key (after a delete and re-add) takes blocks in between.
    if (i == kIvBlock + 1) {
      EXPECT_EQ(tunnel.iv_counter().take_block(), 2 * kIvBlock);
    }
    PacketBuffer buffer(bytes);
    const auto packet = tunnel.encrypt(buffer);
    const auto iv = iv_of(packet);
    EXPECT_TRUE(ivs.insert(iv).second);
    const auto counter = iv ^ mask;
    EXPECT_EQ(counter >> 56, 3U);
    EXPECT_EQ((counter >> 40) & 0xffff, 7U);
    const auto low = counter & (kIvCounterEnd - 1);
    EXPECT_NE(low / kIvBlock, 2U);
    EXPECT_EQ(low, i < 2 * kIvBlock ? i : i + kIvBlock);
  }
}

TEST(EspOutbound, CbcIvIsTheEncryptedCounter) {
  TunnelOptions options;
  options.algorithm = EspAlgorithm::Aes256CbcSha512;
  Tunnel tunnel(options);
  const auto key = cbc_iv_key(std::as_bytes(std::span(tunnel.reference().key)));
  const auto prefix = iv_prefix(base::NodeId(3), base::BootCount(7));
  for (std::uint64_t i = 0; i < 20; ++i) {
    PacketBuffer buffer(test::build({}));
    const auto packet = tunnel.encrypt(buffer);
    CbcIv iv;
    std::memcpy(iv.data(), packet.data + 28, iv.size());
    EXPECT_EQ(iv, cbc_iv(key, prefix | i));
  }
}

class EspOutboundAlgorithms : public testing::TestWithParam<int> {
 protected:
  static EspAlgorithm algorithm() { return static_cast<EspAlgorithm>(GetParam()); }
};

TEST_P(EspOutboundAlgorithms, InnerMtuIsTheLargestPacketThatFits) {
  for (const bool v6 : {false, true}) {
    TunnelOptions options;
    options.algorithm = algorithm();
    options.outer_v6 = v6;
    options.path_mtu = 1280;
    Tunnel tunnel(options);
    auto& sa = tunnel.out();
    for (std::uint16_t mtu = 1280; mtu < 1400; sa.set_outer_mtu(++mtu)) {
      const std::size_t largest = sa.inner_mtu();
      PacketBuffer fits(test::build({.payload_bytes = largest - 20}));
      const auto packet = tunnel.encrypt(fits);
      ASSERT_EQ(packet.verdict, EspVerdict::Done) << "mtu " << mtu;
      EXPECT_LE(packet.length, mtu);
      const auto sent = sa.next_sequence();
      PacketBuffer too_big(test::build({.payload_bytes = largest - 19}));
      EXPECT_EQ(tunnel.encrypt(too_big).verdict, EspVerdict::TooBig) << "mtu " << mtu;
      EXPECT_EQ(sa.next_sequence(), sent);
    }
    EXPECT_EQ(sa.errors(EspVerdict::TooBig), 120U);
    sa.set_outer_mtu(40);
    EXPECT_EQ(sa.inner_mtu(), 0);
  }
}

TEST_P(EspOutboundAlgorithms, StaysWithinTheRoomItAsksFor) {
  TunnelOptions options;
  options.algorithm = algorithm();
  for (const bool v6 : {false, true}) {
    options.outer_v6 = v6;
    Tunnel tunnel(options);
    for (std::size_t payload = 0; payload < 64; ++payload) {
      const auto inner = test::build({.payload_bytes = payload});
      const std::size_t front = tunnel.out().headroom_needed();
      const std::size_t back = tunnel.out().tailroom_needed();
      // Exactly so many bytes: AddressSanitizer sees any more.
      std::vector<std::uint8_t> exact(front + inner.size() + back);
      std::memcpy(exact.data() + front, inner.data(), inner.size());
      PacketBuffer shape(inner);
      auto packet = tunnel.outbound_packet(shape);
      packet.data = exact.data() + front;
      packet.headroom = static_cast<std::uint16_t>(front);
      packet.tailroom = static_cast<std::uint16_t>(back);
      tunnel.engine().encrypt(std::span(&packet, 1));
      if (packet.verdict == EspVerdict::InFlight) {
        tunnel.engine().flush();
        ASSERT_EQ(tunnel.engine().collect_encrypted(std::span(&packet, 1)), 1U);
      }
      EXPECT_EQ(packet.verdict, EspVerdict::Done);
      EXPECT_EQ(packet.data, exact.data());
      EXPECT_LE(packet.length, exact.size());
    }
  }
}

TEST_P(EspOutboundAlgorithms, WithoutRoomThePacketIsUntouchedAndNoNumberIsSpent) {
  TunnelOptions options;
  options.algorithm = algorithm();
  Tunnel tunnel(options);
  // A packet that needs the most padding, so that one byte less is one too few.
  const auto block = info(algorithm()).block_bytes;
  const auto inner = test::build({.payload_bytes = 64 - 20 + std::size_t{block} - 1});
  const auto original = inner;
  struct Case {
    std::uint16_t head_missing;
    std::uint16_t tail_missing;
  };
  for (const auto& test_case : {Case{1, 0}, Case{0, 1}}) {
    PacketBuffer buffer(inner);
    auto packet = tunnel.outbound_packet(buffer);
    packet.headroom =
        static_cast<std::uint16_t>(tunnel.out().headroom_needed() - test_case.head_missing);
    packet.tailroom =
        static_cast<std::uint16_t>(tunnel.out().tailroom_needed() - test_case.tail_missing);
    tunnel.engine().encrypt(std::span(&packet, 1));
    EXPECT_EQ(packet.verdict, EspVerdict::NoRoom);
    EXPECT_EQ(test::bytes_of(packet), original);
  }
  EXPECT_EQ(tunnel.out().next_sequence(), 1U);
  EXPECT_EQ(tunnel.out().errors(EspVerdict::NoRoom), 2U);
  EXPECT_EQ(tunnel.out().packets(), 0U);
}

// P2: beyond the lease nothing is sent, and the packet may come again.
TEST_P(EspOutboundAlgorithms, BeyondTheLeaseAPacketIsHeldUntouchedAndGoesOnceTheLeaseIsUp) {
  TunnelOptions options;
  options.algorithm = algorithm();
  options.lease_limit = 2;
  options.raise_at = 2;
  Tunnel tunnel(options);
  const auto inner = test::build({});
  const auto send = [&] {
    PacketBuffer buffer(inner);
    auto packet = tunnel.encrypt(buffer);
    if (packet.verdict == EspVerdict::Held) {
      EXPECT_EQ(test::bytes_of(packet), inner);
    }
    return packet.verdict;
  };
  EXPECT_EQ(send(), EspVerdict::Done);
  EXPECT_TRUE(tunnel.engine().raises().empty());
  EXPECT_EQ(send(), EspVerdict::Done);
  ASSERT_EQ(tunnel.engine().raises().size(), 1U);
  EXPECT_EQ(tunnel.engine().raises()[0].direction, Direction::Outbound);
  EXPECT_EQ(tunnel.engine().raises()[0].out_sa, &tunnel.out());
  EXPECT_EQ(tunnel.engine().raises()[0].index, 0U);
  tunnel.engine().clear_raises();
  EXPECT_EQ(send(), EspVerdict::Held);
  EXPECT_EQ(send(), EspVerdict::Held);
  EXPECT_TRUE(tunnel.engine().raises().empty()) << "asked once for this limit";
  EXPECT_EQ(tunnel.out().next_sequence(), 3U);
  tunnel.out().gate().publish(3, 3);
  EXPECT_EQ(send(), EspVerdict::Done);
  EXPECT_EQ(tunnel.engine().raises().size(), 1U);
  EXPECT_EQ(send(), EspVerdict::Held);
  EXPECT_EQ(tunnel.out().packets(), 3U);
}

TEST(EspOutbound, AHeldFirstPacketAsksForALease) {
  TunnelOptions options;
  options.lease_limit = 0;
  options.raise_at = 0;
  Tunnel tunnel(options);
  PacketBuffer buffer(test::build({}));
  EXPECT_EQ(tunnel.encrypt(buffer).verdict, EspVerdict::Held);
  EXPECT_EQ(tunnel.engine().raises().size(), 1U);
}

// RFC 4303 3.3.3.
TEST_P(EspOutboundAlgorithms, CountsToTheEndOfItsNumbersAndStops) {
  for (const bool esn : {false, true}) {
    TunnelOptions options;
    options.algorithm = algorithm();
    options.esn = esn;
    options.first_outbound = kTwo32 - 2;
    Tunnel tunnel(options);
    for (std::uint64_t i = 0; i < 4; ++i) {
      PacketBuffer buffer(test::build({}));
      const auto packet = tunnel.encrypt(buffer);
      const bool within = esn || i < 2;
      EXPECT_EQ(packet.verdict, within ? EspVerdict::Done : EspVerdict::SequenceExhausted);
      if (within) {
        EXPECT_EQ(packet.sequence, kTwo32 - 2 + i);
      }
    }
  }
  TunnelOptions options;
  options.algorithm = algorithm();
  options.esn = true;
  options.first_outbound = ~std::uint64_t{0} - 1;
  Tunnel tunnel(options);
  PacketBuffer last(test::build({}));
  EXPECT_EQ(tunnel.encrypt(last).verdict, EspVerdict::Done);
  PacketBuffer none(test::build({}));
  EXPECT_EQ(tunnel.encrypt(none).verdict, EspVerdict::SequenceExhausted);
}

TEST_P(EspOutboundAlgorithms, StopsWhenTheIvsOfItsKeyAreUsedUp) {
  TunnelOptions options;
  options.algorithm = algorithm();
  options.first_iv = kIvCounterEnd - kIvBlock;
  Tunnel tunnel(options);
  const auto inner = test::build({.payload_bytes = 0});
  for (std::uint64_t i = 0; i < kIvBlock; ++i) {
    PacketBuffer buffer(inner);
    ASSERT_EQ(tunnel.encrypt(buffer).verdict, EspVerdict::Done);
  }
  PacketBuffer buffer(inner);
  const auto packet = tunnel.encrypt(buffer);
  EXPECT_EQ(packet.verdict, EspVerdict::IvExhausted);
  EXPECT_EQ(test::bytes_of(packet), inner);
  EXPECT_EQ(tunnel.out().next_sequence(), kIvBlock + 1);
  EXPECT_EQ(tunnel.encrypt(buffer).verdict, EspVerdict::IvExhausted);
}

TEST_P(EspOutboundAlgorithms, CountsPacketsAndInnerBytes) {
  TunnelOptions options;
  options.algorithm = algorithm();
  Tunnel tunnel(options);
  std::uint64_t bytes = 0;
  for (std::size_t payload = 1; payload < 50; ++payload) {
    const auto inner = test::build({.payload_bytes = payload});
    PacketBuffer buffer(inner);
    (void)tunnel.encrypt(buffer);
    bytes += inner.size();
  }
  EXPECT_EQ(tunnel.out().packets(), 49U);
  EXPECT_EQ(tunnel.out().bytes(), bytes);
}

INSTANTIATE_TEST_SUITE_P(All, EspOutboundAlgorithms, testing::Range(0, int{kNumEspAlgorithms}));

}  // namespace
}  // namespace phalanx::ipsec
