// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/base/ids.hpp"
#include "phalanx/control/cluster_config.hpp"

namespace phalanx::control {

// A datagram of the cluster protocol, from somebody whom nobody has authenticated yet.
struct ReceivedDatagram {
  std::vector<std::byte> bytes;
  std::uint64_t path = 0;  // where it came from, for confirm(); 0: nothing to remember
  bool spare = false;      // by another way than the usual one: perhaps a copy
};

// How the cluster's datagrams travel: a DPDK device in phalanxd, a socket in a witness. They may be
// lost, doubled and reordered. One thread.
class DatagramPort {
 public:
  virtual ~DatagramPort() = default;
  // Who the others are, now and from now on; what is known of those that stay is kept.
  virtual void set_members(std::span<const ClusterMember> others) = 0;
  virtual void send(base::NodeId to, std::span<const std::byte> datagram) = 0;
  // False: nothing is waiting.
  [[nodiscard]] virtual bool receive(ReceivedDatagram& out, base::TimePoint now) = 0;
  // A datagram that came by this path was authentic: the member can be reached there.
  virtual void confirm(base::NodeId from, std::uint64_t path) = 0;
  // Nothing has come from the member for long: it may be elsewhere now.
  virtual void forget(base::NodeId member) = 0;
  // True once when another way to a member has come into use: it should hear something at once.
  [[nodiscard]] virtual bool take_change(base::TimePoint) { return false; }
  // By which way the member is heard, for operators, and by which it could be.
  static constexpr const char* kUsualWay = "cluster";
  static constexpr const char* kNoWay = "none";
  [[nodiscard]] virtual std::string way_of(base::NodeId, base::TimePoint) const {
    return kUsualWay;
  }
  [[nodiscard]] virtual std::string ways_to(base::NodeId) const { return kUsualWay; }
};

}  // namespace phalanx::control
