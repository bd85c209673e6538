// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <tuple>
#include <unordered_map>

#include "config_draft.hpp"
#include "phalanx/ipsec/sa_store.hpp"
#include "phalanx/net/ip.hpp"

namespace phalanx::mgmt {
namespace {

using dataplane::PortRole;
using ipsec::Direction;
using ipsec::PolicyAction;

constexpr std::uint16_t kMinIpv6Mtu = 1280;  // RFC 8200 5

// ---- SAs ----------------------------------------------------------------------------------------

const dataplane::PortConfig* port_with_address(const Draft& draft, const net::IpAddress& address) {
  for (const auto& port : draft.config.dataplane.ports) {
    for (const auto& own : port.addresses) {
      if (own.address == address) return &port;
    }
  }
  return nullptr;
}

// Where a packet to an address leaves: connected subnets, then routes, longest prefix first.
class Reach {
 public:
  explicit Reach(const Draft& draft) {
    const auto& plane = draft.config.dataplane;
    for (std::size_t i = 0; i < plane.routes.size(); ++i) {
      const auto& group = draft.routes[i];
      if (!group.good("to") || !group.good("via") || !group.good("port")) continue;
      add(plane.routes[i].to, plane.ports, plane.routes[i].port);
    }
    for (std::uint32_t i = 0; i < plane.ports.size(); ++i) {
      for (const auto& own : plane.ports[i].addresses) add(own.subnet(), plane.ports, i);
    }
  }
  [[nodiscard]] const dataplane::PortConfig* port_to(const net::IpAddress& address) const {
    for (auto length = lengths_.rbegin(); length != lengths_.rend(); ++length) {
      if (address.is_v4() && *length > 32) continue;
      const auto found = ports_.find(net::make_prefix(address, *length));
      if (found != ports_.end()) return found->second;
    }
    return nullptr;
  }

 private:
  void add(const net::Prefix& prefix, const std::vector<dataplane::PortConfig>& ports,
           std::uint32_t port) {
    if (port >= ports.size()) return;
    ports_[prefix] = &ports[port];
    lengths_.insert(prefix.length);
  }

  std::map<net::Prefix, const dataplane::PortConfig*> ports_;
  std::set<std::uint8_t> lengths_;
};

void check_tunnel(Group& group, const ipsec::SaParams& sa, const Draft& draft, const Reach& reach) {
  const bool local = group.has("local") && group.good("local");
  const bool remote = group.has("remote") && group.good("remote");
  if (local) {
    const auto* port = port_with_address(draft, sa.local);
    if (port == nullptr || (port->role != PortRole::Public && port->role != PortRole::Both)) {
      group.error("local",
                  quoted(net::to_string(sa.local)) +
                      (port == nullptr ? " is no address of this gateway"
                                       : " is an address of port " + quoted(port->name) +
                                             ", which is not public"),
                  "an address of a public port");
    } else if (sa.path_mtu > port->mtu && group.good("path_mtu")) {
      group.error(
          "path_mtu",
          std::to_string(sa.path_mtu) + " is more than the MTU of port " + quoted(port->name),
          "576.." + std::to_string(port->mtu));
    }
  }
  if (!remote) return;
  if (local && sa.local.family != sa.remote.family) {
    return group.error("remote", "is of another IP version than local", "both IPv4 or both IPv6");
  }
  if (port_with_address(draft, sa.remote) != nullptr) {
    return group.error("remote",
                       quoted(net::to_string(sa.remote)) + " is an address of this gateway",
                       "the peer's address");
  }
  if (sa.remote.is_v6() && sa.path_mtu != 0 && sa.path_mtu < kMinIpv6Mtu &&
      group.good("path_mtu")) {
    group.error("path_mtu", std::to_string(sa.path_mtu) + " is below what every IPv6 path carries",
                "1280..9216");
  }
  if (sa.direction != Direction::Outbound || !group.good("direction")) return;
  const auto* port = reach.port_to(sa.remote);
  if (port == nullptr) {
    group.warn("remote", "there is no route to " + quoted(net::to_string(sa.remote)),
               "a route or connected subnet that holds it");
  } else if (port->role == PortRole::Private) {
    group.error("remote",
                quoted(net::to_string(sa.remote)) + " is behind port " + quoted(port->name) +
                    ", which is private",
                "a peer behind a public port");
  }
}

void check_spis(Draft& draft) {
  // Inbound SAs are found by SPI alone, RFC 4301 4.1; the peer finds ours likewise.
  std::map<std::tuple<Direction, base::Spi, net::IpAddress>, std::size_t> seen;
  for (std::size_t i = 0; i < draft.sas.size(); ++i) {
    auto& group = draft.sas[i];
    const auto& sa = draft.config.sas[i];
    if (!group.has("spi") || !group.good("spi") || !group.has("direction") ||
        !group.good("direction")) {
      continue;
    }
    const bool inbound = sa.direction == Direction::Inbound;
    const auto [first, fresh] =
        seen.emplace(std::tuple(sa.direction, sa.spi, inbound ? net::IpAddress{} : sa.remote), i);
    if (fresh) continue;
    group.error("spi",
                "is the SPI of SA " + quoted(draft.config.sas[first->second].name) + " already",
                inbound ? "an SPI for each inbound SA" : "an SPI for each outbound SA to one peer");
  }
}

std::span<const std::byte> cipher_key(const ipsec::SaParams& sa) {
  const auto& info = ipsec::info(sa.algorithm);
  const auto wanted = static_cast<std::size_t>(info.key_bytes) + info.salt_bytes;
  if (sa.key.size() != wanted) return {};
  return sa.key.bytes().first(info.key_bytes);
}

std::span<const std::byte> auth_key(const ipsec::SaParams& sa) {
  return sa.auth_key.bytes();
}

// Pairs of SAs whose key is the same, as (later, earlier). No copy of a key is made.
std::vector<std::pair<std::size_t, std::size_t>> equal_keys(
    const std::vector<ipsec::SaParams>& sas,
    std::span<const std::byte> (*key)(const ipsec::SaParams&)) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < sas.size(); ++i) {
    if (!key(sas[i]).empty()) order.push_back(i);
  }
  const auto less = [&](std::size_t a, std::size_t b) {
    const auto left = key(sas[a]);
    const auto right = key(sas[b]);
    return std::lexicographical_compare(left.begin(), left.end(), right.begin(), right.end());
  };
  std::stable_sort(order.begin(), order.end(), less);
  std::vector<std::pair<std::size_t, std::size_t>> equal;
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (!less(order[i - 1], order[i])) equal.emplace_back(order[i], order[i - 1]);
  }
  return equal;
}

