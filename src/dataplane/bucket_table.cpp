// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dataplane/bucket_table.hpp"

#include <algorithm>
#include <cassert>

namespace phalanx::dataplane {

BucketTable make_bucket_table(std::span<const std::uint8_t> shares) noexcept {
  BucketTable table;
  assert(!shares.empty() && shares.size() <= base::kMaxWorkers);
  // Each bucket goes to whoever is furthest behind its share.
  std::array<std::int32_t, base::kMaxWorkers> credit{};
  std::int32_t total = 0;
  for (const auto share : shares) total += share;
  assert(total > 0);
  for (auto& owner : table.owner) {
    for (std::size_t i = 0; i < shares.size(); ++i) credit[i] += shares[i];
    const auto most = std::max_element(credit.begin(), credit.begin() + shares.size());
    *most -= total;
    owner = static_cast<std::uint8_t>(most - credit.begin());
  }
  return table;
}

BucketTable after_moves(const BucketTable& table, std::span<const BucketMove> moves) noexcept {
  BucketTable next = table;
  ++next.version;
  next.gains_from.fill(0);
  for (const auto& move : moves) next.owner[move.bucket.value()] = move.to.value();
  for (std::size_t i = 0; i < table.owner.size(); ++i) {
    const auto from = table.owner[i];
    if (from == next.owner[i]) continue;
    auto& gains = next.gains_from[next.owner[i]];
    gains = static_cast<std::uint16_t>(gains | (1U << from));
  }
  return next;
}

}  // namespace phalanx::dataplane
