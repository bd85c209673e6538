// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstdint>

#include "phalanx/base/ids.hpp"
#include "phalanx/ipsec/sa_counter.hpp"
#include "phalanx/ipsec/stripe_context.hpp"

namespace phalanx::ipsec {

// What one worker writes for an inbound SA in packet mode. writer: that worker
struct alignas(base::kCacheLine) InboundShard {
  SaCounter top;  // highest number that it accepted
  SaCounter packets;
  SaCounter bytes;
  std::uint32_t asked_version = ~std::uint32_t{0};  // that worker only: see LeaseGate
  SaErrorCounters errors;
};

// What an inbound SA in packet mode has beside the constant part.
struct StripedInbound {
  std::array<StripeContext, base::kNumBuckets> contexts;  // writer: the owner of the bucket
  std::array<InboundShard, base::kMaxWorkers> shards;
};

// What one worker writes for an outbound SA in packet mode. writer: that worker
struct alignas(base::kCacheLine) OutboundShard {
  std::uint64_t iv_next = 0;  // as OutboundSa::iv_next_: every worker takes blocks of its own
  std::uint64_t iv_base = 0;  // constant
  SaCounter packets;
  SaCounter bytes;
  SaErrorCounters errors;
};

struct OutboundShards {
  std::array<OutboundShard, base::kMaxWorkers> shards;
};

}  // namespace phalanx::ipsec