void check_key_reuse(Draft& draft) {
  const auto& sas = draft.config.sas;
  for (const auto& [later, earlier] : equal_keys(sas, cipher_key)) {
    draft.sas[later].error("key", "is the key of SA " + quoted(sas[earlier].name) + " already",
                           "a key for each SA and direction: two uses repeat nonces");
  }
  for (const auto& [later, earlier] : equal_keys(sas, auth_key)) {
    draft.sas[later].warn("auth_key", "is the key of SA " + quoted(sas[earlier].name) + " already",
                          "a key for each SA and direction");
  }
}

void check_uids(Draft& draft) {
  std::unordered_map<base::Uid, std::size_t> seen;
  for (std::size_t i = 0; i < draft.sas.size(); ++i) {
    const auto& sa = draft.config.sas[i];
    if (sa.uid == base::Uid{} || !draft.sas[i].good("key") || !draft.sas[i].good("spi")) continue;
    const auto [first, fresh] = seen.emplace(sa.uid, i);
    if (fresh) continue;
    draft.sas[i].error(
        "spi", "has by chance the uid of SA " + quoted(draft.config.sas[first->second].name),
        "another SPI or key");
  }
}

// ---- policies -----------------------------------------------------------------------------------

bool has_ports(std::uint8_t protocol) {
  constexpr std::uint8_t kProtoSctp = 132;
  return protocol == net::kProtoTcp || protocol == net::kProtoUdp || protocol == kProtoSctp;
}

bool is_extension_header(std::uint8_t protocol) {
  constexpr std::uint8_t kProtoDestinationOptions = 60;
  return protocol == net::kProtoRouting || protocol == net::kProtoFragment ||
         protocol == kProtoDestinationOptions;
}

