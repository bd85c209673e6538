// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "gateway.hpp"

#include <algorithm>
#include <cstring>

#include "phalanx/base/endian.hpp"
#include "phalanx/cluster/planted.hpp"

namespace phalanx::simulation {
namespace {

constexpr std::uint32_t kWindow = 64;
constexpr std::size_t kMaxHeld = 4096;
constexpr std::size_t kDigests = 256;
constexpr auto kHoldFor = std::chrono::milliseconds(5);
// Long enough for every worker to pass a burst boundary.
constexpr auto kQuiescence = std::chrono::microseconds(50);

// Top and the 64 bits below it, as a closing record carries them,
// and after them the digests of the clear packets that were sent last.
Bytes write_window(const ipsec::ReplayWindow& window, const std::deque<std::uint64_t>& sent) {
  const auto top = window.top();
  std::uint64_t seen = 0;
  for (std::uint64_t i = 0; i < kWindow && i < top; ++i) {
    if (window.check(top - i) == ipsec::ReplayVerdict::Duplicate) seen |= std::uint64_t{1} << i;
  }
  std::vector<base::be64> wire{base::be64(top), base::be64(seen)};
  for (const auto digest : sent) wire.emplace_back(digest);
  const auto bytes = std::as_bytes(std::span(wire));
  return {bytes.begin(), bytes.end()};
}
void restore_window(ipsec::ReplayWindow& window, std::deque<std::uint64_t>& sent,
                    const Bytes& bytes) {
  std::vector<base::be64> wire(bytes.size() / sizeof(base::be64));
  std::memcpy(wire.data(), bytes.data(), wire.size() * sizeof(base::be64));
  for (std::size_t i = 2; i < wire.size(); ++i) sent.push_back(wire[i].host());
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
    restore_window(sa.window, sa.sent, in.window);
  }
  sa.next = std::max<std::uint64_t>(entry.directions[1].floor, 1);
  for (std::size_t way = 0; way < kNumDirections; ++way) {
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
    case EventKind::BucketOpened:
      open(event.bucket);
      release_due_ = true;
      break;
    case EventKind::BucketShut: shut(event.bucket); break;
    case EventKind::StreamFrozen:
    case EventKind::Superseded:
    case EventKind::Left:
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
      release_due_ = true;
      limits_[{event.uid, event.direction}] = event.limit;
      const auto sa = sas_.find(event.uid);
      if (sa != sas_.end()) {
        sa->second.ways[static_cast<std::size_t>(event.direction)].limit = event.limit;
      }
      break;
    }
    case EventKind::CloseWanted: closing_.try_emplace(event.bucket, now); break;
    case EventKind::MoveWanted: note(event.bucket, now); break;
    case EventKind::MoveComing:
      coming_[event.bucket] = now;
      ready_.push_back(event.bucket);
      break;
    case EventKind::Admitted:
    case EventKind::Levelled:
    case EventKind::BootRefused:
    case EventKind::MasterChanged:
    case EventKind::VotersChanged:
    case EventKind::ColdStarted: break;
  }
}

void Gateway::note(base::BucketIndex bucket, base::TimePoint now) {
  if (!noting_.contains(bucket)) {
    for (auto& [uid, sa] : sas_) {
      if (sa.bucket == bucket) sa.sent.clear();
    }
  }
  noting_[bucket] = now;
  ready_.push_back(bucket);
}

void Gateway::answer(base::TimePoint now, Outputs& out) {
  for (const auto bucket : std::exchange(ready_, {})) node_.move_ready(bucket, now, out);
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
  checker_.passed({uid, Direction::Inbound}, number);
  checker_.used(node_, {uid, Direction::Inbound}, sa.bucket, number, sa.grant, sa.ways[0].limit);
}

// Packets of one direction of an SA stay in order: who comes behind a held one is held, too.
bool Gateway::waits(const Held& packet) const {
  return std::any_of(held_.begin(), held_.end(), [&](const Held& held) {
    return held.uid == packet.uid && held.direction == packet.direction;
  });
}

