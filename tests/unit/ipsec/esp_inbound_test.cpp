// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "phalanx/net/checksum.hpp"
#include "phalanx/net/packet_parser.hpp"
#include "support/esp_tunnel.hpp"

namespace phalanx::ipsec {
namespace {

using test::Bytes;
using test::PacketBuffer;
using test::Tunnel;
using test::TunnelOptions;

constexpr std::uint64_t kTwo32 = std::uint64_t{1} << 32;

class EspInbound : public testing::TestWithParam<int> {
 protected:
  static EspAlgorithm algorithm() { return static_cast<EspAlgorithm>(GetParam()); }
  static TunnelOptions options() {
    TunnelOptions made;
    made.algorithm = algorithm();
    return made;
  }
  static Bytes sealed(const Tunnel& tunnel, std::uint64_t sequence, const Bytes& inner,
                      std::uint8_t next_header = 4) {
    return test::reference_seal(tunnel.reference(), sequence, test::some_iv(algorithm(), sequence),
                                test::pad(tunnel.reference(), inner, next_header));
  }
};

// The packet in a heap block of exactly its size.
EspPacket decrypt_exact(Tunnel& tunnel, Bytes& bytes) {
  PacketBuffer shape({});
  auto packet = tunnel.inbound_packet(shape);
  packet.data = bytes.data();
  packet.length = static_cast<std::uint32_t>(bytes.size());
  auto& engine = tunnel.engine();
  engine.decrypt(std::span(&packet, 1));
  if (packet.verdict == EspVerdict::InFlight) {
    engine.flush();
    EXPECT_EQ(engine.collect_decrypted(std::span(&packet, 1)), 1U);
  }
  return packet;
}

TEST_P(EspInbound, APacketCutAtAnyByteIsRefusedAndMovesNothing) {
  Tunnel tunnel(options());
  const auto whole = sealed(tunnel, 1, test::build({}));
  // Shorter than an ESP header never reaches the engine: the data path needs the SPI.
  for (std::size_t length = 8; length < whole.size(); ++length) {
    Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    const auto packet = decrypt_exact(tunnel, cut);
    EXPECT_TRUE(packet.verdict == EspVerdict::Malformed || packet.verdict == EspVerdict::AuthFailed)
        << "length " << length;
  }
  EXPECT_EQ(tunnel.in().top_sequence(), 0U);
  EXPECT_EQ(tunnel.in().packets(), 0U);
  Bytes intact = whole;
  EXPECT_EQ(decrypt_exact(tunnel, intact).verdict, EspVerdict::Done);
}

TEST_P(EspInbound, AnyFlippedBitIsNoticedAndMovesNothing) {
  Tunnel tunnel(options());
  const auto whole = sealed(tunnel, 5, test::build({}));
  // From the number on: SPI bits choose another SA. Each bit of the ICV, one bit of other bytes.
  const std::size_t icv_at = whole.size() - info(algorithm()).icv_bytes;
  std::uint64_t refused = 0;
  for (std::size_t byte = 4; byte < whole.size(); ++byte) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      if (byte < icv_at && bit != byte % 8) continue;
      Bytes flipped = whole;
      flipped[byte] ^= static_cast<std::uint8_t>(1U << bit);
      const auto packet = decrypt_exact(tunnel, flipped);
      EXPECT_EQ(packet.verdict, EspVerdict::AuthFailed) << "byte " << byte << " bit " << bit;
      ++refused;
      ASSERT_EQ(tunnel.in().top_sequence(), 0U);
    }
  }
  EXPECT_EQ(tunnel.in().errors(EspVerdict::AuthFailed), refused);
  Bytes intact = whole;
  EXPECT_EQ(decrypt_exact(tunnel, intact).verdict, EspVerdict::Done);
  EXPECT_EQ(tunnel.in().top_sequence(), 5U);
}

