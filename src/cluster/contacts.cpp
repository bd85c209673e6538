// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/cluster/contacts.hpp"

#include <algorithm>

#include "phalanx/cluster/planted.hpp"

namespace phalanx::cluster {

Contact& Contacts::hear(base::NodeId node, base::BootCount boot, base::TimePoint now) {
  auto& contact = contacts_[node];
  if (contact.boot != boot) {
    contact = Contact{};
    contact.boot = boot;
    contact.progressed = now;
  }
  contact.heard = now;
  return contact;
}

void Contacts::forgive_all(base::TimePoint now) {
  for (auto& [node, contact] : contacts_) {
    if (contact.heard != base::TimePoint{}) contact.heard = now;
    contact.progressed = now;
  }
}

void Contacts::forget_states() {
  for (auto& [node, contact] : contacts_) {
    contact.levelled = contact.froze_us = false;
    contact.acknowledged = {};
    contact.last = Heartbeat{};
  }
}

const Contact* Contacts::find(base::NodeId node) const noexcept {
  const auto found = contacts_.find(node);
  return found == contacts_.end() ? nullptr : &found->second;
}
Contact* Contacts::find(base::NodeId node) noexcept {
  const auto found = contacts_.find(node);
  return found == contacts_.end() ? nullptr : &found->second;
}

bool Contacts::alive(base::NodeId node, base::TimePoint now, base::Duration limit) const {
  const auto* contact = find(node);
  if (contact == nullptr || contact->heard == base::TimePoint{}) return false;
  if (now - contact->heard > limit) return false;
  return planted(Bug::HeartbeatIsLife) || now - contact->progressed <= limit;
}

std::vector<base::NodeId> Contacts::known() const {
  std::vector<base::NodeId> nodes;
  for (const auto& [node, contact] : contacts_) nodes.push_back(node);
  return nodes;
}

base::TimePoint Contacts::quorum_contact(const VoterSet& voters, base::NodeId self,
                                         base::TimePoint now) const {
  std::vector<std::pair<base::TimePoint, base::NodeId>> times;
  for (const auto node : voters.all()) {
    if (node == self) {
      times.emplace_back(now, node);
    } else if (const auto* contact = find(node);
               contact != nullptr && contact->levelled &&
               (!contact->froze_us || planted(Bug::FrozenVoterIsContact))) {
      times.emplace_back(contact->acknowledged, node);
    }
  }
  std::sort(times.rbegin(), times.rend());
  std::vector<base::NodeId> agreeing;
  for (const auto& [time, node] : times) {
    agreeing.push_back(node);
    if (voters.is_quorum(agreeing)) return time;
  }
  return base::TimePoint{};
}

}  // namespace phalanx::cluster