void check_selector(Group& group, const ipsec::Selector& selector) {
  for (const auto& [key, range] :
       {std::pair{"local_ports", selector.local_ports}, {"remote_ports", selector.remote_ports}}) {
    if (range.any() || !group.good("protocol") || has_ports(selector.protocol)) continue;
    group.error(key, "needs a protocol that has ports", "protocol tcp, udp or sctp");
  }
  if (!group.good("local") || !group.good("remote") || !group.has("local") ||
      !group.has("remote")) {
    return;
  }
  if (selector.local.address.family != selector.remote.address.family) {
    return group.error("remote",
                       quoted(net::to_string(selector.remote)) + " is of another IP version than " +
                           net::to_string(selector.local),
                       "both IPv4 or both IPv6");
  }
  const bool v4 = selector.local.address.is_v4();
  if (selector.protocol == (v4 ? net::kProtoIcmpv6 : net::kProtoIcmp)) {
    group.error("protocol", v4 ? "icmpv6 is not carried by IPv4" : "icmp is not carried by IPv6",
                v4 ? "icmp" : "icmpv6");
  } else if (!v4 && is_extension_header(selector.protocol)) {
    group.error("protocol",
                std::to_string(selector.protocol) + " is an extension header, not a protocol",
                "what follows the extension headers");
  }
}

void check_direction(Group& group, const Draft& draft, std::uint32_t position, Direction wanted,
                     std::string_view key) {
  const auto& sa = draft.config.sas[position];
  const auto& sa_group = draft.sas[position];
  if (!sa_group.has("direction") || !sa_group.good("direction") || sa.direction == wanted) return;
  group.error(
      key,
      quoted(sa.name) + (wanted == Direction::Inbound ? " is an outbound SA" : " is an inbound SA"),
      wanted == Direction::Inbound ? "inbound SAs" : "an outbound SA");
}

// Largest inner packet that still fits: RFC 4303 2.4 pads payload and trailer to whole blocks.
std::uint32_t inner_mtu(const ipsec::SaParams& sa, std::uint32_t outer_mtu) {
  constexpr std::uint32_t kEspHeader = 8;
  constexpr std::uint32_t kEspTrailer = 2;
  const auto& info = ipsec::info(sa.algorithm);
  const std::uint32_t ip_header = sa.local.is_v4() ? 20 : 40;
  const std::uint32_t room = outer_mtu - ip_header - kEspHeader - info.iv_bytes - info.icv_bytes;
  return room / info.block_bytes * info.block_bytes - kEspTrailer;
}

// RFC 8200 5: whatever carries IPv6 carries packets of 1280 bytes, and a sender that is told of
// less need not care. The other way out, ESP packets in fragments, is none: peers of our kind
// reassemble nothing.
void check_inner_mtu(Group& group, const Draft& draft, const ipsec::Policy& policy,
                     const Reach& reach) {
  const auto& sa = draft.config.sas[policy.out_sa];
  const auto& sa_group = draft.sas[policy.out_sa];
  if (!policy.selector.local.address.is_v6()) return;
  for (const auto* key : {"local", "remote", "algorithm"}) {
    if (!sa_group.has(key) || !sa_group.good(key)) return;
  }
  const auto* port = reach.port_to(sa.remote);
  if (port == nullptr || !sa_group.good("path_mtu")) return;
  const auto outer = sa.path_mtu != 0 ? std::min(sa.path_mtu, port->mtu) : port->mtu;
  const auto inner = inner_mtu(sa, outer);
  if (inner >= kMinIpv6Mtu) return;
  auto wanted = outer;
  while (inner_mtu(sa, wanted) < kMinIpv6Mtu) ++wanted;
  const bool path = sa.path_mtu != 0 && sa.path_mtu <= port->mtu;
  group.error("out_sa",
              "SA " + quoted(sa.name) + " leaves " + std::to_string(inner) +
                  " bytes for an IPv6 packet, which may need 1280 (RFC 8200)",
              (path ? "path_mtu of the SA" : "mtu of port " + quoted(port->name)) + " " +
                  std::to_string(wanted) + " or more");
}