TEST_P(EspInbound, AFailedPacketKeepsItsWireBytesOutsideTheBody) {
  auto made = options();
  made.esn = true;
  made.floor = 3 * kTwo32 + 1;
  Tunnel tunnel(made);
  auto bytes = sealed(tunnel, 3 * kTwo32 + 7, test::build({}));
  bytes.back() ^= 1;
  const auto before = bytes;
  EXPECT_EQ(decrypt_exact(tunnel, bytes).verdict, EspVerdict::AuthFailed);
  const auto icv_bytes = info(algorithm()).icv_bytes;
  EXPECT_TRUE(std::equal(before.end() - icv_bytes, before.end(), bytes.end() - icv_bytes))
      << "the high half of the number must not stay in the packet";
  const auto front = 8 + info(algorithm()).iv_bytes;
  EXPECT_TRUE(std::equal(before.begin(), before.begin() + front, bytes.begin()));
}

TEST_P(EspInbound, ReplaysAreRefusedAtTheEdgesOfEachWindow) {
  for (const std::uint32_t window : {32U, 64U, 1024U, 65536U}) {
    const std::uint64_t w = window;
    auto made = options();
    made.window = window;
    Tunnel tunnel(made);
    const std::uint64_t top = w + 100;
    EXPECT_EQ(tunnel.receive(top), EspVerdict::Done);
    EXPECT_EQ(tunnel.receive(top), EspVerdict::ReplayDuplicate);
    EXPECT_EQ(tunnel.receive(top - 1), EspVerdict::Done);
    EXPECT_EQ(tunnel.receive(top - 1), EspVerdict::ReplayDuplicate);
    EXPECT_EQ(tunnel.receive(top - (w - 1)), EspVerdict::Done);
    EXPECT_EQ(tunnel.receive(top - (w - 1)), EspVerdict::ReplayDuplicate);
    EXPECT_EQ(tunnel.receive(top - w), EspVerdict::ReplayTooOld);
    EXPECT_EQ(tunnel.receive(top - w - 1), EspVerdict::ReplayTooOld);
    EXPECT_EQ(tunnel.receive(top + 1), EspVerdict::Done);
    EXPECT_EQ(tunnel.receive(top - w + 1), EspVerdict::ReplayTooOld) << "slid out";
    EXPECT_EQ(tunnel.receive(0), EspVerdict::ReplayTooOld);
    EXPECT_EQ(tunnel.in().errors(EspVerdict::ReplayDuplicate), 3U);
    EXPECT_EQ(tunnel.in().errors(EspVerdict::ReplayTooOld), 4U);
    EXPECT_EQ(tunnel.in().packets(), 4U);
  }
}

TEST_P(EspInbound, OneNumberTwiceInABurstIsDeliveredOnce) {
  Tunnel tunnel(options());
  const auto bytes = sealed(tunnel, 9, test::build({}));
  std::vector<PacketBuffer> buffers(EspEngine::kBurst, PacketBuffer(bytes));
  std::vector<EspPacket> packets;
  for (auto& buffer : buffers) packets.push_back(tunnel.inbound_packet(buffer));
  tunnel.engine().decrypt(packets);
  tunnel.engine().flush();
  std::vector<EspPacket> late(EspEngine::kBurst);
  const auto collected = tunnel.engine().collect_decrypted(late);
  packets.insert(packets.end(), late.begin(),
                 late.begin() + static_cast<std::ptrdiff_t>(collected));
  const auto count = [&](EspVerdict verdict) {
    return std::count_if(packets.begin(), packets.end(),
                         [&](const EspPacket& packet) { return packet.verdict == verdict; });
  };
  EXPECT_EQ(count(EspVerdict::Done), 1);
  EXPECT_EQ(count(EspVerdict::ReplayDuplicate), std::ptrdiff_t{EspEngine::kBurst} - 1);
}

// P3: what was accepted before a restart must not come again.
TEST_P(EspInbound, NothingBelowTheFloorOfARestartIsDelivered) {
  for (const bool esn : {false, true}) {
    auto made = options();
    made.window = 1024;
    made.esn = esn;
    made.floor = esn ? kTwo32 + 500 : 5000;
    Tunnel tunnel(made);
    const auto floor = made.floor;
    EXPECT_EQ(tunnel.receive(floor - 1), EspVerdict::ReplayTooOld);
    EXPECT_EQ(tunnel.receive(floor - 1023), EspVerdict::ReplayTooOld);
    EXPECT_EQ(tunnel.receive(floor - 1024), EspVerdict::ReplayTooOld);
    EXPECT_EQ(tunnel.receive(floor + 10), EspVerdict::Done);
    EXPECT_EQ(tunnel.receive(floor - 1), EspVerdict::ReplayTooOld);
    EXPECT_EQ(tunnel.receive(floor), EspVerdict::Done);
    EXPECT_EQ(tunnel.receive(floor), EspVerdict::ReplayDuplicate);
  }
}

