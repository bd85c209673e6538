// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <rte_mbuf.h>

#include <bitset>

#include "phalanx/dataplane/worker.hpp"

// Buckets that move between nodes: packets of one that is coming wait here, those of one that is
// leaving are noted.
namespace phalanx::dataplane {

// Takes what has to wait out of a burst; how many are left. A bit of `foreign` for each packet is
// kept up to date.
unsigned Worker::hold_coming(const DeviceMap& map, rte_mbuf** packets, unsigned count,
                             const base::BucketIndex* buckets, const Candidates& found, unsigned n,
                             std::uint32_t& foreign) noexcept {
  const auto device = static_cast<std::uint8_t>(&map - tables_.devices.data());
  const auto port = map.untagged != DeviceMap::kNone ? map.untagged : map.vlans[0].port;
  std::uint32_t held = 0;
  for (unsigned i = 0; i < n; ++i) {
    const auto at = found.position[i];
    const bool coming =
        (foreign >> at & 1) != 0 && tables_.moves.phase(buckets[i]) == NodeMoves::Phase::Coming;
    if (!coming && !coming_.waits(buckets[i])) continue;
    const auto deadline = setup_.clock->now() + setup_.coming_hold;
    const auto bytes = packets[at]->pkt_len;
    if (!coming_.push({packets[at], 0, deadline, buckets[i], device})) continue;
    counters_.ports[port].rx_packets.add(1);
    counters_.ports[port].rx_bytes.add(bytes);
    held |= std::uint32_t{1} << at;
  }
  unsigned left = 0;
  std::uint32_t left_foreign = 0;
  for (unsigned i = 0; i < count; ++i) {
    if ((held >> i & 1) != 0) continue;
    left_foreign |= (foreign >> i & 1) << left;
    packets[left++] = packets[i];
  }
  foreign = left_foreign;
  return left;
}

// A clear packet whose SA's bucket is another node's, or comes behind packets that wait. False: it
// need not wait, or cannot.
bool Worker::hold_clear(const ClearPacket& clear, base::BucketIndex bucket, bool foreign) noexcept {
  if (clear.from.own || clear.from.from_tunnel || handed_ || releasing_coming_) return false;
  const bool coming = foreign && tables_.moves.phase(bucket) == NodeMoves::Phase::Coming;
  if (!coming && !coming_.waits(bucket)) return false;
  const auto deadline = setup_.clock->now() + setup_.coming_hold;
  return coming_.push(
      {clear.packet, digest_of(clear), deadline, bucket, tables_.ports[clear.from.port].device});
}

std::uint64_t Worker::digest_of(const ClearPacket& clear) const noexcept {
  return tables_.digest.of({clear.l3, clear.facts.total_length});
}

void Worker::note_passed(const ClearPacket& clear, base::BucketIndex bucket) noexcept {
  // Where packets are handed on, none takes two ways.
  if (setup_.passed == nullptr || hands_on_ || clear.from.own || clear.from.from_tunnel) return;
  if (tables_.moves.phase(bucket) != NodeMoves::Phase::Noting) return;
  const PassedNote note{digest_of(clear), bucket};
  if (setup_.passed->push(&note, 1) == 0) counters_.notes_lost.add(1);
}

// Whether the last owner of the bucket has sent the packet. What was held has been asked already.
bool Worker::has_passed(const ClearPacket& clear, base::BucketIndex bucket) noexcept {
  if (tables_.moves.phase(bucket) != NodeMoves::Phase::Arrived) return false;
  if (!is_off_the_wire(clear) || releasing_coming_) return false;
  auto* passed = tables_.moves.passed(bucket);
  return passed != nullptr && passed->strike(digest_of(clear));
}

// Whether the packet may go on now. Else it is gone.
bool Worker::still_wanted(const ComingQueue::Entry& entry) noexcept {
  const auto until = tables_.open_until_ns.load(std::memory_order_relaxed);
  if (setup_.clock->now().time_since_epoch().count() > until) {
    drop(entry.packet, DropReason::Fenced);
    return false;
  }
  auto* passed = tables_.moves.passed(entry.bucket);
  if (entry.digest != 0 && passed != nullptr && passed->strike(entry.digest)) {
    drop(entry.packet, DropReason::NotOurBucket);  // its last owner has sent it
    return false;
  }
  return true;
}

// Packets of buckets that are ours now go on as if they had just come; others wait or give up.
void Worker::release_coming() noexcept {
  const auto version = tables_.moves.version();
  const auto now = setup_.clock->now();
  if (version == seen_moves_ && coming_.front().deadline > now) return;
  seen_moves_ = version;
  // One look for all of a bucket: none may overtake those before it.
  std::bitset<base::kNumBuckets> ours;
  std::bitset<base::kNumBuckets> coming;
  for (std::size_t i = 0; i < base::kNumBuckets; ++i) {
    const base::BucketIndex bucket(static_cast<std::uint8_t>(i));
    coming[i] = tables_.moves.phase(bucket) == NodeMoves::Phase::Coming;
    ours[i] = !coming[i] && tables_.distribution.is_ours(bucket);
  }
  releasing_coming_ = true;
  unsigned pending = 0;
  for (auto left = coming_.size(); left > 0; --left) {
    const auto entry = coming_.pop();
    if (ours[entry.bucket.value()]) {
      if (!still_wanted(entry)) continue;
      counters_.coming_released.add(1);
      RxTally counted;  // it was counted when it came
      classify(tables_.devices[entry.device], entry.packet, counted);
      if (++pending == kBurst) {
        run_lists();
        pending = 0;
      }
    } else if (!coming[entry.bucket.value()] || entry.deadline <= now || !coming_.push(entry)) {
      drop(entry.packet, DropReason::HoldTimeout);
    }
  }
  run_lists();
  releasing_coming_ = false;
}

}  // namespace phalanx::dataplane
