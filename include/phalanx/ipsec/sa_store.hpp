// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "phalanx/base/ids.hpp"
#include "phalanx/base/result.hpp"
#include "phalanx/ipsec/isa.hpp"
#include "phalanx/ipsec/iv.hpp"
#include "phalanx/ipsec/sa.hpp"
#include "phalanx/ipsec/sa_params.hpp"
#include "phalanx/ipsec/selector.hpp"

namespace phalanx::ipsec {

// Policies that may name one inbound SA: a packet that none takes is compared with all of them.
inline constexpr std::size_t kMaxSelectorsPerSa = 256;

// Where one SA begins, from the state directory.
struct SaStart {
  std::uint64_t first = 1;  // outbound: first number to send; inbound: lowest accepted (floor)
  std::uint64_t lease_limit = 0;  // LeaseGate::publish
  std::uint64_t lease_raise_at = 0;
  IvCounter* iv_counter = nullptr;  // outbound: of this key, outlives the store
};

enum class SaStoreError : std::uint8_t {
  OutOfMemory,
  UnsupportedIsa,
  SizeMismatch,       // not one start per SA
  BadKeyLength,       // key or authentication key do not fit the algorithm
  BadAddress,         // tunnel ends of two families
  BadWindow,          // outside 32..65536
  BadStripe,          // packet mode: shift outside 1..6, or the window spans too many stripes
  TooManyPacketMode,  // more than kMaxPacketModeSas
  BadStart,           // number 0, or above 2^32 without ESN
  MissingIvCounter,   // outbound SA without
  KeyReused,          // one cipher key in two SAs or directions (P1)
  BadPolicy,  // a policy names an inbound SA that is none, or that has kMaxSelectorsPerSa already
};
// The rest of a sentence: "the SA ..." or, of BadPolicy, "the policy ...".
[[nodiscard]] const char* to_string(SaStoreError error) noexcept;

struct SaStoreFailure {
  SaStoreError error;
  std::size_t position;  // in the list of SAs (BadPolicy: of policies)
};

// Owns all run-time SAs, their expanded keys, windows and selectors, in a few arenas: huge pages
// where they can be had, kept out of core dumps, wiped when destroyed. Built by the control thread;
// the SAs' addresses do not change while it lives. Positions are those of the list of SaParams.
class SaStore {
 public:
  static base::Result<std::unique_ptr<SaStore>, SaStoreFailure> create(
      std::span<const SaParams> params, std::span<const Policy> policies,
      std::span<const SaStart> starts, base::NodeId node, base::BootCount boot,
      Isa isa = Isa::Best);
  ~SaStore();
  SaStore(const SaStore&) = delete;
  SaStore& operator=(const SaStore&) = delete;

  [[nodiscard]] std::size_t size() const noexcept;
  // The SA at a position of the list; nullptr when it is of the other direction.
  [[nodiscard]] InboundSa* inbound(std::uint32_t index) const noexcept;
  [[nodiscard]] OutboundSa* outbound(std::uint32_t index) const noexcept;
  // In a cluster SAs come and go. The SA begins anew: at `first`, or where a node before us stopped
  // (`top` and ReplayWindow::seen()). Only while its gate is closed and no worker uses it.
  void restart(std::uint32_t index, std::uint64_t first) noexcept;
  void resume(std::uint32_t index, std::uint64_t top, std::span<const std::uint64_t> seen) noexcept;
  // All of one direction, in the order of the list.
  [[nodiscard]] std::span<InboundSa> inbound() const noexcept;
  [[nodiscard]] std::span<OutboundSa> outbound() const noexcept;

 private:
  struct Impl;
  explicit SaStore(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace phalanx::ipsec
