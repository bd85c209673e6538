// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "phalanx/base/ids.hpp"
#include "phalanx/base/line_table.hpp"

namespace phalanx::base {

// The entries of one kind (inbound SAs, flows): a *common table* with all of them, and for each
// worker a *node table* with those of the buckets it owns. Entries are numbers, what stands behind
// them does not move; a tag is what LineTable finds them by. Each entry knows its bucket, and each
// bucket lists its entries, so that a bucket changes hands without a look at any other entry.
//
// A move, so that no lookup misses while packets change workers:
//
//   start_move() -> advance() until Copied: the new worker's table has the entries as well
//     -> the caller turns the bucket's packets over and waits until the old worker is quiescent
//     -> hand_over() -> advance() until Done: the old worker's table has lost them
//
// Entries that come or go meanwhile do so in both tables. A bucket may be nobody's (another
// node's): its entries are in the common table only.
//
// writer: one thread (control). Readers of the tables: any thread, see LineTable.
class EntryTables {
 public:
  using Owner = std::optional<WorkerIndex>;
  enum class Step : std::uint8_t { Copying, Copied, Removing, Done, Failed };

  // Buckets are nobody's at first. is_ready() is false when there is no memory.
  EntryTables(std::size_t workers, std::size_t expected_entries);
  [[nodiscard]] bool is_ready() const noexcept;

  // ---- readers
  [[nodiscard]] const LineTable& common() const noexcept { return common_; }
  [[nodiscard]] const LineTable& node(WorkerIndex worker) const noexcept {
    return *nodes_[worker.value()];
  }

  // ---- writer
  // False when a table has no room; nothing has changed then. The entry must not be there.
  [[nodiscard]] bool insert(std::uint32_t tag, std::uint32_t entry, BucketIndex bucket);
  void erase(std::uint32_t entry) noexcept;
  [[nodiscard]] bool contains(std::uint32_t entry) const noexcept {
    return entry < places_.size() && places_[entry].position != kNowhere;
  }
  [[nodiscard]] BucketIndex bucket_of(std::uint32_t entry) const noexcept {
    return places_[entry].bucket;
  }
  [[nodiscard]] std::size_t size() const noexcept { return common_.size(); }
  [[nodiscard]] std::size_t size(BucketIndex bucket) const noexcept {
    return buckets_[bucket.value()].entries.size();
  }
  [[nodiscard]] Owner owner(BucketIndex bucket) const noexcept {
    return buckets_[bucket.value()].owner;
  }
  template <typename Visit>
  void for_each(BucketIndex bucket, Visit&& visit) const {
    for (const auto& member : buckets_[bucket.value()].entries) visit(member.entry);
  }

  // Not while the bucket moves.
  void start_move(BucketIndex bucket, Owner to) noexcept;
  // Goes on with up to `max_entries` entries. Failed: a table had no room; the bucket stays where
  // it was, and further calls clean up.
  Step advance(BucketIndex bucket, std::size_t max_entries);
  // Only when Copied.
  void hand_over(BucketIndex bucket) noexcept;
  // Only before hand_over(): the bucket stays; advance() until Done takes the copies away.
  void cancel_move(BucketIndex bucket) noexcept;
  [[nodiscard]] Step step(BucketIndex bucket) const noexcept {
    return buckets_[bucket.value()].step;
  }
  // The whole move at once, for a bucket without traffic. False when there is no room.
  [[nodiscard]] bool move(BucketIndex bucket, Owner to);

  // See LineTable.
  [[nodiscard]] std::vector<std::shared_ptr<const void>> take_retired();

 private:
  static constexpr std::uint32_t kNowhere = 0xffffffff;

  struct Member {
    std::uint32_t tag;
    std::uint32_t entry;
  };
  // Where an entry stands in its bucket's list.
  struct Place {
    std::uint32_t position = kNowhere;
    BucketIndex bucket;
  };

  struct Bucket {
    std::vector<Member> entries;
    // Of a move: entries in front of it are still to be copied or removed, later ones are done.
    std::size_t cursor = 0;
    Step step = Step::Done;
    Owner owner;
    Owner other;  // Copying, Copied: where it goes. Removing: where it is taken away
  };

  [[nodiscard]] LineTable& table(Owner owner) noexcept { return *nodes_[owner->value()]; }
  [[nodiscard]] bool insert_into_nodes(const Bucket& bucket, const Member& member);
  void put(Bucket& bucket, std::size_t position, const Member& member) noexcept;

  LineTable common_;
  std::vector<std::unique_ptr<LineTable>> nodes_;  // by worker
  std::vector<Place> places_;                      // by entry
  std::array<Bucket, kNumBuckets> buckets_;
};

}  // namespace phalanx::base
