// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/ipsec/spd.hpp"

#include "phalanx/net/address.hpp"

namespace phalanx::ipsec {
namespace {

struct Ends {
  net::IpAddress local;
  net::IpAddress remote;
  std::uint16_t local_port;
  std::uint16_t remote_port;
};

Ends ends_of(const FlowKey& key, Direction direction) noexcept {
  const auto family = key.family == 4 ? net::Family::V4 : net::Family::V6;
  const net::IpAddress source{key.source, family};
  const net::IpAddress destination{key.destination, family};
  if (direction == Direction::Outbound) {
    return {source, destination, key.source_port, key.destination_port};
  }
  return {destination, source, key.destination_port, key.source_port};
}

bool takes_addresses(const Selector& selector, const FlowKey& key, const Ends& ends) noexcept {
  return (selector.protocol == 0 || selector.protocol == key.protocol) &&
         selector.local.contains(ends.local) && selector.remote.contains(ends.remote);
}

bool wants_ports(const Selector& selector) noexcept {
  return !selector.local_ports.any() || !selector.remote_ports.any();
}

}  // namespace

bool selects(const Selector& selector, const FlowKey& key, Direction direction) noexcept {
  const auto ends = ends_of(key, direction);
  if (!takes_addresses(selector, key, ends)) return false;
  if (!wants_ports(selector)) return true;
  return key.has_ports != 0 && selector.local_ports.contains(ends.local_port) &&
         selector.remote_ports.contains(ends.remote_port);
}

bool may_select(const Selector& selector, const FlowKey& key, Direction direction) noexcept {
  return wants_ports(selector) && key.has_ports == 0 &&
         takes_addresses(selector, key, ends_of(key, direction));
}

Spd::Spd(std::span<const Policy> policies) : policies_(policies.begin(), policies.end()) {}

std::uint32_t Spd::lookup(const FlowKey& key, Direction direction) const noexcept {
  bool undecided = false;  // an earlier policy might have kept the packet from a Bypass
  for (std::uint32_t position = 0; position < policies_.size(); ++position) {
    const auto& policy = policies_[position];
    if (selects(policy.selector, key, direction)) {
      return undecided && policy.action == PolicyAction::Bypass ? kNoPolicy : position;
    }
    undecided |=
        policy.action != PolicyAction::Bypass && may_select(policy.selector, key, direction);
  }
  return kNoPolicy;
}

std::uint32_t Spd::lookup_outbound(const FlowKey& key) const noexcept {
  return lookup(key, Direction::Outbound);
}

std::uint32_t Spd::lookup_inbound(const FlowKey& key) const noexcept {
  return lookup(key, Direction::Inbound);
}

}  // namespace phalanx::ipsec
