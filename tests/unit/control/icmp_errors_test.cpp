// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/icmp_errors.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "host_fixture.hpp"
#include "phalanx/base/bytes.hpp"
#include "phalanx/net/checksum.hpp"
#include "phalanx/net/ip.hpp"

namespace phalanx::control {
namespace {

std::span<const std::byte> packet_of(const std::string& name) {
  return std::span(host_vectors()[name]).subspan(14);
}

IcmpErrorRequest request_for(std::span<const std::byte> packet) {
  const bool v4 = (packet[0] >> 4) == std::byte{4};
  return {IcmpErrorKind::TimeExceeded, packet, ip(v4 ? "192.0.2.1" : "2001:db8:1::1"), 0};
}

std::vector<std::byte> from_host(std::uint32_t last_bytes) {
  const auto packet = packet_of("err_short4");
  std::vector<std::byte> changed(packet.begin(), packet.end());
  auto* header = base::view_as<net::Ipv4Header>(std::span(changed));
  header->source = {198, 51, static_cast<std::uint8_t>(last_bytes >> 8),
                    static_cast<std::uint8_t>(last_bytes)};
  header->checksum = base::be16(0);
  header->checksum = base::be16(net::checksum(std::span(changed).first(20)));
  return changed;
}

struct Quiet {
  std::string prefix;
  HostCounter counter;
};

// RFC 1812 4.3.2.7, RFC 4443 2.4 (e).
const Quiet kQuiet[] = {
    {"quiet_later_fragment4", HostCounter::IcmpErrorAboutFragment},
    {"quiet_later_fragment6", HostCounter::IcmpErrorAboutFragment},
    {"quiet_error4_", HostCounter::IcmpErrorAboutError},
    {"quiet_error6_", HostCounter::IcmpErrorAboutError},
    {"quiet_cut_icmp4", HostCounter::IcmpErrorAboutError},
    {"quiet_from_class_e", HostCounter::IcmpErrorBadSource},
    {"quiet_from_loopback", HostCounter::IcmpErrorBadSource},
    {"quiet_from_multicast", HostCounter::IcmpErrorBadSource},
    {"quiet_from_unspecified", HostCounter::IcmpErrorBadSource},
    {"quiet_from_broadcast", HostCounter::IcmpErrorBadSource},
    {"quiet_from_multicast6", HostCounter::IcmpErrorBadSource},
    {"quiet_to_multicast", HostCounter::IcmpErrorAboutGroup},
    {"quiet_to_broadcast", HostCounter::IcmpErrorAboutGroup},
};

TEST(IcmpErrors, KeepsQuietWhereTheRfcsSaySo) {
  for (const auto& quiet : kQuiet) {
    std::size_t tried = 0;
    for (const auto& [name, frame] : host_vectors().all()) {
      if (!name.starts_with(quiet.prefix)) continue;
      IcmpErrors errors(1000, 1);
      std::array<std::byte, IcmpErrors::kMaxErrorBytes> out{};
      const auto outcome = errors.build(request_for(packet_of(name)), out, kStart);
      EXPECT_EQ(outcome.counter, quiet.counter) << name;
      EXPECT_EQ(outcome.length, 0U) << name;
      ++tried;
    }
    EXPECT_GT(tried, 0U) << quiet.prefix;
  }
}

TEST(IcmpErrors, RefusesPacketCutAtEachByte) {
  for (const std::string name : {"err_short4", "err_short6", "err_options4"}) {
    const auto whole = packet_of(name);
    IcmpErrors errors(1000, 1);
    std::array<std::byte, IcmpErrors::kMaxErrorBytes> out{};
    for (std::size_t length = 1; length < whole.size(); ++length) {
      const test::ExactBuffer cut(whole.first(length));
      const auto outcome = errors.build(request_for(cut.bytes()), out, kStart);
      EXPECT_EQ(outcome.counter, HostCounter::IcmpErrorMalformed) << name << " " << length;
    }
  }
}

TEST(IcmpErrors, NeedsAnAddressOfThePacketsFamily) {
  IcmpErrors errors(1000, 1);
  std::array<std::byte, IcmpErrors::kMaxErrorBytes> out{};
  auto request = request_for(packet_of("err_short4"));
  request.source = ip("2001:db8:1::1");
  EXPECT_EQ(errors.build(request, out, kStart).counter, HostCounter::IcmpErrorNoAddress);
}

TEST(IcmpErrors, QuotesNoLinkPadding) {
  IcmpErrors errors(1000, 1);
  std::array<std::byte, IcmpErrors::kMaxErrorBytes> out{};
  const auto packet = packet_of("err_short4");
  std::vector<std::byte> padded(packet.begin(), packet.end());
  padded.resize(padded.size() + 30);
  const auto outcome = errors.build(request_for(padded), out, kStart);
  EXPECT_EQ(test::to_hex(std::span(out).first(outcome.length)),
            vector_hex("l3_err_short4_time_exceeded_error"));
}

TEST(IcmpErrors, LimitsTheRateToOneReceiver) {
  IcmpErrors errors(1000, 1);
  std::array<std::byte, IcmpErrors::kMaxErrorBytes> out{};
  int sent = 0, refused = 0;
  for (int ms = 0; ms < 10'000; ++ms) {
    const auto outcome = errors.build(request_for(packet_of("err_short4")), out, kStart + 1ms * ms);
    sent += outcome.counter == HostCounter::IcmpErrorSent ? 1 : 0;
    refused += outcome.counter == HostCounter::IcmpErrorRateReceiver ? 1 : 0;
  }
  EXPECT_EQ(sent + refused, 10'000);
  // A tenth of the whole rate: 100 a second, and 10 at the start.
  EXPECT_GE(sent, 1000);
  EXPECT_LE(sent, 1011);
}

TEST(IcmpErrors, LimitsTheRateOverAllReceivers) {
  IcmpErrors errors(1000, 1);
  std::array<std::byte, IcmpErrors::kMaxErrorBytes> out{};
  int sent = 0;
  // 60 000 receivers in one second.
  for (std::uint32_t host = 0; host < 60'000; ++host) {
    const auto packet = from_host(host);
    const auto at = kStart + base::Duration(1s) / 60'000 * host;
    const auto outcome = errors.build(request_for(packet), out, at);
    sent += outcome.counter == HostCounter::IcmpErrorSent ? 1 : 0;
  }
  EXPECT_GE(sent, 1000);
  EXPECT_LE(sent, 1101);
}

TEST(IcmpErrors, OneLoudReceiverLeavesRoomForOthers) {
  IcmpErrors errors(1000, 1);
  std::array<std::byte, IcmpErrors::kMaxErrorBytes> out{};
  const auto loud = from_host(1);
  const auto other = from_host(2);
  for (int i = 0; i < 100'000; ++i) {
    static_cast<void>(errors.build(request_for(loud), out, kStart + 1us * i));
  }
  const auto outcome = errors.build(request_for(other), out, kStart + 100ms);
  EXPECT_EQ(outcome.counter, HostCounter::IcmpErrorSent);
}

TEST(IcmpErrors, WorksAtTheLowestRate) {
  IcmpErrors errors(1, 1);
  std::array<std::byte, IcmpErrors::kMaxErrorBytes> out{};
  int sent = 0;
  for (int second = 0; second < 100; ++second) {
    const auto outcome =
        errors.build(request_for(packet_of("err_short6")), out, kStart + 1s * second);
    sent += outcome.counter == HostCounter::IcmpErrorSent ? 1 : 0;
  }
  EXPECT_EQ(sent, 100);
}

}  // namespace
}  // namespace phalanx::control
