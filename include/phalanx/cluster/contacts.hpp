// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/base/ids.hpp"
#include "phalanx/cluster/allocation.hpp"
#include "phalanx/cluster/message.hpp"

namespace phalanx::cluster {

// What this node knows of another one from its messages. Times are ours.
struct Contact {
  base::BootCount boot;
  base::TimePoint heard{};         // any authenticated message
  std::uint64_t newest_send = 0;   // its clock: what we echo
  base::TimePoint acknowledged{};  // send time of our newest message that it has seen as a voter
  base::TimePoint progressed{};    // when it was last doing what a living owner does
  bool levelled = false;
  bool froze_us = false;
  Heartbeat last;
};

// Failure detection. A node is alive when it is heard and its stream and allocation move on, and
// dead after three heartbeats of silence. A node whose own loop was late forgives everybody first.
class Contacts {
 public:
  // A message of `node` came in. A newer boot starts from nothing.
  Contact& hear(base::NodeId node, base::BootCount boot, base::TimePoint now);
  void forgive_all(base::TimePoint now);
  void forget(base::NodeId node) { contacts_.erase(node); }
  // Keeps whom we know, not what they said of themselves.
  void forget_states();

  [[nodiscard]] const Contact* find(base::NodeId node) const noexcept;
  [[nodiscard]] Contact* find(base::NodeId node) noexcept;
  [[nodiscard]] bool alive(base::NodeId node, base::TimePoint now, base::Duration limit) const;
  [[nodiscard]] std::vector<base::NodeId> known() const;

  // Newest of our send times that a quorum, `self` included, has acknowledged as voters.
  [[nodiscard]] base::TimePoint quorum_contact(const VoterSet& voters, base::NodeId self,
                                               base::TimePoint now) const;

 private:
  std::map<base::NodeId, Contact> contacts_;
};

}  // namespace phalanx::cluster
