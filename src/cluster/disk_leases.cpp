// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/cluster/disk_leases.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "phalanx/cluster/planted.hpp"

namespace phalanx::cluster {
namespace {

constexpr std::uint64_t kHighest = std::numeric_limits<std::uint64_t>::max();
// Ahead of what is promised, in sizes of the lease. Inbound, where a size is 40 ms of traffic, a
// total outage costs as much, less what the peer sends meanwhile; outbound, where it is a second,
// it costs a gap. At least four: two takeovers imply as much before half of it is used.
constexpr std::uint64_t kLeastSizes = 4;
constexpr std::uint64_t kMostSizesInbound = 16;
constexpr std::uint64_t kSizesOutbound = 4;
constexpr std::uint64_t kLeastMargin = 8;
// A lease that is raised again within this time goes further ahead: the SA is waking up.
constexpr auto kQuick = std::chrono::seconds(1);
constexpr std::uint64_t kGrowth = 4;
// Entries looked at in one go for what may be lowered.
constexpr std::size_t kSlice = 256;
// Leases of an entry in the first table of a generation.
constexpr std::array<std::uint8_t, kNumDirections> kFirstSizes{0, 10};

std::uint64_t sum(std::uint64_t a, std::uint64_t b) noexcept {
  return b > kHighest - a ? kHighest : a + b;
}

std::uint64_t least_margin(const DiskLeases::Key& key, std::uint8_t size_log2) noexcept {
  const auto sizes = key.direction == Direction::Outbound ? kSizesOutbound : kLeastSizes;
  return std::max(kLeastMargin, sizes << size_log2);
}
std::uint64_t most_margin(const DiskLeases::Key& key, std::uint8_t size_log2) noexcept {
  const auto sizes = key.direction == Direction::Outbound ? kSizesOutbound : kMostSizesInbound;
  return std::max(kLeastMargin, sizes << size_log2);
}

// Calls `use(key, lease)` for each lease in a record of a static entry.
template <typename Use>
void for_each_lease(const Record& record, Use use) {
  if (!is_static(record.uid)) return;
  for (std::size_t way = 0; way < kNumDirections; ++way) {
    const auto direction = static_cast<Direction>(way);
    const bool put = record.kind == RecordKind::Put;
    const bool lease = record.kind == RecordKind::Lease && record.direction == direction;
    if (put || lease) use(DiskLeases::Key{record.uid, direction}, record.leases[way]);
  }
}

}  // namespace

Table table_of(std::span<const DiskLease> leases) {
  std::map<base::BucketIndex, Bucket> buckets;
  for (const auto& lease : leases) {
    auto& entry = buckets[lease.bucket].entries[lease.uid];
    entry.kind = EntryKind::Sa;
    for (std::size_t way = 0; way < kNumDirections; ++way) {
      entry.directions[way].lease.size_log2 = kFirstSizes[way];
    }
    auto& number = entry.directions[static_cast<std::size_t>(lease.direction)].lease.number;
    if (!planted(Bug::ColdStartForgetsLeases)) number = std::max(number, lease.number);
  }
  Table table;
  for (auto& [index, bucket] : buckets) table.replace(index, std::move(bucket));
  return table;
}

void DiskLeases::load(std::span<const DiskLease> leases) {
  for (const auto& lease : leases) {
    slot({lease.uid, lease.direction}, lease.bucket).low = lease.number;
  }
}

std::vector<DiskLease> DiskLeases::list() const {
  std::vector<DiskLease> leases;
  leases.reserve(slots_.size());
  for (const auto& [key, slot] : slots_) {
    leases.push_back({key.uid, slot.bucket, key.direction, slot.low});
  }
  return leases;
}

DiskLeases::Slot& DiskLeases::slot(const Key& key, base::BucketIndex bucket) {
  auto& slot = slots_[key];
  slot.bucket = bucket;
  return slot;
}

std::uint64_t DiskLeases::low_of(const Key& key) const {
  if (planted(Bug::DiskLeaseIgnored)) return kHighest;
  const auto found = slots_.find(key);
  return found == slots_.end() ? 0 : found->second.low;
}

// Asks for a lease ahead of this one.
void DiskLeases::ask(const Key& key, Slot& slot, const LeaseValue& lease, base::TimePoint now) {
  if (slot.wanted == 0 && !writing_.contains(key)) {
    const bool quick = slot.margin != 0 && now - slot.asked_at < kQuick;
    slot.margin = quick ? slot.margin * kGrowth : 0;
    slot.asked_at = now;
  }
  slot.margin = std::clamp(slot.margin, least_margin(key, lease.size_log2),
                           most_margin(key, lease.size_log2));
  slot.wanted = std::max(slot.wanted, sum(lease.number, slot.margin));
  wanted_.insert(key);
}

void DiskLeases::need(const Key& key, base::BucketIndex bucket, const LeaseValue& lease,
                      base::TimePoint now) {
  auto& slot = this->slot(key, bucket);
  if (low_of(key) < lease.number) {
    slot.owed = std::max(slot.owed, lease.number);
    owed_.insert(key);
  }
  const auto half = least_margin(key, lease.size_log2) / 2;
  const auto ahead = std::max(half, slot.margin / 2);
  // What is to be written may be lower than what is there: it has not heard of this need yet.
  const bool lowers = slot.wanted != 0 && slot.wanted < sum(lease.number, half);
  if (low_of(key) >= sum(lease.number, ahead) && !lowers) return;
  const auto coming = writing_.find(key);
  if (coming != writing_.end() && coming->second >= sum(lease.number, half)) return;
  ask(key, slot, lease, now);
}

bool DiskLeases::is_covered(const Record& record) const {
  bool covered = true;
  for_each_lease(record, [&](const Key& key, const LeaseValue& lease) {
    covered = covered && low_of(key) >= lease.number;
  });
  return covered;
}

void DiskLeases::cover(StreamLog& log) {
  auto index = log.covered();
  while (index < log.held() && is_covered(*log.at(index + 1))) ++index;
  log.set_covered(index);
}

void DiskLeases::note(StreamLog& log, base::TimePoint now) {
  for (auto index = log.noted() + 1; index <= log.held(); ++index) {
    const auto& record = *log.at(index);
    for_each_lease(record, [&](const Key& key, const LeaseValue& lease) {
      need(key, record.bucket, lease, now);
    });
  }
  log.set_noted(log.held());
  cover(log);
}

void DiskLeases::note_moved(Memory& memory, base::TimePoint now) {
  const auto moved = std::exchange(memory.moved, {});
  if (moved.none()) return;
  for (std::size_t i = 0; i < base::kNumBuckets; ++i) {
    if (!moved.test(i)) continue;
    const base::BucketIndex index(static_cast<std::uint8_t>(i));
    for (const auto& [uid, entry] : memory.table.bucket(index).entries) {
      if (!is_static(uid)) continue;
      for (std::size_t way = 0; way < kNumDirections; ++way) {
        need({uid, static_cast<Direction>(way)}, index, entry.directions[way].lease, now);
      }
    }
  }
}

// Leases in records that are not in the table yet, the highest of each entry.
DiskLeases::Needs DiskLeases::unapplied(const Memory& memory) {
  Needs needs;
  for (const auto& [id, log] : memory.streams) {
    for (auto index = log.applied() + 1; index <= log.held(); ++index) {
      const auto& record = *log.at(index);
      for_each_lease(record, [&](const Key& key, const LeaseValue& lease) {
        auto& [bucket, highest] = needs[key];
        bucket = record.bucket;
        highest.number = std::max(highest.number, lease.number);
        highest.size_log2 = std::max(highest.size_log2, lease.size_log2);
      });
    }
  }
  return needs;
}

// What the steps that are still to come may imply, at most: each takes an entry of its buckets one
// size further.
DiskLeases::Needs DiskLeases::implied(const Memory& memory, const Allocation& allocation) {
  std::array<std::uint64_t, base::kNumBuckets> hops{};
  bool any = false;
  for (const auto& step : allocation.steps) {
    if (step.version <= memory.table.applied()) continue;
    for (const auto& move : step.moves) {
      ++hops[move.bucket.value()];
      any = true;
    }
  }
  if (!any) return {};
  auto needs = unapplied(memory);
  std::erase_if(needs, [&](const auto& each) { return hops[each.second.first.value()] == 0; });
  for (std::size_t i = 0; i < base::kNumBuckets; ++i) {
    const base::BucketIndex index(static_cast<std::uint8_t>(i));
    if (hops[i] == 0) continue;
    for (const auto& [uid, entry] : memory.table.bucket(index).entries) {
      if (!is_static(uid)) continue;
      for (std::size_t way = 0; way < kNumDirections; ++way) {
        auto& [bucket, highest] = needs[{uid, static_cast<Direction>(way)}];
        const auto& lease = entry.directions[way].lease;
        bucket = index;
        highest.number = std::max(highest.number, lease.number);
        highest.size_log2 = std::max(highest.size_log2, lease.size_log2);
      }
    }
  }
  for (auto& [key, need] : needs) {
    auto& [bucket, highest] = need;
    highest.number = sum(highest.number, hops[bucket.value()] << highest.size_log2);
  }
  return needs;
}

// New voters must know all that the old ones agreed to, so they wait for all of their disks.
bool DiskLeases::covers(const Memory& memory, const Allocation& allocation, base::TimePoint now) {
  bool covered = !allocation.voters.changing() || owed_.empty();
  for (const auto& [key, needed] : implied(memory, allocation)) {
    need(key, needed.first, needed.second, now);
    covered = covered && low_of(key) >= needed.second.number;
  }
  return covered;
}

DiskLeases::Batch DiskLeases::take_batch(base::TimePoint now, base::Duration gather) {
  if (writing_id_ != 0 || wanted_.empty()) return {};
  if (owed_.empty() && now - sent_at_ < gather) return {};
  sent_at_ = now;
  Batch batch{next_id_++, {}};
  writing_id_ = batch.id;
  for (const auto& key : wanted_) {
    auto& slot = slots_.at(key);
    const auto number = std::exchange(slot.wanted, 0);
    slot.low = std::min(slot.low, number);  // either may be found from now on
    writing_[key] = number;
    batch.leases.push_back({key.uid, slot.bucket, key.direction, number});
  }
  wanted_.clear();
  return batch;
}

DiskLeases::Batch DiskLeases::take_all(const Memory& memory, base::TimePoint now) {
  const bool waits = writing_id_ != 0;
  stored(writing_id_);  // it is, before this one
  auto needs = implied(memory, memory.latest());
  const auto add = [&](const Key& key, base::BucketIndex bucket, const LeaseValue& lease) {
    auto& need = needs[key];
    need.first = bucket;
    need.second.number = std::max(need.second.number, lease.number);
    need.second.size_log2 = std::max(need.second.size_log2, lease.size_log2);
  };
  for (const auto& [key, need] : unapplied(memory)) add(key, need.first, need.second);
  for (std::size_t i = 0; i < base::kNumBuckets; ++i) {
    const base::BucketIndex index(static_cast<std::uint8_t>(i));
    for (const auto& [uid, entry] : memory.table.bucket(index).entries) {
      if (!is_static(uid)) continue;
      for (std::size_t way = 0; way < kNumDirections; ++way) {
        add({uid, static_cast<Direction>(way)}, index, entry.directions[way].lease);
      }
    }
  }
  for (const auto& [key, lease] : needs) need(key, lease.first, lease.second, now);
  Batch batch{next_id_++, {}};
  for (const auto& key : wanted_) {
    auto& slot = slots_.at(key);
    slot.low = std::exchange(slot.wanted, 0);
    slot.owed = 0;
    batch.leases.push_back({key.uid, slot.bucket, key.direction, slot.low});
  }
  wanted_.clear();
  owed_.clear();
  return waits || !batch.leases.empty() ? batch : Batch{};
}

void DiskLeases::stored(std::uint64_t id) {
  if (id != writing_id_) return;
  writing_id_ = 0;
  for (const auto& [key, number] : std::exchange(writing_, {})) {
    auto& slot = slots_.at(key);
    slot.low = number;
    if (slot.low < slot.owed) continue;
    slot.owed = 0;
    owed_.erase(key);
  }
}

void DiskLeases::lower(const Memory& memory, base::TimePoint now) {
  const auto& latest = memory.latest();
  const bool settled =
      !memory.pending && memory.committed >= latest.version &&
      (latest.steps.empty() || latest.steps.back().version <= memory.table.applied());
  const bool blindly = planted(Bug::DiskLeaseLoweredBlindly);
  if ((!settled && !blindly) || writing_id_ != 0 || slots_.empty()) return;
  const auto moving = blindly ? Needs{} : unapplied(memory);
  auto at = slots_.upper_bound(cursor_);
  for (std::size_t i = 0; i < std::min(kSlice, slots_.size()); ++i, ++at) {
    if (at == slots_.end()) at = slots_.begin();
    auto& [key, slot] = *at;
    cursor_ = key;
    if (slot.wanted != 0 || moving.contains(key) || now - slot.asked_at < kQuick) continue;
    const auto& entries = memory.table.bucket(slot.bucket).entries;
    const auto entry = entries.find(key.uid);
    if (entry == entries.end()) continue;
    const auto& lease = entry->second.directions[static_cast<std::size_t>(key.direction)].lease;
    const auto least = least_margin(key, lease.size_log2);
    if (slot.low <= sum(lease.number, 2 * least)) continue;
    slot.margin = 0;
    ask(key, slot, lease, now);
  }
}

}  // namespace phalanx::cluster
