// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace phalanx::base {

// An integer with a meaning. Different tags do not mix; arithmetic is done on value().
template <typename Tag, typename Integer>
class StrongId {
 public:
  using Value = Integer;

  constexpr StrongId() noexcept = default;
  constexpr explicit StrongId(Integer value) noexcept : value_(value) {}

  [[nodiscard]] constexpr Integer value() const noexcept { return value_; }
  friend constexpr auto operator<=>(StrongId, StrongId) noexcept = default;

 private:
  Integer value_ = 0;
};

// Cluster node, 1..255. 0 stands for "no node": uids of SAs that every node derives from its
// config.
using NodeId = StrongId<struct NodeIdTag, std::uint8_t>;
// One start of a node, 1..65535, never reused; kept on disk and raised before anything is
// encrypted.
using BootCount = StrongId<struct BootCountTag, std::uint16_t>;
// Distribution identifier, 0..255.
using BucketIndex = StrongId<struct BucketIndexTag, std::uint8_t>;
inline constexpr std::size_t kNumBuckets = 256;
// Security Parameters Index, host byte order. RFC 4303 2.1: 0 never on the wire, 1..255 reserved.
using Spi = StrongId<struct SpiTag, std::uint32_t>;
inline constexpr std::uint32_t kMinSpi = 256;
// Index of a configured port (not DPDK's port number).
using PortIndex = StrongId<struct PortIndexTag, std::uint8_t>;
// Index of a data-path worker, 0..kMaxWorkers-1.
using WorkerIndex = StrongId<struct WorkerIndexTag, std::uint8_t>;
inline constexpr std::size_t kMaxWorkers = 16;
// Versions of the allocation, compared as (generation, term, epoch).
using Generation = StrongId<struct GenerationTag, std::uint32_t>;
using Term = StrongId<struct TermTag, std::uint32_t>;
using Epoch = StrongId<struct EpochTag, std::uint32_t>;

// Cluster-wide name of an entry: node (8) | boot (16) | counter (40). See docs/abi.md.
using Uid = StrongId<struct UidTag, std::uint64_t>;

inline constexpr std::size_t kCacheLine = 64;

}  // namespace phalanx::base

template <typename Tag, typename Integer>
struct std::hash<phalanx::base::StrongId<Tag, Integer>> {
  std::size_t operator()(phalanx::base::StrongId<Tag, Integer> id) const noexcept {
    return std::hash<Integer>{}(id.value());
  }
};