// RFC 4303 2.2.1 and appendix A.
TEST_P(EspInbound, HighHalfOfTheNumberIsGuessedOnBothSidesOfTheWrap) {
  auto made = options();
  made.esn = true;
  made.window = 64;
  made.floor = kTwo32 - 10;
  Tunnel tunnel(made);
  EXPECT_EQ(tunnel.receive(kTwo32 - 2), EspVerdict::Done);
  EXPECT_EQ(tunnel.receive(kTwo32 + 3), EspVerdict::Done);
  EXPECT_EQ(tunnel.in().top_sequence(), kTwo32 + 3);
  EXPECT_EQ(tunnel.receive(kTwo32 - 1), EspVerdict::Done) << "late, from before the wrap";
  EXPECT_EQ(tunnel.receive(kTwo32 - 2), EspVerdict::ReplayDuplicate);
  EXPECT_EQ(tunnel.receive(kTwo32), EspVerdict::Done);
  EXPECT_EQ(tunnel.receive(kTwo32), EspVerdict::ReplayDuplicate);
  // The wrong high half does not authenticate.
  EXPECT_EQ(tunnel.receive(2 * kTwo32 + 50), EspVerdict::AuthFailed);
  EXPECT_EQ(tunnel.in().top_sequence(), kTwo32 + 3);
}

TEST_P(EspInbound, WithoutHighHalvesNumbersStayBelow2To32) {
  auto made = options();
  made.floor = kTwo32 - 3;
  Tunnel tunnel(made);
  EXPECT_EQ(tunnel.receive(kTwo32 - 1), EspVerdict::Done);
  EXPECT_EQ(tunnel.receive(1), EspVerdict::ReplayTooOld);
  EXPECT_EQ(tunnel.in().top_sequence(), kTwo32 - 1);
}

// RFC 4303 2.4.
TEST_P(EspInbound, PaddingMustCountUp) {
  Tunnel tunnel(options());
  const auto block = info(algorithm()).block_bytes;
  std::uint64_t sequence = 0;
  for (std::size_t payload = 0; payload < block; ++payload) {
    const auto inner = test::build({.payload_bytes = payload});
    for (std::size_t extra = 0; extra <= 240 / block; extra += extra < 5 ? 1 : 7) {
      const auto right = test::pad(tunnel.reference(), inner, 4, extra);
      if (right.padding.size() > 255) continue;
      EXPECT_EQ(tunnel.receive(++sequence, right), EspVerdict::Done);
      for (std::size_t i = 0; i < right.padding.size(); i += extra < 2 ? 1 : 17) {
        auto wrong = right;
        wrong.padding[i] ^= 0x40;
        EXPECT_EQ(tunnel.receive(++sequence, wrong), EspVerdict::BadPadding);
      }
    }
  }
}

TEST_P(EspInbound, APadLengthBeyondTheBodyIsRefused) {
  Tunnel tunnel(options());
  const std::size_t block = info(algorithm()).block_bytes;
  std::uint64_t sequence = 0;
  for (std::size_t body = block; body <= 4 * block; body += block) {
    for (unsigned pad_length = 0; pad_length < 256; ++pad_length) {
      test::ReferencePayload payload;
      payload.payload.assign(body - 2, 0);
      payload.pad_length = static_cast<std::uint8_t>(pad_length);
      const auto verdict = tunnel.receive(++sequence, payload);
      // Zeros count up only when there are none; what is then left is no IP packet.
      EXPECT_EQ(verdict, pad_length == 0 ? EspVerdict::BadInnerPacket : EspVerdict::BadPadding)
          << "body " << body << " pad length " << pad_length;
    }
  }
}

