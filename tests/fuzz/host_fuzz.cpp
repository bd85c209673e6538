// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
// modules: control
//
// A conversation with the slow path, from any bytes: packets, waiting packets, use of rows, time.
// Never a crash, bounds kept, every packet in exactly one counter, every held packet back exactly
// once, adjacencies published and withdrawn in turn. The input is a list of steps:
//   0 ms(2)                                   time passes
//   1 reason(1) port(1) repair(1) length(2) frame   a packet; repair fixes its checksums
//   2 port(1) family(1) last address bytes(2)       a packet waits for a next hop
//   3 row(1)                                  a worker uses a row
//   4 port(1)                                 the link comes up
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "phalanx/base/byte_reader.hpp"
#include "phalanx/base/bytes.hpp"
#include "phalanx/base/log.hpp"
#include "phalanx/control/host_stack.hpp"
#include "phalanx/net/checksum.hpp"
#include "phalanx/net/icmp.hpp"
#include "phalanx/net/ip.hpp"
#include "support/exact_buffer.hpp"

namespace phalanx::control {
namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

struct Held {
  std::vector<std::byte> packet;
  int ends = 0;
};

class CheckingIo final : public SlowPathIo {
 public:
  bool transmit(base::PortIndex port, std::span<const std::byte> frame) noexcept override {
    require(port.value() < 2 && frame.size() >= 14 && frame.size() <= 1514);
    return ++sent_ % 7 != 0;  // sometimes the ring is full
  }
  bool inject_l3(base::PortIndex port, Arrival,
                 std::span<const std::byte> packet) noexcept override {
    require(port.value() < 2);
    const auto view = net::parse_ip_packet(packet);
    require(view.fault == net::IpFault::Ok && view.total_length == packet.size());
    return ++sent_ % 7 != 0;
  }
  void send_held(void* handle, dataplane::AdjacencyIndex adjacency) noexcept override {
    require(published_.contains(adjacency.value()));
    ++static_cast<Held*>(handle)->ends;
  }
  void drop_held(void* handle, HeldDrop) noexcept override { ++static_cast<Held*>(handle)->ends; }
  HeldView held_view(void* handle) const noexcept override {
    return {static_cast<const Held*>(handle)->packet, base::PortIndex(1), Arrival::Clear};
  }
  bool publish_adjacency(dataplane::AdjacencyIndex index, base::PortIndex port,
                         const net::IpAddress& address,
                         const net::MacAddress& mac) noexcept override {
    require(!mac.is_multicast() && !mac.is_zero());
    if (++allocated_ % 5 == 0) return false;  // sometimes memory is short
    const auto [at, fresh] = published_.try_emplace(index.value(), port, address);
    // A published row changes its MAC only.
    require(fresh || at->second == std::pair(port, address));
    return true;
  }
  void withdraw_adjacency(dataplane::AdjacencyIndex index) noexcept override {
    require(published_.erase(index.value()) == 1);
  }
  bool take_used(dataplane::AdjacencyIndex index) noexcept override {
    return std::exchange(used_[index.value()], false);
  }
  void use(std::uint32_t row) { used_[row] = true; }

 private:
  std::uint64_t sent_ = 0;
  std::uint64_t allocated_ = 0;
  std::map<std::uint32_t, std::pair<base::PortIndex, net::IpAddress>> published_;
  std::map<std::uint32_t, bool> used_;
};

HostConfig config() {
  const auto port = [](const char* mac, const char* v4, const char* v6) {
    return HostPort{"port",
                    *net::parse_mac(mac),
                    1500,
                    {*net::parse_interface_address(v4), *net::parse_interface_address(v6)}};
  };
  HostConfig made;
  made.ports = {port("02:00:5e:00:53:01", "192.0.2.1/24", "2001:db8:1::1/64"),
                port("02:00:5e:00:53:02", "10.1.0.1/24", "2001:db8:2::1/64")};
  made.neighbors = {.entries = 16, .queue = 3, .held_packets = 20};
  return made;
}

// Makes the checksums of an IPv4 header, and of ICMP right behind the IP header, fit.
void repair(std::span<std::byte> packet) {
  net::IpAddress source, destination;
  std::size_t offset = 0, length = 0;
  if (packet.empty()) return;
  if ((packet[0] >> 4) == std::byte{4}) {
    auto* ip = base::view_as<net::Ipv4Header>(packet);
    if (ip == nullptr) return;
    offset = (ip->version_ihl & 0xfU) * 4U;
    if (offset < sizeof(*ip) || offset > packet.size()) return;
    ip->total_length = base::be16(static_cast<std::uint16_t>(packet.size()));
    ip->checksum = base::be16(0);
    ip->checksum = base::be16(net::checksum(packet.first(offset)));
    if (ip->protocol != net::kProtoIcmp) return;
  } else {
    auto* ip = base::view_as<net::Ipv6Header>(packet);
    if (ip == nullptr) return;
    offset = sizeof(*ip);
    ip->payload_length = base::be16(static_cast<std::uint16_t>(packet.size() - offset));
    if (ip->next_header != net::kProtoIcmpv6) return;
    source = net::IpAddress::v6_from(ip->source.data());
    destination = net::IpAddress::v6_from(ip->destination.data());
    length = packet.size() - offset;
  }
  auto* icmp = base::view_as<net::IcmpHeader>(packet, offset);
  if (icmp == nullptr) return;
  icmp->checksum = base::be16(0);
  auto sum = source.is_v6() ? net::pseudo_header_sum(source, destination, net::kProtoIcmpv6,
                                                     static_cast<std::uint32_t>(length))
                            : 0;
  sum = net::checksum_add(sum, packet.subspan(offset));
  icmp->checksum = base::be16(net::checksum_finish(sum));
}

class Conversation {
 public:
  explicit Conversation(std::span<const std::byte> input) : input_(input), host_(config(), io_, 5) {
    const auto gateway = *net::parse_ip("192.0.2.254");
    require(host_.add_gateway(base::PortIndex(0), gateway, now_).has_value());
  }

