// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/base/ids.hpp"
#include "phalanx/net/address.hpp"

namespace phalanx::control {

// A piece of a cluster datagram on a data port: an Ethernet frame of its own type, so that it is
// nobody's IP packet (docs/cluster-protocol.md).
struct DataFrame {
  base::NodeId from;
  bool deaf = false;  // the sender does not hear us by the cluster port
  net::MacAddress mac;
  std::span<const std::byte> payload;
};
inline constexpr std::size_t kDataFrameHeader = 8;  // behind the Ethernet header
[[nodiscard]] std::vector<std::byte> write_data_frame(const net::MacAddress& to_mac,
                                                      const net::MacAddress& own_mac,
                                                      base::NodeId to, const DataFrame& frame,
                                                      std::span<const std::byte> body);
// nullopt: malformed, of another version, or for another node. With or without a VLAN tag.
[[nodiscard]] std::optional<DataFrame> parse_data_frame(std::span<const std::byte> frame,
                                                        base::NodeId self);

// By which ports the members are sent to. The cluster port is always used; the data ports besides,
// while we do not hear the member by the cluster port or it says that it does not hear us there, so
// that a dead cable is not a dead node, in whichever direction. Who is heard by a data port is sent
// to by that one alone, the first of them; who is heard nowhere by all, but seldom after a while.
// Pure: times come in. Control thread.
class ClusterPaths {
 public:
  static constexpr std::size_t kCluster = 0;  // paths: the cluster port, then the data ports
  ClusterPaths(base::Duration heartbeat, std::size_t data_ports) noexcept
      : heartbeat_(heartbeat), paths_(1 + data_ports) {}

  struct Peer {
    base::NodeId id;
    bool has_data_ports = true;  // a witness has none
  };
  void set_members(std::span<const Peer> members);
  // Something authentic came from the member.
  void heard(base::NodeId from, std::size_t path, const net::MacAddress& mac, bool deaf,
             base::TimePoint now);
  // Nothing has come for long: it may be elsewhere now.
  void forget(base::NodeId member);

  struct Way {
    std::size_t path = kCluster;
    net::MacAddress mac;  // broadcast while it is not known
  };
  [[nodiscard]] bool has_data_ports(base::NodeId member) const;
  // Where a datagram to the member goes now; the cluster port first.
  [[nodiscard]] std::vector<Way> ways(base::NodeId to, base::TimePoint now);
  // Whether we do not hear the member by the cluster port.
  [[nodiscard]] bool is_deaf_to(base::NodeId member, base::TimePoint now) const;
  // By which path it is heard, the first of them; none: by no one.
  [[nodiscard]] std::optional<std::size_t> heard_by(base::NodeId member, base::TimePoint now) const;
  // True once when data ports come into use for somebody: a word is due at once.
  [[nodiscard]] bool take_change(base::TimePoint now);

 private:
  struct Path {
    net::MacAddress mac;
    base::TimePoint heard{};
  };
  struct Member {
    std::vector<Path> paths;
    base::TimePoint told_deaf{};  // when it last said so
    base::TimePoint next_try{};   // of one that is heard nowhere
    bool by_data = false;
    bool has_data_ports = true;
  };
  [[nodiscard]] bool is_fresh(const Path& path, base::TimePoint now) const;
  [[nodiscard]] bool needs_data(const Member& member, base::TimePoint now) const;
  [[nodiscard]] base::Duration deaf_after() const noexcept { return heartbeat_ * 6 / 5; }

  base::Duration heartbeat_;
  std::size_t paths_;
  std::map<base::NodeId, Member> members_;
};

}  // namespace phalanx::control