TEST_P(EspInbound, NextHeaderSaysWhatIsInside) {
  Tunnel tunnel(options());
  const auto inner4 = test::build({});
  const auto inner6 = test::build({.family = 6});
  std::uint64_t sequence = 0;
  for (unsigned next_header = 0; next_header < 256; ++next_header) {
    const auto byte = static_cast<std::uint8_t>(next_header);
    const auto verdict4 = tunnel.receive(++sequence, test::pad(tunnel.reference(), inner4, byte));
    const auto verdict6 = tunnel.receive(++sequence, test::pad(tunnel.reference(), inner6, byte));
    switch (next_header) {
      case 4:
        EXPECT_EQ(verdict4, EspVerdict::Done);
        EXPECT_EQ(verdict6, EspVerdict::BadInnerPacket);
        break;
      case 41:
        EXPECT_EQ(verdict4, EspVerdict::BadInnerPacket);
        EXPECT_EQ(verdict6, EspVerdict::Done);
        break;
      case 59:  // RFC 4303 2.6: filler, dropped, but its number counts
        EXPECT_EQ(verdict4, EspVerdict::Dummy);
        break;
      default: EXPECT_EQ(verdict4, EspVerdict::BadNextHeader); break;
    }
  }
  EXPECT_EQ(tunnel.in().top_sequence(), sequence);
}

TEST_P(EspInbound, AnInnerPacketThatDoesNotParseIsRefused) {
  Tunnel tunnel(options());
  std::uint64_t sequence = 0;
  const auto good = test::build({});
  // One bit of each header byte: the checksum catches all, whatever else they break.
  for (std::size_t byte = 0; byte < 20; ++byte) {
    auto bad = good;
    bad[byte] ^= 0x20;
    EXPECT_EQ(tunnel.receive(++sequence, bad), EspVerdict::BadInnerPacket) << "byte " << byte;
  }
  for (std::size_t length = 1; length < good.size(); ++length) {
    const Bytes cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_EQ(tunnel.receive(++sequence, cut), EspVerdict::BadInnerPacket) << "length " << length;
  }
  for (const char* source : {"127.0.0.1", "224.0.0.1", "0.0.0.0", "255.255.255.255"}) {
    EXPECT_EQ(tunnel.receive(++sequence, test::build({.source = source})),
              EspVerdict::BadInnerPacket)
        << source;
  }
  EXPECT_EQ(tunnel.receive(++sequence, good), EspVerdict::Done);
  EXPECT_EQ(tunnel.in().packets(), 1U);
}

// RFC 4303 2.7.
TEST_P(EspInbound, FillerBehindTheInnerPacketIsCutOff) {
  for (const std::uint8_t family : {std::uint8_t{4}, std::uint8_t{6}}) {
    Tunnel tunnel(options());
    for (std::size_t filler = 1; filler < 300; filler += 13) {
      const auto inner = test::build({.family = family});
      auto filled = inner;
      filled.insert(filled.end(), filler, 0xa5);
      PacketBuffer buffer(sealed(tunnel, filler, filled, family == 4 ? 4 : 41));
      const auto packet = tunnel.decrypt(buffer);
      ASSERT_EQ(packet.verdict, EspVerdict::Done);
      EXPECT_EQ(test::bytes_of(packet), inner);
      EXPECT_EQ(packet.family, family);
    }
  }
}

// P3 against an owner that still runs: a number beyond the lease is not delivered before the lease
// is up, and is not accepted a second time meanwhile.
TEST_P(EspInbound, BeyondTheLeaseAPacketIsHeldDecrypted) {
  auto made = options();
  made.lease_limit = 10;
  made.raise_at = 5;
  Tunnel tunnel(made);
  EXPECT_EQ(tunnel.receive(4), EspVerdict::Done);
  EXPECT_TRUE(tunnel.engine().raises().empty());
  EXPECT_EQ(tunnel.receive(5), EspVerdict::Done);
  ASSERT_EQ(tunnel.engine().raises().size(), 1U);
  EXPECT_EQ(tunnel.engine().raises()[0].direction, Direction::Inbound);
  EXPECT_EQ(tunnel.engine().raises()[0].in_sa, &tunnel.in());
  EXPECT_EQ(tunnel.receive(10), EspVerdict::Done);
  EXPECT_EQ(tunnel.engine().raises().size(), 1U) << "asked once for this limit";

  const auto inner = test::build({});
  PacketBuffer buffer(sealed(tunnel, 11, inner));
  const auto packet = tunnel.decrypt(buffer);
  EXPECT_EQ(packet.verdict, EspVerdict::Held);
  EXPECT_EQ(test::bytes_of(packet), inner);
  EXPECT_EQ(tunnel.receive(11), EspVerdict::ReplayDuplicate);
  tunnel.in().gate().publish(20, 15);
  EXPECT_EQ(tunnel.receive(12), EspVerdict::Done);
  EXPECT_EQ(tunnel.receive(15), EspVerdict::Done);
  EXPECT_EQ(tunnel.engine().raises().size(), 2U);
}

