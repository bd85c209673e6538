// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <vector>

#include "encoding.hpp"
#include "phalanx/cluster/allocation.hpp"
#include "phalanx/cluster/disk_lease.hpp"
#include "phalanx/cluster/record.hpp"

// What several messages are made of, as bytes. docs/cluster-protocol.md has the fields.
namespace phalanx::cluster {

void put(Encoder& out, const Base& base);
[[nodiscard]] Base get_base(Decoder& in);
void put(Encoder& out, const BucketMove& move);
[[nodiscard]] BucketMove get_move(Decoder& in);
void put(Encoder& out, const VoterSet& voters);
[[nodiscard]] VoterSet get_voters(Decoder& in);
void put(Encoder& out, const Allocation& allocation);
[[nodiscard]] Allocation get_allocation(Decoder& in);
inline constexpr std::size_t kDiskLeaseBytes = 18;
void put(Encoder& out, const DiskLease& lease);
[[nodiscard]] DiskLease get_disk_lease(Decoder& in);

template <typename T, typename Put>
void put_list(Encoder& out, const std::vector<T>& list, Put put_one) {
  out.count(list.size());
  for (const auto& element : list) put_one(element);
}
template <typename Get>
auto get_list(Decoder& in, std::size_t element_bytes, Get get_one) {
  std::vector<decltype(get_one())> list;
  const auto count = in.count(element_bytes);
  list.reserve(count);
  for (std::size_t i = 0; i < count && in.ok(); ++i) list.push_back(get_one());
  return list;
}

}  // namespace phalanx::cluster