void Gateway::send(base::Uid uid, Sa& sa, std::uint64_t packet) {
  ++counters_.sent;
  if (noting_.contains(sa.bucket)) sa.sent.push_back(packet);
  if (sa.sent.size() > kDigests) sa.sent.pop_front();
  checker_.passed({uid, Direction::Outbound}, packet);
  checker_.used(node_, {uid, Direction::Outbound}, sa.bucket, sa.next++, sa.grant,
                sa.ways[1].limit);
}

bool Gateway::pass(const Held& packet, bool was_held, base::TimePoint now, Outputs& out) {
  const auto found = sas_.find(packet.uid);
  if (found == sas_.end()) return !coming_.contains(packet.bucket);
  auto& sa = found->second;
  // What was held already comes before the closing record, what comes now is the next owner's.
  if (!node_.may_forward(now) || (closing_.contains(packet.bucket) && !was_held)) return true;
  const bool inbound = packet.direction == Direction::Inbound;
  if (inbound && sa.window.check(packet.number) != ipsec::ReplayVerdict::Fresh) {
    ++counters_.refused;
    return true;
  }
  if (!inbound && std::find(sa.sent.begin(), sa.sent.end(), packet.number) != sa.sent.end()) {
    return true;
  }
  const auto number = inbound ? packet.number : sa.next;
  raise(packet.uid, sa, packet.direction, number, now, out);
  if (number > sa.ways[inbound ? 0 : 1].limit || waits(packet)) return false;
  if (inbound) {
    deliver(packet.uid, sa, number);
  } else {
    send(packet.uid, sa, packet.number);
  }
  return true;
}

void Gateway::inbound(base::Uid uid, base::BucketIndex bucket, std::uint64_t number, bool genuine,
                      base::TimePoint now, Outputs& out) {
  if (!genuine) {
    counters_.forged += sas_.contains(uid) ? 1u : 0u;
    return;
  }
  if (release_due_) release(now, out);
  const Held packet{uid, bucket, number, Direction::Inbound, now};
  if (!pass(packet, false, now, out)) hold(packet);
}

void Gateway::outbound(base::Uid uid, base::BucketIndex bucket, std::uint64_t number,
                       base::TimePoint now, Outputs& out) {
  if (release_due_) release(now, out);
  const Held packet{uid, bucket, number, Direction::Outbound, now};
  if (!pass(packet, false, now, out)) hold(packet);
}

void Gateway::close(base::BucketIndex bucket, base::TimePoint now, Outputs& out) {
  std::vector<Closing> closings;
  for (const auto& [uid, sa] : sas_) {
    if (sa.bucket != bucket) continue;
    Closing in;
    in.uid = uid;
    in.direction = Direction::Inbound;
    in.top = {sa.window.top(), sa.ways[0].size_log2};
    in.window = write_window(sa.window, sa.sent);
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
  release_due_ = false;
  for (const auto& held : std::exchange(held_, {})) {
    if (now - held.since > kHoldFor) {
      ++counters_.expired;
    } else if (pass(held, true, now, out)) {
      ++counters_.released;
      counters_.longest_wait = std::max(counters_.longest_wait, now - held.since);
    } else {
      held_.push_back(held);
    }
  }
}

void Gateway::tick(base::TimePoint now, Outputs& out, Random& random) {
  release(now, out);
  std::vector<base::BucketIndex> due;
  for (const auto& [bucket, since] : closing_) {
    const bool waiting =
        std::any_of(held_.begin(), held_.end(), [this, wanted = bucket](const Held& held) {
          return held.bucket == wanted && sas_.contains(held.uid);
        });
    if (now - since >= kQuiescence && !waiting) due.push_back(bucket);
  }
  for (const auto bucket : due) {
    close(bucket, now, out);
    closing_.erase(bucket);
  }
  std::erase_if(coming_, [&](const auto& each) { return now - each.second > kHoldFor; });
  std::erase_if(noting_, [&](const auto& each) { return now - each.second > 4 * kHoldFor; });
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
