// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/base/ids.hpp"
#include "phalanx/control/host_addresses.hpp"
#include "phalanx/control/host_counters.hpp"
#include "phalanx/control/icmp_errors.hpp"
#include "phalanx/control/neighbor_table.hpp"
#include "phalanx/control/slow_path_io.hpp"
#include "phalanx/control/token_bucket.hpp"
#include "phalanx/dataplane/config.hpp"
#include "phalanx/net/address.hpp"
#include "phalanx/net/arp.hpp"
#include "phalanx/net/mld.hpp"
#include "phalanx/net/ndp.hpp"
#include "phalanx/net/packet_parser.hpp"

namespace phalanx::control {

// Whether this node answers who asks for one of our addresses. Where nodes share them, one does.
using HostAnswers = std::function<bool(const net::IpAddress& asker, const net::IpAddress& address)>;

// Where packets are handed on: whether neighbors shall find this address of ours here.
using HostReceives = std::function<bool(const net::IpAddress& address)>;

struct HostConfig {
  std::vector<HostPort> ports;  // by base::PortIndex
  NeighborLimits neighbors;
  std::uint32_t icmp_errors_per_second = 1000;
};
// The bounds of the config file as this module uses them: packets that wait for neighbors may take
// an eighth of all buffers.
[[nodiscard]] NeighborLimits neighbor_limits(const dataplane::Limits& limits) noexcept;

// The gateway as a host on its links: answers ARP, NDP and echo, resolves next hops, sends ICMP
// errors, and refuses the rest. Every packet it is given ends in exactly one counter of the groups
// Done and Drop. Control thread only; no clock, no socket: all comes in as arguments and goes out
// by SlowPathIo.
class HostStack final : private NeighborOutput {
 public:
  // `seed` should be unpredictable: it jitters timers and spreads rate limits.
  HostStack(HostConfig config, SlowPathIo& io, std::uint64_t seed);
  ~HostStack() override = default;
  HostStack(const HostStack&) = delete;
  HostStack& operator=(const HostStack&) = delete;

  // Makes the permanent entry of a configured next hop, before traffic starts, and asks for its
  // MAC. The same next hop gets the same row. nullopt: the table is full, or no neighbor can have
  // this address.
  [[nodiscard]] std::optional<dataplane::AdjacencyIndex> add_gateway(base::PortIndex port,
                                                                     const net::IpAddress& address,
                                                                     base::TimePoint now);
  // Makes the entry of a configured neighbor whose MAC never changes, before add_gateway is called
  // for the same address. Its row is published at once.
  [[nodiscard]] std::optional<dataplane::AdjacencyIndex> add_static(base::PortIndex port,
                                                                    const net::IpAddress& address,
                                                                    const net::MacAddress& mac);

  // Without it this node answers everybody.
  void set_answers(HostAnswers answers) { answers_ = std::move(answers); }

  // Without it this node receives for its addresses, and nobody else does. With it, it announces
  // them only while it is the receiver, and then passes on to the other nodes what neighbors
  // answer: another node may have asked.
  void set_receives(HostReceives receives) { receives_ = std::move(receives); }
  // Once more as if each port's link had come up.
  void announce_all(base::TimePoint now);

  // The port's link is up: tell the neighbors our MAC by gratuitous ARP (RFC 5227 2.3) and
  // unsolicited NA (RFC 4861 7.2.6), and the switches our multicast groups (RFC 3810 6.1), three
  // times, one second apart. Called for each port at start, and again whenever its link comes back.
  void on_link_up(base::PortIndex port, base::TimePoint now);

  void on_punt(const PuntedPacket& packet, base::TimePoint now);
  void tick(base::TimePoint now);
  // When tick has work to do; TimePoint::max() when never.
  [[nodiscard]] base::TimePoint next_deadline() const noexcept;
  // Gives back every held packet; nothing may be punted afterwards.
  void shutdown() { neighbors_.drop_all_held(); }

  // What the data path must take for local beside the configured addresses: link-local ones.
  [[nodiscard]] const HostAddresses& addresses() const noexcept { return addresses_; }
  [[nodiscard]] const HostCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] const NeighborTable& neighbors() const noexcept { return neighbors_; }