// used: how many policies name the SA, by its position.
void check_action(Group& group, const Draft& draft, const ipsec::Policy& policy, const Reach& reach,
                  std::vector<std::size_t>& used) {
  const bool out = policy.out_sa != ipsec::Policy::kNoSa;
  if (!group.has("action") || !group.good("action")) return;
  if (policy.action != PolicyAction::Protect) {
    for (const auto* key : {"out_sa", "in_sas"}) {
      if (!group.has(key)) continue;
      group.error(key, "a policy that does not protect uses no SA", "leave it out");
    }
    return;
  }
  if (out) {
    ++used[policy.out_sa];
    check_direction(group, draft, policy.out_sa, Direction::Outbound, "out_sa");
    check_inner_mtu(group, draft, policy, reach);
  } else if (group.good("out_sa")) {
    group.warn("out_sa", "is missing: packets of this policy are dropped, never sent in clear",
               "the name of an outbound SA");
  }
  for (const auto position : policy.in_sas) {
    check_direction(group, draft, position, Direction::Inbound, "in_sas");
    if (++used[position] != ipsec::kMaxSelectorsPerSa + 1) continue;
    group.error("in_sas",
                std::to_string(ipsec::kMaxSelectorsPerSa) + " policies name SA " +
                    quoted(draft.config.sas[position].name) + " already",
                "at most " + std::to_string(ipsec::kMaxSelectorsPerSa) +
                    " policies for each inbound SA: other SAs, or wider policies");
  }
}

bool covers(const ipsec::PortRange& wide, const ipsec::PortRange& narrow) {
  return wide.low <= narrow.low && narrow.high <= wide.high;
}

bool covers(const ipsec::Selector& wide, const ipsec::Selector& narrow) {
  return (wide.protocol == 0 || wide.protocol == narrow.protocol) &&
         covers(wide.local_ports, narrow.local_ports) &&
         covers(wide.remote_ports, narrow.remote_ports);
}

// Finds an earlier policy that takes all packets of a later one. Policies are kept by their pair of
// prefixes, so that only pairs of lengths that occur are tried: configs with many policies have
// few.
class Shadows {
 public:
  // Position of the policy that covers `selector`, if one does.
  const std::uint32_t* find(const ipsec::Selector& selector) const {
    for (const auto& [local, remote] : lengths_) {
      if (local > selector.local.length || remote > selector.remote.length) continue;
      const auto found = policies_.find({net::make_prefix(selector.local.address, local),
                                         net::make_prefix(selector.remote.address, remote)});
      if (found == policies_.end()) continue;
      for (const auto& [earlier, position] : found->second) {
        if (covers(earlier, selector)) return &position;
      }
    }
    return nullptr;
  }
  void add(const ipsec::Selector& selector, std::uint32_t position) {
    lengths_.emplace(selector.local.length, selector.remote.length);
    policies_[{selector.local, selector.remote}].emplace_back(selector, position);
  }

 private:
  std::set<std::pair<std::uint8_t, std::uint8_t>> lengths_;
  std::map<std::pair<net::Prefix, net::Prefix>,
           std::vector<std::pair<ipsec::Selector, std::uint32_t>>>
      policies_;
};

void warn_shadowed(Draft& draft) {
  Shadows shadows;
  const auto& policies = draft.config.policies;
  for (std::uint32_t i = 0; i < policies.size(); ++i) {
    auto& group = draft.policies[i];
    const bool readable = group.has("local") && group.has("remote") && group.good("local") &&
                          group.good("remote") && group.good("protocol") &&
                          group.good("local_ports") && group.good("remote_ports");
    if (!readable) continue;
    if (const auto* earlier = shadows.find(policies[i].selector)) {
      group.warn("",
                 "the policy is never reached: " + quoted(policies[*earlier].name) +
                     " before it takes all of its packets",
                 "the more special policy first");
    } else {
      shadows.add(policies[i].selector, i);
    }
  }
}

}  // namespace

void check_sas(Draft& draft) {
  const Reach reach(draft);
  for (std::size_t i = 0; i < draft.sas.size(); ++i) {
    check_tunnel(draft.sas[i], draft.config.sas[i], draft, reach);
  }
  check_spis(draft);
  check_key_reuse(draft);
  check_uids(draft);
}

void check_policies(Group& root, Draft& draft) {
  const Reach reach(draft);
  std::vector<std::size_t> used(draft.config.sas.size());
  for (std::size_t i = 0; i < draft.policies.size(); ++i) {
    check_selector(draft.policies[i], draft.config.policies[i].selector);
    check_action(draft.policies[i], draft, draft.config.policies[i], reach, used);
  }
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (used[i] != 0) continue;
    draft.sas[i].warn("", "SA " + quoted(draft.config.sas[i].name) + " is used by no policy",
                      "out_sa or in_sas of a policy that protects");
  }
  if (draft.config.policies.empty() && root.good("policies")) {
    root.warn("policies", "there is no policy: every packet is discarded", "at least one policy");
  }
  warn_shadowed(draft);
}

}  // namespace phalanx::mgmt
