// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
//
// Real sockets, on loopback: 127.7.0.N is member N.
#include "phalanx/control/socket_port.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <random>

#include "phalanx/control/file_descriptor.hpp"

namespace phalanx::control {
namespace {

using namespace std::chrono_literals;

constexpr base::TimePoint kNow{1h};

net::IpAddress address_of(std::uint8_t member) {
  return net::IpAddress::v4(0x7f070000U + member);
}

// A port that nobody uses, for all members at once.
std::uint16_t free_udp_port() {
  FileDescriptor probe(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_ANY);
  socklen_t size = sizeof(any);
  EXPECT_EQ(::bind(probe.get(), reinterpret_cast<const sockaddr*>(&any), sizeof(any)), 0);
  EXPECT_EQ(::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&any), &size), 0);
  return ntohs(any.sin_port);
}

ClusterConfig config_of_two() {
  ClusterConfig config;
  for (std::uint8_t id = 1; id <= 2; ++id) {
    config.members.push_back({base::NodeId(id), "m" + std::to_string(id), address_of(id), id == 2});
  }
  config.udp_port = free_udp_port();
  return config;
}

std::vector<std::byte> some_bytes(std::size_t size) {
  std::mt19937 random(7);
  std::vector<std::byte> bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  if (size != 0) bytes[0] = std::byte{1};  // a version, as the secure channel has it
  return bytes;
}

// The next datagram; loopback delivers before send() returns.
std::optional<std::vector<std::byte>> next(SocketPort& port) {
  ReceivedDatagram datagram;
  if (!port.receive(datagram, kNow)) return std::nullopt;
  return datagram.bytes;
}

struct SocketPorts : testing::Test {
  void SetUp() override {
    auto opened = SocketPort::open(config, base::NodeId(1));
    ASSERT_TRUE(opened) << opened.error();
    one = std::move(*opened);
    opened = SocketPort::open(config, base::NodeId(2));
    ASSERT_TRUE(opened) << opened.error();
    two = std::move(*opened);
    one->set_members(std::span(config.members).last(1));
    two->set_members(std::span(config.members).first(1));
  }
  ClusterConfig config = config_of_two();
  std::unique_ptr<SocketPort> one;
  std::unique_ptr<SocketPort> two;
};

TEST_F(SocketPorts, CarryDatagramsOfEverySize) {
  for (const std::size_t size : {1U, 100U, 1252U, 1253U, 5000U, 65507U}) {
    const auto sent = some_bytes(size);
    one->send(base::NodeId(2), sent);
    EXPECT_EQ(next(*two), sent) << size;
    EXPECT_EQ(next(*two), std::nullopt);
  }
  EXPECT_EQ(two->counters().foreign, 0U);
  EXPECT_EQ(one->counters().not_sent, 0U);
}

TEST_F(SocketPorts, SendNothingThatIsTooLongOrToNobody) {
  one->send(base::NodeId(2), some_bytes(65508));
  one->send(base::NodeId(9), some_bytes(10));
  EXPECT_EQ(one->counters().tx, 0U);
  EXPECT_EQ(next(*two), std::nullopt);
}

TEST_F(SocketPorts, TakeNothingFromStrangers) {
  FileDescriptor stranger(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(config.udp_port);
  to.sin_addr.s_addr = htonl(address_of(2).v4_host_order());
  ASSERT_EQ(
      ::sendto(stranger.get(), "hello", 5, 0, reinterpret_cast<const sockaddr*>(&to), sizeof(to)),
      5);
  EXPECT_EQ(next(*two), std::nullopt);
  EXPECT_EQ(two->counters().foreign, 1U);
}

TEST_F(SocketPorts, GoOnWhenAMemberIsNotThere) {
  two.reset();
  one->send(base::NodeId(2), some_bytes(10));
  EXPECT_EQ(next(*one), std::nullopt);  // what comes back is an ICMP error
  auto again = SocketPort::open(config, base::NodeId(2));
  ASSERT_TRUE(again) << again.error();
  (*again)->set_members(std::span(config.members).first(1));
  one->send(base::NodeId(2), some_bytes(10));
  EXPECT_EQ(next(**again), some_bytes(10));
}

TEST_F(SocketPorts, RefuseAnAddressThatIsTakenOrNotOurs) {
  const auto taken = SocketPort::open(config, base::NodeId(1));
  ASSERT_FALSE(taken);
  EXPECT_NE(taken.error().find("127.7.0.1"), std::string::npos) << taken.error();
  config.members[0].address = net::IpAddress::v4(0xc0000263);  // TEST-NET-1
  const auto foreign = SocketPort::open(config, base::NodeId(1));
  ASSERT_FALSE(foreign);
  EXPECT_NE(foreign.error().find("192.0.2.99"), std::string::npos) << foreign.error();
}

}  // namespace
}  // namespace phalanx::control
