// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/base/ids.hpp"
#include "phalanx/control/host_counters.hpp"
#include "phalanx/control/icmp_errors.hpp"
#include "phalanx/control/neighbor_table.hpp"
#include "phalanx/control/slow_path_io.hpp"
#include "phalanx/dataplane/config.hpp"
#include "phalanx/net/address.hpp"

namespace phalanx::control {

// One of our ports as its link sees it.
struct HostPort {
  std::string name;
  net::MacAddress mac;  // the one in use, never zero
  std::uint16_t mtu = 1500;
  std::vector<net::InterfaceAddress> addresses;
};

struct HostConfig {
  std::vector<HostPort> ports;  // by base::PortIndex
  NeighborLimits neighbors;
  std::uint32_t icmp_errors_per_second = 1000;
};
// The bounds of the config file as this module uses them: packets that wait for neighbors may take
// an eighth of all buffers.
[[nodiscard]] NeighborLimits neighbor_limits(const dataplane::Limits& limits) noexcept;

// The gateway as a host on its links: answers ARP, NDP and echo, resolves next hops, sends ICMP
// errors, and refuses the rest. Every packet it is given ends in exactly one counter (see
// host_counters.hpp). Control thread only; no clock, no socket: all comes in as arguments and goes
// out by SlowPathIo.
class HostStack final : private NeighborOutput {
 public:
  // `seed` should be unpredictable: it jitters timers and spreads rate limits.
  HostStack(HostConfig config, SlowPathIo& io, std::uint64_t seed);
  ~HostStack() override;
  HostStack(const HostStack&) = delete;
  HostStack& operator=(const HostStack&) = delete;

  // Makes the permanent entry of a configured next hop. Before start().
  [[nodiscard]] std::optional<dataplane::AdjacencyIndex> add_gateway(base::PortIndex port,
                                                                     const net::IpAddress& address,
                                                                     base::TimePoint now);
  // Makes the entry of a configured neighbor, gateway or not, whose MAC never changes. Before
  // start; its row is published at once.
  [[nodiscard]] std::optional<dataplane::AdjacencyIndex> add_static(base::PortIndex port,
                                                                    const net::IpAddress& address,
                                                                    const net::MacAddress& mac);

  // The port's link is up: tell the neighbors our MAC by gratuitous ARP and unsolicited NA. Called
  // for each port at start, and again whenever its link comes back.
  void on_link_up(base::PortIndex port, base::TimePoint now);

  void on_punt(const PuntedPacket& packet, base::TimePoint now);
  void tick(base::TimePoint now);
  [[nodiscard]] base::TimePoint next_deadline() const noexcept;
  // Gives back every held packet; nothing may be punted afterwards.
  void shutdown();

  // The link-local address that a port answers to beside its configured ones: EUI-64 of its MAC
  // (RFC 4291 2.5.1, appendix A).
  [[nodiscard]] const net::IpAddress& link_local(base::PortIndex port) const noexcept;
  [[nodiscard]] const HostCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] const NeighborTable& neighbors() const noexcept { return neighbors_; }

 private:
  struct Port {
    HostPort settings;
    net::IpAddress link_local;
    base::TimePoint defended{};  // last answer to somebody who uses our address
  };

  void on_solicit(const NeighborKey& key, const net::MacAddress* unicast_to) noexcept override;
  void on_unreachable(void* handle, base::TimePoint now) noexcept override;
  void on_moved(const NeighborKey& key, const net::MacAddress& from, const net::MacAddress& to,
                base::TimePoint now) noexcept override;

  std::vector<Port> ports_;
  SlowPathIo& io_;
  HostCounters counters_;
  NeighborTable neighbors_;
  IcmpErrors errors_;
};

}  // namespace phalanx::control
