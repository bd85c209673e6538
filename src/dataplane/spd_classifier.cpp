// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dataplane/spd_classifier.hpp"

#include <rte_lcore.h>

#include <array>
#include <cstring>
#include <vector>

#include "phalanx/dpdk/eal.hpp"

namespace phalanx::dataplane {
namespace {

// What rte_acl reads: network byte order, the one-byte field first, the rest in groups of four.
struct Input4 {
  std::uint8_t protocol = 0;
  std::array<std::uint8_t, 3> zero{};
  std::array<std::uint8_t, 4> source{};
  std::array<std::uint8_t, 4> destination{};
  base::be16 source_port;
  base::be16 destination_port;
};
struct Input6 {
  std::uint8_t protocol = 0;
  std::array<std::uint8_t, 3> zero{};
  std::array<std::uint8_t, 16> source{};
  std::array<std::uint8_t, 16> destination{};
  base::be16 source_port;
  base::be16 destination_port;
};

constexpr std::size_t kFields4 = 5;
constexpr std::size_t kFields6 = 11;
RTE_ACL_RULE_DEF(Rule4, kFields4);
RTE_ACL_RULE_DEF(Rule6, kFields6);

rte_acl_field_def field(std::uint8_t type, std::size_t size, std::size_t index,
                        std::size_t input_index, std::size_t offset) {
  rte_acl_field_def def{};
  def.type = type;
  def.size = static_cast<std::uint8_t>(size);
  def.field_index = static_cast<std::uint8_t>(index);
  def.input_index = static_cast<std::uint8_t>(input_index);
  def.offset = static_cast<std::uint32_t>(offset);
  return def;
}

// Field and group numbers: protocol 0; then one group per four address bytes; both ports in the
// last.
template <typename Input>
std::vector<rte_acl_field_def> field_defs() {
  std::vector<rte_acl_field_def> defs{
      field(RTE_ACL_FIELD_TYPE_BITMASK, 1, 0, 0, offsetof(Input, protocol))};
  constexpr std::size_t kWords = sizeof(Input::source) / 4;
  for (std::size_t word = 0; word < 2 * kWords; ++word) {
    defs.push_back(
        field(RTE_ACL_FIELD_TYPE_MASK, 4, 1 + word, 1 + word, offsetof(Input, source) + 4 * word));
  }
  const auto ports = 1 + 2 * kWords;
  defs.push_back(field(RTE_ACL_FIELD_TYPE_RANGE, 2, ports, ports, offsetof(Input, source_port)));
  defs.push_back(
      field(RTE_ACL_FIELD_TYPE_RANGE, 2, ports + 1, ports, offsetof(Input, destination_port)));
  return defs;
}

// An address prefix as one or four (value, mask length) pairs in host order.
void put_prefix(rte_acl_field* fields, const net::Prefix& prefix) {
  for (std::size_t word = 0; word < prefix.address.size() / 4; ++word) {
    base::be32 value;
    std::memcpy(&value, prefix.address.bytes.data() + 4 * word, 4);
    fields[word].value.u32 = value.host();
    const int left = static_cast<int>(prefix.length) - static_cast<int>(32 * word);
    fields[word].mask_range.u32 =
        static_cast<std::uint32_t>(left < 0 ? 0 : (left > 32 ? 32 : left));
  }
}

template <typename Rule>
Rule make_rule(const ipsec::Policy& policy, ipsec::Direction direction, std::size_t position,
               std::size_t count) {
  const bool outbound = direction == ipsec::Direction::Outbound;
  const auto& selector = policy.selector;
  Rule rule{};
  rule.data.category_mask = 1;
  rule.data.priority = static_cast<std::int32_t>(count - position);
  rule.data.userdata = static_cast<std::uint32_t>(position + 1);
  rule.field[0].value.u8 = selector.protocol;
  rule.field[0].mask_range.u8 = selector.protocol == 0 ? 0 : 0xff;
  const auto words = selector.local.address.size() / 4;
  put_prefix(&rule.field[1], outbound ? selector.local : selector.remote);
  put_prefix(&rule.field[1 + words], outbound ? selector.remote : selector.local);
  const auto& source_ports = outbound ? selector.local_ports : selector.remote_ports;
  const auto& destination_ports = outbound ? selector.remote_ports : selector.local_ports;
  rule.field[1 + 2 * words].value.u16 = source_ports.low;
  rule.field[1 + 2 * words].mask_range.u16 = source_ports.high;
  rule.field[2 + 2 * words].value.u16 = destination_ports.low;
  rule.field[2 + 2 * words].mask_range.u16 = destination_ports.high;
  return rule;
}

template <typename Rule, typename Input>
int add_and_build(rte_acl_ctx* context, std::span<const ipsec::Policy> policies,
                  ipsec::Direction direction, net::Family family) {
  for (std::size_t i = 0; i < policies.size(); ++i) {
    if (policies[i].selector.local.address.family != family) continue;
    const auto rule = make_rule<Rule>(policies[i], direction, i, policies.size());
    if (const int error =
            rte_acl_add_rules(context, reinterpret_cast<const rte_acl_rule*>(&rule), 1);
        error != 0) {
      return error;
    }
  }
  rte_acl_config config{};
  config.num_categories = 1;
  const auto defs = field_defs<Input>();
  config.num_fields = static_cast<std::uint32_t>(defs.size());
  std::copy(defs.begin(), defs.end(), config.defs);
  return rte_acl_build(context, &config);
}

template <typename Input>
std::uint32_t classify(const rte_acl_ctx* context, const ipsec::FlowKey& key) noexcept {
  // rte_acl loads whole words, perhaps beyond the last field.
  struct {
    Input input;
    std::array<std::uint8_t, 16> slack{};
  } padded;
  auto& input = padded.input;
  input.protocol = key.protocol;
  std::memcpy(input.source.data(), key.source.data(), sizeof(input.source));
  std::memcpy(input.destination.data(), key.destination.data(), sizeof(input.destination));
  input.source_port = base::be16(key.source_port);
  input.destination_port = base::be16(key.destination_port);
  const auto* data = reinterpret_cast<const std::uint8_t*>(&input);
  std::uint32_t result = 0;
  if (rte_acl_classify(context, &data, &result, 1, 1) != 0 || result == 0) {
    return ipsec::Spd::kNoPolicy;
  }
  return result - 1;
}

bool port_protocol(std::uint8_t protocol) noexcept {
  return protocol == net::kProtoTcp || protocol == net::kProtoUdp || protocol == net::kProtoSctp;
}

}  // namespace

base::Result<SpdClassifier::Context, std::string> SpdClassifier::build(
    std::span<const ipsec::Policy> policies, ipsec::Direction direction, net::Family family) {
  const auto matching = std::count_if(policies.begin(), policies.end(), [&](const auto& policy) {
    return policy.selector.local.address.family == family;
  });
  if (matching == 0) return Context{};
  const bool v4 = family == net::Family::V4;
  const auto name = std::string("phalanx_spd_") +
                    (direction == ipsec::Direction::Outbound ? "out" : "in") + (v4 ? "4" : "6");
  rte_acl_param parameters{};
  parameters.name = name.c_str();
  parameters.socket_id = static_cast<int>(rte_socket_id());
  parameters.rule_size = v4 ? RTE_ACL_RULE_SZ(kFields4) : RTE_ACL_RULE_SZ(kFields6);
  parameters.max_rule_num = static_cast<std::uint32_t>(matching);
  Context context(rte_acl_create(&parameters));
  if (!context) return "no memory for the policies (eal.memory_mb): " + dpdk::error_text();
  const int error = v4 ? add_and_build<Rule4, Input4>(context.get(), policies, direction, family)
                       : add_and_build<Rule6, Input6>(context.get(), policies, direction, family);
  if (error != 0) {
    return "the policies cannot be compiled (eal.memory_mb): " + dpdk::error_text(error);
  }
  return context;
}

base::Result<SpdClassifier, std::string> SpdClassifier::create(
    std::span<const ipsec::Policy> policies) {
  SpdClassifier classifier;
  classifier.spd_ = std::make_unique<ipsec::Spd>(policies);
  for (const auto direction : {ipsec::Direction::Inbound, ipsec::Direction::Outbound}) {
    for (const auto family : {net::Family::V4, net::Family::V6}) {
      auto context = build(policies, direction, family);
      if (!context) return context.error();
      classifier
          .contexts_[static_cast<std::size_t>(direction) - 1][family == net::Family::V4 ? 0 : 1] =
          std::move(*context);
    }
  }
  return classifier;
}

std::uint32_t SpdClassifier::lookup(ipsec::Direction direction,
                                    const ipsec::FlowKey& key) const noexcept {
  // Fragments without ports need the rules of RFC 4301 7.4 that no trie knows.
  if (key.has_ports == 0 && port_protocol(key.protocol)) [[unlikely]] {
    return direction == ipsec::Direction::Outbound ? spd_->lookup_outbound(key)
                                                   : spd_->lookup_inbound(key);
  }
  const auto& context = contexts_[static_cast<std::size_t>(direction) - 1][key.family == 4 ? 0 : 1];
  if (!context) return ipsec::Spd::kNoPolicy;
  return key.family == 4 ? classify<Input4>(context.get(), key)
                         : classify<Input6>(context.get(), key);
}

}  // namespace phalanx::dataplane