  void run() {
    while (input_.ok() && input_.remaining() > 0) step();
    host_.shutdown();
    const auto& counters = host_.counters();
    require(counters.sum(HostCounterGroup::Punted) ==
            counters.sum(HostCounterGroup::Done) + counters.sum(HostCounterGroup::Drop));
    require(counters.sum(HostCounterGroup::HeldIn) ==
            counters.sum(HostCounterGroup::HeldSent) + counters.sum(HostCounterGroup::HeldDrop));
    for (const auto& held : held_) require(held.ends == 1);
  }

 private:
  void step() {
    switch (input_.u8() % 5) {
      case 0: pass(); break;
      case 1: packet(); break;
      case 2: miss(); break;
      case 3: io_.use(input_.u8()); break;
      default: host_.on_link_up(base::PortIndex(input_.u8() % 3), now_); break;
    }
    require(host_.neighbors().size() <= 16 && host_.neighbors().held() <= 20);
    require(host_.neighbors().list(now_).size() == host_.neighbors().size());
  }
  void pass() {
    now_ += std::chrono::milliseconds(input_.u16());
    if (host_.next_deadline() <= now_) host_.tick(now_);
    require(host_.next_deadline() > now_);
  }
  void packet() {
    PuntedPacket punted;
    punted.reason = static_cast<dataplane::PuntReason>(input_.u8() % 6);  // no NeighborMiss
    punted.port = base::PortIndex(input_.u8() % 3);
    const auto how = input_.u8();
    const std::uint16_t offsets[] = {14, 14, 0, 18};
    punted.l3_offset = offsets[(how >> 1) & 3];
    punted.mtu = 1400;
    const auto length = std::min<std::size_t>(input_.u16(), input_.remaining());
    test::ExactBuffer frame(input_.bytes(length));
    if ((how & 1) != 0 && punted.l3_offset <= frame.bytes().size()) {
      repair(frame.writable().subspan(punted.l3_offset));
    }
    punted.frame = frame.bytes();
    host_.on_punt(punted, now_);
    last_.assign(punted.frame.begin(), punted.frame.end());
  }
  void miss() {
    PuntedPacket punted;
    punted.reason = dataplane::PuntReason::NeighborMiss;
    punted.port = base::PortIndex(input_.u8() % 3);
    const bool v4 = input_.u8() % 2 == 0;
    punted.next_hop = *net::parse_ip(v4 ? "192.0.2.0" : "2001:db8:1::");
    const auto last = input_.u16();
    punted.next_hop.bytes[v4 ? 2 : 14] ^= static_cast<std::uint8_t>(last >> 8);
    punted.next_hop.bytes[v4 ? 3 : 15] ^= static_cast<std::uint8_t>(last);
    auto& held = held_.emplace_back();
    // What waits is what came last, if that was a packet.
    if (last_.size() > 14) held.packet.assign(last_.begin() + 14, last_.end());
    punted.handle = &held;
    host_.on_punt(punted, now_);
  }

  base::ByteReader input_;
  CheckingIo io_;
  base::TimePoint now_{std::chrono::hours(1)};
  std::vector<std::byte> last_;
  std::deque<Held> held_;
  HostStack host_;
};

}  // namespace
}  // namespace phalanx::control

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // What a packet causes to be logged is limited; here only the time it takes counts.
  phalanx::base::set_log_level(phalanx::base::LogLevel::Error);
  phalanx::control::Conversation(std::as_bytes(std::span(data, size))).run();
  return 0;
}