TEST_P(EspInbound, AForgedPacketNeitherMovesTheWindowNorAsksForALease) {
  auto made = options();
  made.lease_limit = 10;
  made.raise_at = 5;
  Tunnel tunnel(made);
  auto forged = sealed(tunnel, 1000000, test::build({}));
  forged.back() ^= 0x80;
  EXPECT_EQ(decrypt_exact(tunnel, forged).verdict, EspVerdict::AuthFailed);
  EXPECT_TRUE(tunnel.engine().raises().empty());
  EXPECT_EQ(tunnel.in().top_sequence(), 0U);
}

INSTANTIATE_TEST_SUITE_P(All, EspInbound, testing::Range(0, int{kNumEspAlgorithms}));

// RFC 6040 4.2, figure 4, written out: rows inner, columns outer; -1 drop.
TEST(EspInboundEcn, LeavesTheTunnelAsTheTableSays) {
  constexpr std::uint8_t kNot = 0, kEct1 = 1, kEct0 = 2, kCe = 3;
  struct Case {
    std::uint8_t inner;
    std::uint8_t outer;
    int result;
  };
  const std::vector<Case> cases = {
      {kNot, kNot, kNot},   {kNot, kEct0, kNot},   {kNot, kEct1, kNot},   {kNot, kCe, -1},
      {kEct0, kNot, kEct0}, {kEct0, kEct0, kEct0}, {kEct0, kEct1, kEct1}, {kEct0, kCe, kCe},
      {kEct1, kNot, kEct1}, {kEct1, kEct0, kEct1}, {kEct1, kEct1, kEct1}, {kEct1, kCe, kCe},
      {kCe, kNot, kCe},     {kCe, kEct0, kCe},     {kCe, kEct1, kCe},     {kCe, kCe, kCe},
  };
  for (const std::uint8_t family : {std::uint8_t{4}, std::uint8_t{6}}) {
    Tunnel tunnel;
    std::uint64_t sequence = 0;
    for (const auto& test_case : cases) {
      for (unsigned dscp = 0; dscp < 64; dscp += 7) {
        const auto inner_class = static_cast<std::uint8_t>(dscp << 2 | test_case.inner);
        const auto inner = test::build({.family = family, .traffic_class = inner_class});
        ++sequence;
        PacketBuffer buffer(test::reference_seal(
            tunnel.reference(), sequence, test::some_iv(EspAlgorithm::Aes128Gcm16, sequence),
            test::pad(tunnel.reference(), inner, family == 4 ? 4 : 41)));
        // The outer DSCP is another and is not copied in (RFC 2983 4.2, RFC 4301 5.1.2.1).
        const auto packet =
            tunnel.decrypt(buffer, static_cast<std::uint8_t>(0x28 << 2 | test_case.outer));
        if (test_case.result < 0) {
          EXPECT_EQ(packet.verdict, EspVerdict::EcnIllegal);
          continue;
        }
        ASSERT_EQ(packet.verdict, EspVerdict::Done);
        const auto view = net::parse_ip_packet(
            std::as_bytes(std::span<const std::uint8_t>(packet.data, packet.length)));
        EXPECT_EQ(view.fault, net::IpFault::Ok) << "checksum";
        EXPECT_EQ(view.traffic_class, dscp << 2 | static_cast<unsigned>(test_case.result));
        auto wanted = test::build({.family = family,
                                   .traffic_class = static_cast<std::uint8_t>(
                                       dscp << 2 | static_cast<unsigned>(test_case.result))});
        EXPECT_EQ(test::bytes_of(packet), wanted);
      }
    }
    EXPECT_EQ(tunnel.in().errors(EspVerdict::EcnIllegal), 10U);
  }
}

