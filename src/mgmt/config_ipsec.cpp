// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <algorithm>
#include <array>

#include "config_draft.hpp"

namespace phalanx::mgmt {
namespace {

struct ProtocolName {
  std::string_view name;
  std::uint8_t number;
};

// IANA "Assigned Internet Protocol Numbers", those that pass through gateways.
constexpr ProtocolName kProtocols[] = {
    {"any", 0},    {"icmp", 1},   {"igmp", 2},    {"ipip", 4},      {"tcp", 6},
    {"udp", 17},   {"dccp", 33},  {"ipv6", 41},   {"rsvp", 46},     {"gre", 47},
    {"esp", 50},   {"ah", 51},    {"icmpv6", 58}, {"ospf", 89},     {"pim", 103},
    {"vrrp", 112}, {"l2tp", 115}, {"sctp", 132},  {"udplite", 136},
};

std::string algorithm_names() {
  std::string names;
  for (const auto& row : ipsec::kEspAlgorithms) {
    names.append(names.empty() ? "" : ", ").append(row.name);
  }
  return names;
}

void read_algorithm(Group& group, ipsec::SaParams& sa) {
  std::string name;
  if (!group.require("algorithm", algorithm_names())) return;
  if (!group.string("algorithm", name)) return;
  const auto algorithm = ipsec::parse_esp_algorithm(name);
  if (!algorithm) return group.error("algorithm", quoted(name) + " is unknown", algorithm_names());
  sa.algorithm = *algorithm;
}

// "copy", or what the outer header carries instead of the inner DSCP.
void read_dscp(Group& group, ipsec::SaParams& sa) {
  const auto* node = group.find("dscp");
  if (node == nullptr) return;
  constexpr char kRule[] = "\"copy\" or 0..63";
  if (node->kind == NodeKind::String && node->text.view() == "copy") return;
  if (node->kind != NodeKind::Number) {
    return group.error("dscp",
                       node->kind == NodeKind::String
                           ? quoted(node->text.view()) + " is unknown"
                           : "is a " + std::string(kind_name(node->kind)),
                       kRule);
  }
  sa.copy_dscp = false;
  group.number("dscp", 0, 63, sa.outer_dscp);
}

void refuse_other_direction(Group& group, std::string_view key, std::string_view direction) {
  if (group.find(key) == nullptr) return;
  group.error(key, "applies to " + std::string(direction) + " SAs only", "leave it out");
}

// Packet mode (docs/configuration.md): its settings mean nothing without it.
void read_mode(Group& group, ipsec::SaParams& sa) {
  constexpr std::array<std::string_view, 2> kModes = {"session", "packet"};
  std::size_t mode = 0;
  if (!group.word("mode", kModes, mode)) return;
  sa.mode = static_cast<ipsec::SaMode>(mode);
  if (sa.mode == ipsec::SaMode::Packet) {
    group.number("stripe_shift", ipsec::kMinStripeShift, ipsec::kMaxStripeShift, sa.stripe_shift);
    group.number("peer_window", 32, UINT32_MAX, sa.peer_window);
    return;
  }
  for (const auto* key : {"stripe_shift", "peer_window"}) {
    if (group.find(key) == nullptr) continue;
    group.error(key, "applies to SAs in packet mode only", "leave it out, or mode = \"packet\"");
  }
}

void check_stripes(Group& group, const ipsec::SaParams& sa) {
  if (sa.mode != ipsec::SaMode::Packet || !group.good("stripe_shift")) return;
  const auto stripe = std::uint32_t{1} << sa.stripe_shift;
  if (sa.direction == ipsec::Direction::Inbound) {
    const auto most = ipsec::kMaxWindowStripes * stripe;
    if (group.good("replay_window") && sa.replay_window > most) {
      group.error("replay_window",
                  std::to_string(sa.replay_window) + " is more than " +
                      std::to_string(ipsec::kMaxWindowStripes) + " stripes of " +
                      std::to_string(stripe) + " numbers",
                  "32.." + std::to_string(most) + ", or a larger stripe_shift");
    }
    return;
  }
  if (!group.require("peer_window", "the replay window of the peer, in packets")) return;
  const auto least = ipsec::kPeerWindowStripes * stripe;
  if (group.good("peer_window") && sa.peer_window < least) {
    group.error("peer_window",
                std::to_string(sa.peer_window) + " is less than " +
                    std::to_string(ipsec::kPeerWindowStripes) + " stripes of " +
                    std::to_string(stripe) + " numbers: the peer would drop what is late",
                "at least " + std::to_string(least) + ", or a smaller stripe_shift");
  }
}

void read_outbound_settings(Group& group, ipsec::SaParams& sa) {
  constexpr std::array<std::string_view, 3> kDf = {"copy", "set", "clear"};
  std::size_t df = 0;
  if (group.word("df", kDf, df)) sa.df = static_cast<ipsec::DfPolicy>(df);
  read_dscp(group, sa);
  group.number("path_mtu", 576, 9216, sa.path_mtu);  // RFC 791: every host takes 576
  refuse_other_direction(group, "replay_window", "inbound");
}

void read_inbound_settings(Group& group, ipsec::SaParams& sa) {
  group.number("replay_window", 32, 65536, sa.replay_window);
  for (const auto* key : {"df", "dscp", "path_mtu", "peer_window"}) {
    refuse_other_direction(group, key, "outbound");
  }
}

ipsec::SaParams read_sa(Group& group, std::size_t position, Draft& draft) {
  constexpr std::array<std::string_view, 2> kDirections = {"in", "out"};
  ipsec::SaParams sa;
  read_name(group, "SA", position, draft.sa_names, sa.name);
  std::size_t direction = 0;
  const bool known =
      group.require("direction", "in, out") && group.word("direction", kDirections, direction);
  sa.direction = direction == 0 ? ipsec::Direction::Inbound : ipsec::Direction::Outbound;
  std::uint32_t spi = 0;
  if (group.require("spi", range_text(base::kMinSpi, UINT32_MAX))) {
    group.number("spi", base::kMinSpi, UINT32_MAX, spi);
  }
  sa.spi = base::Spi(spi);
  for (const auto& [key, field] : {std::pair{"local", &sa.local}, {"remote", &sa.remote}}) {
    if (group.require(key, "as in 192.0.2.1 or 2001:db8::1")) {
      read_address(group, key, *field);
    }
  }
  read_algorithm(group, sa);
  read_key(group, "key", sa.key);
  read_key(group, "auth_key", sa.auth_key);
  draft.inline_keys = draft.inline_keys || group.has("key") || group.has("auth_key");
  group.boolean("esn", sa.esn);
  read_mode(group, sa);
  if (!known || sa.direction == ipsec::Direction::Outbound) read_outbound_settings(group, sa);
  if (!known || sa.direction == ipsec::Direction::Inbound) read_inbound_settings(group, sa);
  if (known) check_stripes(group, sa);
  group.finish();
  return sa;
}

void read_protocol(Group& group, std::uint8_t& out) {
  constexpr char kRule[] = "0..255, or a name such as any, tcp, udp, sctp, icmp, icmpv6, gre";
  const auto* node = group.find("protocol");
  if (node == nullptr) return;
  if (node->kind == NodeKind::Number) {
    group.number("protocol", 0, 255, out);
    return;
  }
  std::vector<std::string> names;
  for (const auto& row : kProtocols) {
    if (node->kind == NodeKind::String && node->text.view() == row.name) {
      out = row.number;
      return;
    }
    names.emplace_back(row.name);
  }
  if (node->kind != NodeKind::String) {
    return group.error("protocol", "is a " + std::string(kind_name(node->kind)), kRule);
  }
  const auto meant = closest(node->text.view(), names);
  group.error("protocol",
              quoted(node->text.view()) + " is unknown" +
                  (meant ? ", perhaps " + quoted(*meant) + " is meant" : ""),
              kRule);
}

// 80, "80", "1000-2000" or "any".
void read_port_range(Group& group, std::string_view key, ipsec::PortRange& out) {
  constexpr char kRule[] = "0..65535, \"LOW-HIGH\", \"any\"";
  const auto* node = group.find(key);
  if (node == nullptr) return;
  if (node->kind != NodeKind::Number && node->kind != NodeKind::String) {
    return group.error(key, "is a " + std::string(kind_name(node->kind)), kRule);
  }
  const auto text = node->text.view();
  if (node->kind == NodeKind::String && text == "any") return;
  const auto dash = node->kind == NodeKind::String ? text.find('-') : std::string_view::npos;
  const auto low = parse_whole_number(text.substr(0, dash));
  const auto high =
      dash == std::string_view::npos ? low : parse_whole_number(text.substr(dash + 1));
  if (!low || !high || *low > 65535 || *high > 65535) {
    return group.error(key, quoted(text) + " is no port or range of ports", kRule);
  }
  if (*low > *high) {
    return group.error(key, quoted(text) + " ends before it starts", "LOW not above HIGH");
  }
  out = {static_cast<std::uint16_t>(*low), static_cast<std::uint16_t>(*high)};
}

void read_in_sas(Group& group, const Draft& draft, std::vector<std::uint32_t>& out) {
  std::vector<std::string> names;
  if (!group.strings("in_sas", names)) return;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto& node = group.find("in_sas")->children[i];
    const auto found = draft.sa_names.find(names[i]);
    if (found == draft.sa_names.end()) {
      group.error_at(node, "in_sas", "there is no SA " + quoted(names[i]), "names of SAs");
    } else if (std::find(out.begin(), out.end(), found->second) != out.end()) {
      group.error_at(node, "in_sas", quoted(names[i]) + " is named twice", "each SA once");
    } else {
      out.push_back(found->second);
    }
  }
}

void read_dispatch(Group& group, const Draft& draft, ipsec::Policy& policy) {
  constexpr std::array<std::string_view, 4> kDispatches = {
      "packet_shortest_queue", "packet_round_robin", "session_shortest_queue",
      "session_round_robin"};
  std::size_t dispatch = 0;
  if (group.find("dispatch") == nullptr || !group.word("dispatch", kDispatches, dispatch)) return;
  policy.dispatch = static_cast<ipsec::Dispatch>(dispatch);
  if (policy.out_sa == ipsec::Policy::kNoSa) {
    if (group.good("out_sa")) {
      group.error("dispatch", "there is no out_sa whose packets could be spread", "leave it out");
    }
  } else if (draft.config.sas[policy.out_sa].mode != ipsec::SaMode::Packet) {
    group.error("dispatch",
                "SA " + quoted(draft.config.sas[policy.out_sa].name) +
                    " is in session mode: one worker encrypts all of its packets",
                "leave it out, or an SA with mode = \"packet\"");
  }
}

ipsec::Policy read_policy(Group& group, std::size_t position, Names& names, const Draft& draft) {
  constexpr std::array<std::string_view, 3> kActions = {"protect", "bypass", "discard"};
  ipsec::Policy policy;
  read_name(group, "policy", position, names, policy.name);
  std::size_t action = 2;
  if (group.require("action", "protect, bypass, discard")) {
    group.word("action", kActions, action);
  }
  policy.action = static_cast<ipsec::PolicyAction>(action);
  auto& selector = policy.selector;
  for (const auto& [key, field] :
       {std::pair{"local", &selector.local}, {"remote", &selector.remote}}) {
    if (group.require(key, "as in 10.0.0.0/8 or 2001:db8::/32")) {
      read_prefix(group, key, *field);
    }
  }
  read_protocol(group, selector.protocol);
  read_port_range(group, "local_ports", selector.local_ports);
  read_port_range(group, "remote_ports", selector.remote_ports);
  read_reference(group, "out_sa", "SA", draft.sa_names, policy.out_sa);
  read_in_sas(group, draft, policy.in_sas);
  read_dispatch(group, draft, policy);
  group.finish();
  return policy;
}

}  // namespace

void read_sas(Group& root, Draft& draft) {
  root.string("key_file", draft.key_file);
  root.boolean("published_keys", draft.published_keys);
  draft.sas = root.groups("sas");
  draft.config.sas.reserve(draft.sas.size());
  for (std::size_t i = 0; i < draft.sas.size(); ++i) {
    draft.config.sas.push_back(read_sa(draft.sas[i], i, draft));
  }
}

void read_policies(Group& root, Draft& draft) {
  Names names;
  draft.policies = root.groups("policies");
  draft.config.policies.reserve(draft.policies.size());
  for (std::size_t i = 0; i < draft.policies.size(); ++i) {
    draft.config.policies.push_back(read_policy(draft.policies[i], i, names, draft));
  }
}

}  // namespace phalanx::mgmt
