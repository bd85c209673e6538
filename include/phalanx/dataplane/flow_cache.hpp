// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "phalanx/base/huge_memory.hpp"
#include "phalanx/base/ids.hpp"
#include "phalanx/base/prefetch.hpp"
#include "phalanx/dataplane/drop_reason.hpp"
#include "phalanx/ipsec/flow_key.hpp"

namespace phalanx::ipsec {
class OutboundSa;
}

namespace phalanx::dataplane {

// Where a clear packet stands when its policy is looked up; kept in FlowKey::side, as the same
// packet may be judged differently on different sides.
enum class PacketSide : std::uint8_t {
  Private = 0,     // came in clear by a private port: outbound SPD
  Public = 1,      // came in clear by a public port: inbound SPD
  Both = 2,        // came in clear by a one-arm port: whichever policy comes first
  Tunnel = 3,      // came out of an SA and leaves by a public port: outbound SPD once more
  TunnelBoth = 4,  // came out of an SA and leaves by a one-arm port
  Own = 5,         // made by the gateway itself
};

enum class FlowAction : std::uint8_t { Protect, Bypass, Drop };

struct FlowVerdict {
  ipsec::OutboundSa* sa = nullptr;  // Protect
  FlowAction action = FlowAction::Drop;
  DropReason drop = DropReason::PolicyNone;  // Drop
  base::BucketIndex bucket;
  // Protect by an SA in packet mode: 1 + the worker that encrypts this flow, or one of these.
  static constexpr std::uint8_t kShortestLane = 0;  // for each run the one with the fewest waiting
  static constexpr std::uint8_t kNextLane = 0xff;   // for each run the next in turn
  std::uint8_t lane = kShortestLane;
};

// Per-worker cache of policy decisions: one line an entry, four entries a set. The SPD is fixed
// while the daemon runs, so entries never go stale; a full set evicts. A miss costs a walk through
// the classifier, microseconds when that is out of the cache: the table should be several times
// larger than the number of flows. Not thread-safe: each worker has its own.
class FlowCache {
 public:
  // entries: a power of two, at least kWays. seed: differs from start to start, so that colliding
  // flows cannot be prepared in advance. Throws std::bad_alloc.
  FlowCache(std::uint32_t entries, std::uint64_t seed);

  [[nodiscard]] std::uint64_t hash(const ipsec::FlowKey& key) const noexcept {
    const auto* words = reinterpret_cast<const std::byte*>(&key);
    std::uint64_t fields = 0;
    std::memcpy(&fields, words + 32, 8);
    if (key.family == 4) {
      std::uint32_t source = 0;
      std::uint32_t destination = 0;
      std::memcpy(&source, words, 4);
      std::memcpy(&destination, words + 16, 4);
      return hash4(source, destination, fields);
    }
    std::array<std::uint64_t, 4> addresses{};
    std::memcpy(addresses.data(), words, 32);
    const auto a = mix(addresses[0] ^ seed_, addresses[1] ^ kMix1);
    const auto b = mix(addresses[2] ^ kMix2, addresses[3] ^ seed_);
    return mix(a ^ fields, b ^ kMix1);
  }
  // The same for an IPv4 key whose words are at hand; see ipsec::write_flow_key().
  [[nodiscard]] std::uint64_t hash4(std::uint32_t source, std::uint32_t destination,
                                    std::uint64_t fields) const noexcept {
    return mix(mix((std::uint64_t{source} << 32 | destination) ^ seed_, fields ^ kMix1), kMix2);
  }
  void prefetch(std::uint64_t hash) const noexcept { base::prefetch(&entries_[hash & mask_]); }
  // nullptr when the flow is not cached.
  [[nodiscard]] const FlowVerdict* lookup(const ipsec::FlowKey& key,
                                          std::uint64_t hash) const noexcept {
    const auto home = hash & mask_;
    const auto& first = entries_[home];
    if (first.used && first.key == key) [[likely]]
      return &first.verdict;
    for (std::uint64_t way = 1; way < kWays; ++way) {
      const auto& other = entries_[home ^ way];
      if (other.used && other.key == key) return &other.verdict;
    }
    return nullptr;
  }
  void insert(const ipsec::FlowKey& key, std::uint64_t hash, const FlowVerdict& verdict) noexcept;

 private:
  struct alignas(base::kCacheLine) Entry {
    ipsec::FlowKey key;
    FlowVerdict verdict;
    bool used = false;
  };
  static_assert(sizeof(Entry) == base::kCacheLine);
  // The set of a home position: those whose positions differ from it in the lowest two bits.
  static constexpr std::uint64_t kWays = 4;

  // Folded 64 x 64 multiplication, as wyhash does it.
  static std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
    __extension__ using Wide = unsigned __int128;
    const auto product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  static constexpr std::uint64_t kMix1 = 0xa0761d6478bd642f;
  static constexpr std::uint64_t kMix2 = 0xe7037ed1a0b428db;

  base::HugeMemory memory_;
  Entry* entries_;
  std::uint64_t mask_;
  std::uint64_t seed_;
};

}  // namespace phalanx::dataplane
