// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "phalanx/base/ids.hpp"
#include "phalanx/cluster/types.hpp"

namespace phalanx::cluster {

// How far the owner of a bucket may go with each direction of its entries. The usable limit is the
// minimum of all promises from the newest agreed one to the end of the stream (rule 11): a raise
// counts once a quorum holds it, a lowering at once, and a late acknowledgement raises nothing.
class LeaseKeeper {
 public:
  struct Key {
    base::Uid uid;
    Direction direction = Direction::Inbound;
    friend constexpr auto operator<=>(const Key&, const Key&) noexcept = default;
  };

  // A promise that everybody has: implied by the allocation, or the first one of an entry.
  void open(const Key& key, std::uint64_t number);
  // A promise just written at `index` of our stream.
  void promise(const Key& key, std::uint64_t index, std::uint64_t number);
  void close(base::Uid uid);
  void clear() noexcept;

  // The quorum holds our stream up to `commit`: keys whose usable limit may have changed.
  [[nodiscard]] std::vector<Key> on_commit(std::uint64_t commit);
  // 0 when the key is not open.
  [[nodiscard]] std::uint64_t usable(const Key& key) const noexcept;
  // The newest promise, agreed or not.
  [[nodiscard]] std::uint64_t promised(const Key& key) const noexcept;

 private:
  struct Pending {
    std::uint64_t index = 0;
    std::uint64_t number = 0;
  };
  struct Promises {
    std::uint64_t agreed = 0;
    std::deque<Pending> pending;
  };
  std::map<Key, Promises> promises_;
  std::deque<std::pair<std::uint64_t, Key>> order_;  // pending promises in stream order
};

}  // namespace phalanx::cluster
