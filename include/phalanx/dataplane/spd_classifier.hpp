// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <rte_acl.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "phalanx/base/result.hpp"
#include "phalanx/ipsec/spd.hpp"

namespace phalanx::dataplane {

// The SPD compiled for rte_acl: one trie per direction and family. Answers as ipsec::Spd does,
// which it also asks for the packets that show no ports. Built once at start; any number of
// readers.
class SpdClassifier {
 public:
  static base::Result<SpdClassifier, std::string> create(std::span<const ipsec::Policy> policies);

  // Position of the policy, or ipsec::Spd::kNoPolicy.
  [[nodiscard]] std::uint32_t lookup(ipsec::Direction direction,
                                     const ipsec::FlowKey& key) const noexcept;
  [[nodiscard]] std::span<const ipsec::Policy> policies() const noexcept {
    return spd_->policies();
  }

 private:
  struct Free {
    void operator()(rte_acl_ctx* context) const noexcept { rte_acl_free(context); }
  };
  using Context = std::unique_ptr<rte_acl_ctx, Free>;

  static base::Result<Context, std::string> build(std::span<const ipsec::Policy> policies,
                                                  ipsec::Direction direction, net::Family family);

  std::unique_ptr<ipsec::Spd> spd_;
  // [direction - 1][0: IPv4, 1: IPv6]; null when no policy is of that family.
  Context contexts_[2][2];
};

}  // namespace phalanx::dataplane