// RFC 4301 5.2: the inner packet must be one that this SA may carry. Our side is 10.1/16 and
// 2001:db8:1::/48.
TEST(EspInboundSelectors, TakeWhatTheirPoliciesSay) {
  const auto with = [](Selector selector, std::uint8_t protocol, PortRange local = {},
                       PortRange remote = {}) {
    selector.protocol = protocol;
    selector.local_ports = local;
    selector.remote_ports = remote;
    return selector;
  };
  const auto v4 = test::make_selector("10.1.0.0/16", "10.2.0.0/16");
  const auto v6 = test::make_selector("2001:db8:1::/48", "2001:db8:2::/63");
  const auto host = test::make_selector("10.1.0.9/32", "10.2.0.7/32");
  struct Case {
    const char* what;
    std::vector<Selector> selectors;
    test::InnerPacket inner;
    bool taken;
  };
  const std::vector<Case> cases = {
      {"inside", {v4}, {}, true},
      {"source outside", {v4}, {.source = "10.3.0.1"}, false},
      {"destination outside", {v4}, {.destination = "10.3.0.1"}, false},
      {"directions exchanged", {v4}, {.source = "10.1.0.9", .destination = "10.2.0.7"}, false},
      {"last address", {v4}, {.source = "10.2.255.255", .destination = "10.1.255.255"}, true},
      {"hosts", {host}, {}, true},
      {"other host", {host}, {.source = "10.2.0.8"}, false},
      {"other family", {v4}, {.family = 6}, false},
      {"protocol", {with(v4, 17)}, {}, true},
      {"other protocol", {with(v4, 6)}, {}, false},
      {"ports", {with(v4, 17, {5000, 5000}, {4000, 4000})}, {}, true},
      {"port too low", {with(v4, 17, {5001, 6000})}, {}, false},
      {"port too high", {with(v4, 17, {4000, 4999})}, {}, false},
      {"remote port too high", {with(v4, 17, {}, {1, 3999})}, {}, false},
      {"port ends", {with(v4, 17, {5000, 5001}, {3999, 4000})}, {}, true},
      {"all ports but a range that needs them",
       {with(v4, 17, {1, 65535})},
       {.destination_port = 0},
       false},
      {"fragment without ports", {with(v4, 17, {5000, 5000})}, {.fragment_offset = 5}, false},
      {"fragment, ports not asked for", {with(v4, 17)}, {.fragment_offset = 5}, true},
      {"second of two", {with(v4, 6), v4}, {}, true},
      {"none of two", {with(v4, 6), with(v4, 1)}, {}, false},
      {"IPv6", {v6}, {.family = 6}, true},
      {"IPv6, last bit of the mask", {v6}, {.family = 6, .source = "2001:db8:2:1::1"}, true},
      {"IPv6, first bit behind the mask", {v6}, {.family = 6, .source = "2001:db8:2:2::1"}, false},
      {"IPv6 among IPv4", {v4, v6}, {.family = 6}, true},
      {"IPv4 among IPv6", {v6, v4}, {}, true},
      {"IPv4 for IPv6 only", {v6}, {}, false},
      {"IPv6 ports", {with(v6, 6, {5000, 5000})}, {.family = 6, .protocol = 6}, true},
  };
  for (const auto& test_case : cases) {
    TunnelOptions options;
    options.selectors = test_case.selectors;
    Tunnel tunnel(options);
    const auto inner = test::build(test_case.inner);
    const auto verdict = tunnel.receive(
        1, test::pad(tunnel.reference(), inner, test_case.inner.family == 4 ? 4 : 41));
    EXPECT_EQ(verdict, test_case.taken ? EspVerdict::Done : EspVerdict::SelectorMismatch)
        << test_case.what;
    EXPECT_EQ(tunnel.in().errors(EspVerdict::SelectorMismatch), test_case.taken ? 0U : 1U);
    EXPECT_EQ(tunnel.in().bytes(), test_case.taken ? inner.size() : 0U);
  }
}

}  // namespace
}  // namespace phalanx::ipsec
