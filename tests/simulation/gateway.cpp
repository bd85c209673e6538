// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "gateway.hpp"

#include <algorithm>

#include "phalanx/base/endian.hpp"
#include "phalanx/cluster/planted.hpp"

namespace phalanx::simulation {
namespace {

constexpr std::uint32_t kWindow = 64;
constexpr std::size_t kMaxHeld = 4096;
constexpr auto kHoldFor = std::chrono::milliseconds(5);
// Long enough for every worker to pass a burst boundary.
constexpr auto kQuiescence = std::chrono::microseconds(50);

// Top and the 64 bits below it, as a closing record carries them.
Bytes write_window(const ipsec::ReplayWindow& window) {
  const auto top = window.top();
  std::uint64_t seen = 0;
  for (std::uint64_t i = 0; i < kWindow && i < top; ++i) {
    if (window.check(top - i) == ipsec::ReplayVerdict::Duplicate) seen |= std::uint64_t{1} << i;
  }
  const std::array<base::be64, 2> wire{base::be64(top), base::be64(seen)};
  const auto bytes = std::as_bytes(std::span(wire));
  return {bytes.begin(), bytes.end()};
}
void restore_window(ipsec::ReplayWindow& window, const Bytes& bytes) {
  std::array<base::be64, 2> wire{};
  std::copy_n(bytes.begin(), sizeof(wire), reinterpret_cast<std::byte*>(wire.data()));
  const auto top = wire[0].host();
  const auto seen = wire[1].host();
  window.start(kWindow, top >= kWindow ? top - kWindow + 1 : 1, {});
  for (std::uint64_t i = std::min<std::uint64_t>(kWindow, top); i-- > 0;) {
    if (((seen >> i) & 1) != 0) (void)window.accept(top - i);
  }
}

}  // namespace

void Gateway::open_entry(base::BucketIndex bucket, base::Uid uid, const Entry& entry) {
  sas_.erase(uid);
  auto& sa = sas_[uid];
  sa.bucket = bucket;
  sa.grant = node_.memory().table.bucket(bucket).owner.grant;
  const auto& in = entry.directions[0];
  if (in.window.empty()) {
    sa.window.start(kWindow, std::max<std::uint64_t>(in.floor, 1), {});
  } else {
    restore_window(sa.window, in.window);
  }
  sa.next = std::max<std::uint64_t>(entry.directions[1].floor, 1);
  for (std::size_t way = 0; way < kNumDirections; ++way) {
    sa.ways[way].size_log2 = entry.directions[way].lease.size_log2;
    sa.ways[way].asked = entry.directions[way].lease.number;
    sa.ways[way].limit = limits_[{uid, static_cast<Direction>(way)}];
  }
}

void Gateway::open(base::BucketIndex index) {
  ++counters_.opened;
  checker_.opened(node_, index);
  coming_.erase(index);
  for (const auto& [uid, entry] : node_.memory().table.bucket(index).entries) {
    // The core tells the limits next; those of an earlier time are void.
    for (std::size_t way = 0; way < kNumDirections; ++way) {
      limits_[{uid, static_cast<Direction>(way)}] = 0;
    }
    open_entry(index, uid, entry);
  }
}

void Gateway::shut(base::BucketIndex bucket) {
  std::erase_if(sas_, [&](const auto& each) { return each.second.bucket == bucket; });
  closing_.erase(bucket);
}

void Gateway::on(const Event& event, base::TimePoint now) {
  switch (event.kind) {
    case EventKind::BucketOpened: open(event.bucket); break;
    case EventKind::BucketShut: shut(event.bucket); break;
    case EventKind::StreamFrozen:
    case EventKind::Superseded:
      sas_.clear();
      closing_.clear();
      limits_.clear();
      break;
    case EventKind::EntryInstalled: {
      const auto& entries = node_.memory().table.bucket(event.bucket).entries;
      const auto found = entries.find(event.uid);
      if (found != entries.end() && !sas_.contains(event.uid)) {
        open_entry(event.bucket, event.uid, found->second);
      }
      break;
    }
    case EventKind::GateChanged: {
      limits_[{event.uid, event.direction}] = event.limit;
      const auto sa = sas_.find(event.uid);
      if (sa != sas_.end()) {
        sa->second.ways[static_cast<std::size_t>(event.direction)].limit = event.limit;
      }
      break;
    }
    case EventKind::CloseWanted: closing_.try_emplace(event.bucket, now); break;
    case EventKind::MoveComing: coming_.try_emplace(event.bucket, now); break;
    case EventKind::Admitted:
    case EventKind::Levelled:
    case EventKind::BootRefused:
    case EventKind::MasterChanged:
    case EventKind::ColdStarted: break;
  }
}

void Gateway::hold(const Held& held) {
  if (held_.size() >= kMaxHeld) return;
  ++counters_.held;
  held_.push_back(held);
}

void Gateway::raise(base::Uid uid, Sa& sa, Direction direction, std::uint64_t top,
                    base::TimePoint now, Outputs& out) {
  auto& way = sa.ways[static_cast<std::size_t>(direction)];
  if (way.asked > top + (std::uint64_t{1} << way.size_log2) / 2) return;
  const LeaseValue lease{top + (std::uint64_t{1} << way.size_log2), way.size_log2};
  if (node_.promise({uid, sa.bucket, direction, lease}, now, out).ok()) {
    way.asked = lease.number;
    ++counters_.raises;
  }
}

void Gateway::deliver(base::Uid uid, Sa& sa, std::uint64_t number) {
  if (sa.window.accept(number) != ipsec::ReplayVerdict::Fresh) {
    ++counters_.refused;
    return;
  }
  ++counters_.delivered;
  checker_.used(node_, {uid, Direction::Inbound}, sa.bucket, number, sa.grant, sa.ways[0].limit);
}

void Gateway::inbound(base::Uid uid, base::BucketIndex bucket, std::uint64_t number, bool genuine,
                      base::TimePoint now, Outputs& out) {
  const auto found = sas_.find(uid);
  if (found == sas_.end()) {
    if (coming_.contains(bucket) && genuine) hold({uid, bucket, number, Direction::Inbound, now});
    return;
  }
  auto& sa = found->second;
  if (!node_.may_forward(now) || closing_.contains(bucket)) return;
  if (sa.window.check(number) != ipsec::ReplayVerdict::Fresh) {
    ++counters_.refused;
    return;
  }
  if (!genuine) {
    ++counters_.forged;
    return;
  }
  raise(uid, sa, Direction::Inbound, number, now, out);
  if (number > sa.ways[0].limit) {
    hold({uid, bucket, number, Direction::Inbound, now});
    return;
  }
  deliver(uid, sa, number);
}

void Gateway::outbound(base::Uid uid, base::BucketIndex bucket, base::TimePoint now, Outputs& out) {
  const auto found = sas_.find(uid);
  if (found == sas_.end()) {
    if (coming_.contains(bucket)) hold({uid, bucket, 0, Direction::Outbound, now});
    return;
  }
  auto& sa = found->second;
  if (!node_.may_forward(now) || closing_.contains(bucket)) return;
  raise(uid, sa, Direction::Outbound, sa.next, now, out);
  if (sa.next > sa.ways[1].limit) {
    hold({uid, bucket, 0, Direction::Outbound, now});
    return;
  }
  ++counters_.sent;
  checker_.used(node_, {uid, Direction::Outbound}, sa.bucket, sa.next++, sa.grant,
                sa.ways[1].limit);
}

void Gateway::close(base::BucketIndex bucket, base::TimePoint now, Outputs& out) {
  std::vector<Closing> closings;
  for (const auto& [uid, sa] : sas_) {
    if (sa.bucket != bucket) continue;
    Closing in;
    in.uid = uid;
    in.direction = Direction::Inbound;
    in.top = {sa.window.top(), sa.ways[0].size_log2};
    in.window = write_window(sa.window);
    closings.push_back(std::move(in));
    Closing outward;
    outward.uid = uid;
    outward.direction = Direction::Outbound;
    outward.top = {sa.next - 1, sa.ways[1].size_log2};
    closings.push_back(std::move(outward));
  }
  if (!node_.close_bucket(bucket, closings, now, out).ok()) return;
  ++counters_.closed;
  if (!planted(Bug::ServeAgainAfterClosing)) {
    std::erase_if(sas_, [&](const auto& each) { return each.second.bucket == bucket; });
  }
}

void Gateway::release(base::TimePoint now, Outputs& out) {
  auto waiting = std::exchange(held_, {});
  for (const auto& held : waiting) {
    if (now - held.since > kHoldFor) {
      ++counters_.expired;
      continue;
    }
    const auto before = held_.size();
    if (held.direction == Direction::Inbound) {
      inbound(held.uid, held.bucket, held.number, true, now, out);
    } else {
      outbound(held.uid, held.bucket, now, out);
    }
    if (held_.size() == before) {
      ++counters_.released;
    } else {
      held_.back().since = held.since;
      --counters_.held;
    }
  }
}

void Gateway::tick(base::TimePoint now, Outputs& out, Random& random) {
  std::vector<base::BucketIndex> due;
  for (const auto& [bucket, since] : closing_) {
    if (now - since >= kQuiescence) due.push_back(bucket);
  }
  for (const auto bucket : due) {
    close(bucket, now, out);
    closing_.erase(bucket);
  }
  std::erase_if(coming_, [&](const auto& each) { return now - each.second > kHoldFor; });
  release(now, out);
  if (sas_.empty() || !random.chance(0.05)) return;
  // A quiet SA keeps nothing promised ahead: workers first, then the record.
  auto at = sas_.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(random.below(sas_.size())));
  auto& sa = at->second;
  if (closing_.contains(sa.bucket)) return;
  const auto way = static_cast<std::size_t>(random.below(2));
  const auto top = way == 0 ? sa.window.top() : sa.next - 1;
  if (top == 0 || sa.ways[way].limit <= top) return;
  sa.ways[way].limit = top;
  const Promise lower{
      at->first, sa.bucket, static_cast<Direction>(way), {top, sa.ways[way].size_log2}};
  if (node_.promise(lower, now, out).ok()) {
    sa.ways[way].asked = top;
    ++counters_.lowerings;
  }
}

}  // namespace phalanx::simulation
