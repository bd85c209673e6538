// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "phalanx/ipsec/flow_key.hpp"
#include "phalanx/ipsec/sa_params.hpp"
#include "phalanx/ipsec/selector.hpp"

namespace phalanx::ipsec {

// Whether the selector takes the packet. outbound: source is local, inbound: destination is.
[[nodiscard]] bool selects(const Selector& selector, const FlowKey& key,
                           Direction direction) noexcept;
// Whether it would take the packet if the packet showed its ports: addresses and protocol match,
// the selector wants ports, and the packet (a non-initial fragment) has none to show.
[[nodiscard]] bool may_select(const Selector& selector, const FlowKey& key,
                              Direction direction) noexcept;

// The ordered SPD of RFC 4301 4.4.1, searched line by line: the meaning of the policies, for the
// slow path and as the reference of faster classifiers. Immutable; any thread.
class Spd {
 public:
  // No policy decides: the packet is discarded (RFC 4301 5.1).
  static constexpr std::uint32_t kNoPolicy = 0xffffffff;

  explicit Spd(std::span<const Policy> policies);

  // Position of the first policy that takes the packet, or kNoPolicy. A selector with ports never
  // takes a packet without (RFC 4301 4.4.1.1). So that no fragment of protected traffic slips
  // through to a later Bypass (P7, RFC 4301 7.4), a packet without ports that an earlier Protect or
  // Discard might have taken gets kNoPolicy instead of a Bypass.
  [[nodiscard]] std::uint32_t lookup_outbound(const FlowKey& key) const noexcept;
  [[nodiscard]] std::uint32_t lookup_inbound(const FlowKey& key) const noexcept;

  [[nodiscard]] std::span<const Policy> policies() const noexcept { return policies_; }

 private:
  [[nodiscard]] std::uint32_t lookup(const FlowKey& key, Direction direction) const noexcept;

  std::vector<Policy> policies_;
};

}  // namespace phalanx::ipsec
