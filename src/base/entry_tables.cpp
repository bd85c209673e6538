// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/base/entry_tables.hpp"

#include <algorithm>
#include <cassert>
#include <iterator>

namespace phalanx::base {

EntryTables::EntryTables(std::size_t workers, std::size_t expected_entries)
    : common_(expected_entries) {
  for (std::size_t i = 0; i < workers; ++i) {
    nodes_.push_back(std::make_unique<LineTable>(expected_entries / workers));
  }
}

bool EntryTables::is_ready() const noexcept {
  return common_.is_ready() && std::all_of(nodes_.begin(), nodes_.end(),
                                           [](const auto& node) { return node->is_ready(); });
}

bool EntryTables::insert_into_nodes(const Bucket& bucket, const Member& member) {
  const auto [tag, entry] = member;
  if (bucket.owner && !table(bucket.owner).insert(tag, entry)) return false;
  const bool in_both = bucket.step == Step::Copying || bucket.step == Step::Copied;
  if (!in_both || !bucket.other || table(bucket.other).insert(tag, entry)) return true;
  if (bucket.owner) table(bucket.owner).erase(tag, entry);
  return false;
}

bool EntryTables::insert(std::uint32_t tag, std::uint32_t entry, BucketIndex index) {
  assert(!contains(entry));
  if (entry >= places_.size()) places_.resize(entry + std::size_t{1});
  auto& bucket = buckets_[index.value()];
  if (!common_.insert(tag, entry)) return false;
  if (!insert_into_nodes(bucket, {tag, entry})) {
    common_.erase(tag, entry);
    return false;
  }
  // Behind the cursor of a move: such an entry is where the move would have put it.
  places_[entry] = {static_cast<std::uint32_t>(bucket.entries.size()), index};
  bucket.entries.push_back({tag, entry});
  return true;
}

void EntryTables::put(Bucket& bucket, std::size_t position, const Member& member) noexcept {
  bucket.entries[position] = member;
  places_[member.entry].position = static_cast<std::uint32_t>(position);
}

void EntryTables::erase(std::uint32_t entry) noexcept {
  assert(contains(entry));
  const auto place = places_[entry];
  auto& bucket = buckets_[place.bucket.value()];
  const auto tag = bucket.entries[place.position].tag;
  common_.erase(tag, entry);
  if (bucket.owner) table(bucket.owner).erase(tag, entry);
  // Halfway through a move it may or may not be there.
  if (bucket.step != Step::Done && bucket.other) table(bucket.other).erase(tag, entry);
  // The last one fills the gap, over the cursor's place if the two are on different sides of it.
  std::size_t gap = place.position;
  if (gap < bucket.cursor) {
    --bucket.cursor;
    put(bucket, gap, bucket.entries[bucket.cursor]);
    gap = bucket.cursor;
  }
  if (gap + 1 != bucket.entries.size()) put(bucket, gap, bucket.entries.back());
  bucket.entries.pop_back();
  places_[entry] = {};
}

void EntryTables::start_move(BucketIndex index, Owner to) noexcept {
  auto& bucket = buckets_[index.value()];
  assert(bucket.step == Step::Done);
  if (to == bucket.owner) return;
  bucket.other = to;
  bucket.cursor = to ? bucket.entries.size() : 0;
  bucket.step = Step::Copying;
}

EntryTables::Step EntryTables::advance(BucketIndex index, std::size_t max_entries) {
  auto& bucket = buckets_[index.value()];
  if (bucket.step != Step::Copying && bucket.step != Step::Removing) return bucket.step;
  // How far ahead a table's line is asked for: as many as the core can wait for at a time.
  constexpr std::size_t kAhead = 16;
  for (; max_entries > 0 && bucket.cursor > 0; --max_entries) {
    if (bucket.cursor > kAhead) {
      table(bucket.other).prefetch(bucket.entries[bucket.cursor - 1 - kAhead].tag);
    }
    const auto [tag, entry] = bucket.entries[bucket.cursor - 1];
    if (bucket.step == Step::Removing) {
      table(bucket.other).erase(tag, entry);
    } else if (!table(bucket.other).insert(tag, entry)) {
      cancel_move(index);
      return Step::Failed;
    }
    --bucket.cursor;
  }
  if (bucket.cursor > 0) return bucket.step;
  bucket.step = bucket.step == Step::Copying ? Step::Copied : Step::Done;
  return bucket.step;
}

void EntryTables::hand_over(BucketIndex index) noexcept {
  auto& bucket = buckets_[index.value()];
  assert(bucket.step == Step::Copied);
  std::swap(bucket.owner, bucket.other);
  bucket.cursor = bucket.other ? bucket.entries.size() : 0;
  bucket.step = Step::Removing;
}

void EntryTables::cancel_move(BucketIndex index) noexcept {
  auto& bucket = buckets_[index.value()];
  assert(bucket.step == Step::Copying || bucket.step == Step::Copied);
  bucket.cursor = bucket.other ? bucket.entries.size() : 0;
  bucket.step = Step::Removing;
}

bool EntryTables::move(BucketIndex index, Owner to) {
  start_move(index, to);
  const auto copied = advance(index, SIZE_MAX);
  if (copied == Step::Copied) hand_over(index);
  advance(index, SIZE_MAX);
  return copied != Step::Failed;
}

std::vector<std::shared_ptr<const void>> EntryTables::take_retired() {
  auto all = common_.take_retired();
  for (auto& node : nodes_) {
    auto more = node->take_retired();
    std::move(more.begin(), more.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace phalanx::base