 private:
  // State of a port's link.
  struct Link {
    std::uint8_t announcements_left = 0;
    base::TimePoint announce_at = base::TimePoint::max();
    base::TimePoint defend_after{};                      // RFC 5227 2.4: not before this
    base::TimePoint report_at = base::TimePoint::max();  // answer to a multicast query
    std::uint8_t report_version = 2;
  };
  // An IP packet addressed to us, parsed.
  struct LocalPacket {
    base::PortIndex port;
    Arrival arrival = Arrival::Clear;
    std::span<const std::byte> packet;  // IP header to the end of the packet
    net::IpView view;
    net::IpAddress source;
    net::IpAddress destination;
    std::optional<net::MacAddress> from;  // the frame's source, when there was a frame
    bool to_group = false;                // broadcast or multicast
  };
  struct Complaint {
    IcmpErrorKind kind = IcmpErrorKind::NoRoute;
    base::PortIndex port;
    Arrival arrival = Arrival::Clear;
    std::span<const std::byte> packet;
    std::uint16_t mtu = 0;
    std::optional<net::MacAddress> from;
    bool to_group_mac = false;  // RFC 1122 3.2.2: arrived as link-layer broadcast or multicast
  };

  [[nodiscard]] bool can_be_next_hop(base::PortIndex port,
                                     const net::IpAddress& address) const noexcept;
  [[nodiscard]] bool is_receiver_of(const net::IpAddress& address) const {
    return !receives_ || receives_(address);
  }
  void relay_answer(const PuntedPacket& packet, base::TimePoint now);
  // Each returns what became of the packet.
  [[nodiscard]] HostCounter on_neighbor_miss(const PuntedPacket& packet, base::TimePoint now);
  [[nodiscard]] HostCounter on_not_forwarded(const PuntedPacket& packet, base::TimePoint now);
  [[nodiscard]] HostCounter on_local(const PuntedPacket& packet, base::TimePoint now);
  // host_arp.cpp
  [[nodiscard]] HostCounter on_arp(base::PortIndex port, std::span<const std::byte> body,
                                   base::TimePoint now);
  [[nodiscard]] HostCounter on_arp_request(base::PortIndex port, const net::ArpMessage& message,
                                           base::TimePoint now);
  void announce_arp(base::PortIndex port, const net::IpAddress& address);
  [[nodiscard]] bool solicit_arp(const NeighborKey& key, const net::MacAddress* unicast_to);
  // host_ndp.cpp
  [[nodiscard]] HostCounter on_ndp(const LocalPacket& packet, std::uint8_t type,
                                   base::TimePoint now);
  [[nodiscard]] HostCounter on_solicitation(base::PortIndex port, const net::MacAddress& from,
                                            const net::NdpMessage& message, base::TimePoint now);
  [[nodiscard]] HostCounter on_advertisement(base::PortIndex port, const net::MacAddress& from,
                                             const net::NdpMessage& message, base::TimePoint now);
  void announce_ndp(base::PortIndex port, const net::IpAddress& address);
  [[nodiscard]] bool solicit_ndp(const NeighborKey& key, const net::MacAddress* unicast_to);
  // host_mld.cpp
  [[nodiscard]] HostCounter on_mld_query(const LocalPacket& packet, base::TimePoint now);
  void report_groups(base::PortIndex port, std::uint8_t version, net::MldRecord record);
  // host_local.cpp
  [[nodiscard]] HostCounter on_icmp(const LocalPacket& packet, base::TimePoint now);
  [[nodiscard]] HostCounter on_echo(const LocalPacket& packet, std::span<const std::byte> message);
  [[nodiscard]] HostCounter on_unspoken(const LocalPacket& packet, base::TimePoint now);

  void complain(const Complaint& complaint, base::TimePoint now);
  // to: the station that the packet answered by it came from.
  [[nodiscard]] bool send_packet(base::PortIndex port, Arrival arrival,
                                 const std::optional<net::MacAddress>& to,
                                 std::span<const std::byte> packet);
  // Somebody else uses our address: logged, and answered by an announcement within limits.
  [[nodiscard]] HostCounter on_conflict(base::PortIndex port, const net::IpAddress& address,
                                        const net::MacAddress& mac, base::TimePoint now);
  void announce(base::PortIndex port);
  void tick_link(base::PortIndex port, base::TimePoint now);

  void on_solicit(const NeighborKey& key, const net::MacAddress* unicast_to) noexcept override;
  void on_unreachable(void* handle, base::TimePoint now) noexcept override;
  void on_moved(const NeighborKey& key, const net::MacAddress& from, const net::MacAddress& to,
                base::TimePoint now) noexcept override;
  void on_gateway(const NeighborKey& key, bool reachable) noexcept override;

  const HostAddresses addresses_;
  SlowPathIo& io_;
  HostCounters counters_;
  NeighborTable neighbors_;
  IcmpErrors errors_;
  HostAnswers answers_;
  HostReceives receives_;
  TokenBucket relay_rate_;
  TokenBucket log_rate_;  // for lines that a packet can cause
  std::vector<Link> links_;
  std::vector<std::byte> scratch_;  // the packet being built: Ethernet header, largest MTU
  std::uint16_t next_identification_;
  std::mt19937_64 random_;  // delays of reports
};

}  // namespace phalanx::control
