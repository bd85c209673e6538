// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "phalanx/control/host_stack.hpp"
#include "phalanx/control/slow_path_io.hpp"
#include "phalanx/net/address.hpp"
#include "support/exact_buffer.hpp"
#include "support/hex.hpp"
#include "support/named_vectors.hpp"

namespace phalanx::control {

using namespace std::chrono_literals;

inline constexpr base::PortIndex kPublic{0};
inline constexpr base::PortIndex kPrivate{1};
inline constexpr base::TimePoint kStart{base::Duration(1h)};

// What the gateway and its neighbor say to each other; see tests/vectors/make_host.py.
inline const test::NamedVectors& host_vectors() {
  static const test::NamedVectors loaded("host.txt");
  return loaded;
}

// A buffer that waits for a neighbor, and how that ended. The address is its handle.
struct HeldPacket {
  std::vector<std::byte> packet;  // empty: no ICMP error wanted
  base::PortIndex in_port = kPrivate;
  Arrival arrival = Arrival::Clear;
  int sent = 0;
  int dropped = 0;
  HeldDrop reason = HeldDrop::Shutdown;
  dataplane::AdjacencyIndex adjacency{0xffffffff};
};

struct Published {
  base::PortIndex port;
  net::IpAddress address;
  net::MacAddress mac;
};

// Stands in for the data path: keeps what it is told, and checks that the calls make sense.
class RecorderIo final : public SlowPathIo {
 public:
  bool transmit(base::PortIndex port, std::span<const std::byte> frame) noexcept override {
    if (refuse) return false;
    ++transmissions;
    if (keep) frames.emplace_back(port, test::to_hex(frame));
    return true;
  }
  bool inject_l3(base::PortIndex port, Arrival arrival,
                 std::span<const std::byte> packet) noexcept override {
    if (refuse) return false;
    ++injections;
    last_arrival = arrival;
    if (keep) packets.emplace_back(port, test::to_hex(packet));
    return true;
  }
  void send_held(void* handle, dataplane::AdjacencyIndex adjacency) noexcept override {
    EXPECT_TRUE(published.contains(adjacency.value()));
    auto& held = *static_cast<HeldPacket*>(handle);
    held.adjacency = adjacency;
    ++held.sent;
  }
  void drop_held(void* handle, HeldDrop reason) noexcept override {
    auto& held = *static_cast<HeldPacket*>(handle);
    held.reason = reason;
    ++held.dropped;
  }
  HeldView held_view(void* handle) const noexcept override {
    const auto& held = *static_cast<const HeldPacket*>(handle);
    return {held.packet, held.in_port, held.arrival};
  }
  bool publish_adjacency(dataplane::AdjacencyIndex index, base::PortIndex port,
                         const net::IpAddress& address,
                         const net::MacAddress& mac) noexcept override {
    if (no_memory) return false;
    published[index.value()] = {port, address, mac};
    return true;
  }
  void withdraw_adjacency(dataplane::AdjacencyIndex index) noexcept override {
    EXPECT_EQ(published.erase(index.value()), 1U);
    used.erase(index.value());
  }
  bool take_used(dataplane::AdjacencyIndex index) noexcept override {
    return used.erase(index.value()) != 0;
  }

  // The only frame or packet so far; forgets it.
  [[nodiscard]] std::string take_frame() {
    EXPECT_EQ(frames.size(), 1U);
    const auto frame = frames.empty() ? std::string() : frames.front().second;
    frames.clear();
    return frame;
  }
  [[nodiscard]] std::string take_packet() {
    EXPECT_EQ(packets.size(), 1U);
    const auto packet = packets.empty() ? std::string() : packets.front().second;
    packets.clear();
    return packet;
  }

  bool refuse = false;  // the rings are full
  bool no_memory = false;
  bool keep = true;  // false in floods
  std::uint64_t transmissions = 0;
  std::uint64_t injections = 0;
  Arrival last_arrival = Arrival::Clear;
  std::vector<std::pair<base::PortIndex, std::string>> frames;
  std::vector<std::pair<base::PortIndex, std::string>> packets;
  std::map<std::uint32_t, Published> published;
  std::set<std::uint32_t> used;
};

inline net::IpAddress ip(const std::string& text) {
  return net::parse_ip(text).value();
}
inline net::MacAddress mac(const std::string& text) {
  return net::parse_mac(text).value();
}

// The gateway of make_host.py.
inline HostConfig host_config() {
  HostConfig config;
  config.ports.push_back({"public",
                          mac("02:00:5e:00:53:01"),
                          1500,
                          {net::parse_interface_address("192.0.2.1/24").value(),
                           net::parse_interface_address("2001:db8:1::1/64").value()}});
  config.ports.push_back({"private",
                          mac("02:00:5e:00:53:02"),
                          1500,
                          {net::parse_interface_address("10.1.0.1/24").value(),
                           net::parse_interface_address("2001:db8:2::1/64").value()}});
  return config;
}

// A host stack with its world. Asserts the balance of its counters when it ends.
class HostWorld {
 public:
  explicit HostWorld(HostConfig config = host_config(), std::uint64_t seed = 0)
      : host(std::move(config), io, seed) {}
  ~HostWorld() {
    host.shutdown();
    const auto& counters = host.counters();
    EXPECT_EQ(counters.sum(HostCounterGroup::Punted),
              counters.sum(HostCounterGroup::Done) + counters.sum(HostCounterGroup::Drop));
    EXPECT_EQ(counters.sum(HostCounterGroup::HeldIn),
              counters.sum(HostCounterGroup::HeldSent) + counters.sum(HostCounterGroup::HeldDrop));
    EXPECT_EQ(host.neighbors().held(), 0U);
  }

  // Hands over a frame in a block of exactly its size.
  void punt(dataplane::PuntReason reason, std::span<const std::byte> frame,
            base::PortIndex port = kPublic, std::uint16_t mtu = 0,
            Arrival arrival = Arrival::Clear) {
    const test::ExactBuffer exact(frame);
    PuntedPacket packet;
    packet.arrival = arrival;
    packet.reason = reason;
    packet.port = port;
    packet.frame = exact.bytes();
    packet.mtu = mtu;
    host.on_punt(packet, now);
  }
  void punt(dataplane::PuntReason reason, const std::string& vector) {
    punt(reason, host_vectors()[vector]);
  }
  void miss(HeldPacket& held, const std::string& next_hop, base::PortIndex port = kPublic) {
    PuntedPacket packet;
    packet.reason = dataplane::PuntReason::NeighborMiss;
    packet.port = port;
    packet.next_hop = ip(next_hop);
    packet.handle = &held;
    host.on_punt(packet, now);
  }
  // Lets time pass, in the steps that the stack asks for.
  void pass(base::Duration duration) {
    const auto end = now + duration;
    while (host.next_deadline() <= end) {
      now = std::max(now, host.next_deadline());
      host.tick(now);
    }
    now = end;
  }

  [[nodiscard]] std::uint64_t count(HostCounter counter) const {
    return host.counters().get(counter);
  }
  [[nodiscard]] const NeighborInfo* neighbor(const std::string& address,
                                             base::PortIndex port = kPublic) {
    rows_ = host.neighbors().list(now);
    for (const auto& row : rows_) {
      if (row.key.port == port && row.key.address == ip(address)) return &row;
    }
    return nullptr;
  }

  RecorderIo io;
  base::TimePoint now = kStart;
  HostStack host;

 private:
  std::vector<NeighborInfo> rows_;
};

inline std::string vector_hex(const std::string& name) {
  return test::to_hex(host_vectors()[name]);
}

}  // namespace phalanx::control
