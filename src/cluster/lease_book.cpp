// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/cluster/lease_book.hpp"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

namespace phalanx::cluster {
namespace {

constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
// With fewer packets than this in the time looked at they are counted, not taken for a rate: two
// packets that happened to meet do not make an SA of two packets a second.
constexpr std::uint64_t kRatePackets = 16;
// With fewer numbers left than this a raise does not wait to share a disk write with others.
constexpr std::uint64_t kUrgentBelow = 1024;

std::uint64_t add_up_to(std::uint64_t number, std::uint64_t ahead, std::uint64_t highest) noexcept {
  return number >= highest || highest - number <= ahead ? highest : number + ahead;
}

std::uint64_t micros(base::Duration duration) noexcept {
  const auto count = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0));
}

}  // namespace

LeaseIndex LeaseBook::add(const LeaseKey& key, std::uint64_t stored, std::uint64_t highest,
                          base::TimePoint now, LeaseActions& actions) {
  const LeaseIndex lease(static_cast<std::uint32_t>(entries_.size()));
  Entry entry;
  entry.key = key;
  entry.highest = highest;
  entry.used = entry.low = entry.high = entry.limit = stored;
  entry.raise_at = stored;
  entry.older = entry.newer = {now, 0};
  entries_.push_back(entry);
  raise(lease, now, actions);
  return lease;
}

void LeaseBook::resume(LeaseIndex lease, std::uint64_t used, std::uint64_t granted,
                       base::TimePoint now, LeaseActions& actions) {
  auto& entry = at(lease);
  entry.state = State::Idle;
  entry.asked = entry.closing = false;
  entry.used = used;
  entry.low = entry.high = granted;
  entry.older = entry.newer = {now, entry.packets};
  publish(lease, granted, actions);
}

void LeaseBook::suspend(LeaseIndex lease) noexcept {
  at(lease).state = State::Closed;
}

void LeaseBook::observe(LeaseIndex lease, base::TimePoint now, const LeaseUse& use,
                        LeaseActions& actions) {
  note(at(lease), now, use);
  act(lease, now, false, actions);
}

void LeaseBook::on_raise_request(LeaseIndex lease, base::TimePoint now, const LeaseUse& use,
                                 LeaseActions& actions) {
  note(at(lease), now, use);
  act(lease, now, true, actions);
}

void LeaseBook::on_quiescent(LeaseIndex lease, std::uint32_t round, base::TimePoint now,
                             const LeaseUse& use, LeaseActions& actions) {
  auto& entry = at(lease);
  // A lowering that was given up meanwhile, perhaps in favour of a later one.
  if (entry.state != State::Lowering || entry.round != round) return;
  note(entry, now, use);
  if (entry.used > entry.limit || entry.used >= entry.raise_at) {
    restore(lease, now, actions);
    return;
  }
  ++stats_.lowers;
  store(lease, entry.limit, false, actions);
}

void LeaseBook::on_stored(LeaseIndex lease, base::TimePoint now, const LeaseUse& use,
                          LeaseActions& actions) {
  auto& entry = at(lease);
  assert(entry.state == State::Storing);
  entry.low = entry.high = entry.target;
  if (entry.closing) {
    finish(lease, actions);
    return;
  }
  entry.state = State::Idle;
  note(entry, now, use);
  auto asked = std::exchange(entry.asked, false);
  if (entry.limit < entry.low) {
    publish(lease, entry.low, actions);
    asked = false;  // the worker asks again if that is not enough
  }
  act(lease, now, asked, actions);
}

void LeaseBook::on_failed(LeaseIndex lease) noexcept {
  auto& entry = at(lease);
  assert(entry.state == State::Storing);
  ++stats_.failures;
  // low and high keep both values in mind. The next look at the SA tries again.
  entry.asked = false;
  entry.state = entry.closing ? State::Closed : State::Idle;
}

void LeaseBook::close(LeaseIndex lease, const LeaseUse& use, LeaseActions& actions) {
  auto& entry = at(lease);
  assert(!entry.closing);
  entry.used = std::max(entry.used, use.number);
  entry.closing = true;
  entry.limit = entry.used;
  entry.raise_at = kNever;
  actions.publish.push_back({lease, entry.limit, entry.raise_at});
  if (entry.state != State::Storing) finish(lease, actions);
}

void LeaseBook::finish(LeaseIndex lease, LeaseActions& actions) {
  auto& entry = at(lease);
  if (entry.low == entry.used && entry.high == entry.used) {
    entry.state = State::Closed;
  } else {
    store(lease, entry.used, true, actions);
  }
}

bool LeaseBook::storing(LeaseIndex lease) const noexcept {
  return at(lease).state == State::Storing;
}

LeaseActions::Publish LeaseBook::published(LeaseIndex lease) const noexcept {
  return {lease, at(lease).limit, at(lease).raise_at};
}

const LeaseKey& LeaseBook::key(LeaseIndex lease) const noexcept {
  return at(lease).key;
}

const LeaseSize& LeaseBook::size_of(const Entry& entry) const noexcept {
  return entry.key.direction == LeaseDirection::Inbound ? config_.inbound : config_.outbound;
}

void LeaseBook::note(Entry& entry, base::TimePoint now, const LeaseUse& use) const noexcept {
  entry.used = std::max(entry.used, use.number);
  entry.packets = std::max(entry.packets, use.packets);
  if (now - entry.newer.at >= size_of(entry).horizon * 3 / 8) {
    entry.older = entry.newer;
    entry.newer = {now, entry.packets};
  }
}

// Packets in the last horizon, as good as the marks allow: these lie at least 3/8 of a horizon
// apart, so the older one is usually 3/8 to 6/8 back.
std::uint64_t LeaseBook::recent_packets(const Entry& entry, base::TimePoint now) const noexcept {
  const auto horizon = size_of(entry).horizon;
  const auto packets = entry.packets - entry.older.packets;
  const auto age = now - entry.older.at;
  if (packets >= kRatePackets) {
    const auto span = std::max<base::Duration>(age, horizon * 3 / 8);
    return packets * micros(horizon) / std::max<std::uint64_t>(micros(span), 1);
  }
  const auto span = horizon * 6 / 8;
  return age <= span ? packets : packets * micros(span) / micros(age);
}

std::uint64_t LeaseBook::ahead_wanted(const Entry& entry, base::TimePoint now) const noexcept {
  const auto& size = size_of(entry);
  return std::clamp(recent_packets(entry, now), size.minimum, size.maximum);
}

bool LeaseBook::too_large(const Entry& entry, base::TimePoint now) const noexcept {
  const auto ahead = entry.high - std::min(entry.high, entry.used);
  if (ahead <= size_of(entry).minimum) return false;
  return recent_packets(entry, now) == 0 || ahead > 2 * ahead_wanted(entry, now);
}

void LeaseBook::act(LeaseIndex lease, base::TimePoint now, bool asked, LeaseActions& actions) {
  auto& entry = at(lease);
  const bool due = asked || entry.used >= entry.raise_at;
  switch (entry.state) {
    case State::Idle:
      if (due) {
        raise(lease, now, actions);
      } else if (too_large(entry, now)) {
        lower(lease, now, actions);
      }
      break;
    case State::Lowering:
      if (due) restore(lease, now, actions);
      break;
    case State::Storing: entry.asked = entry.asked || asked; break;
    case State::Closed: break;
  }
}

void LeaseBook::raise(LeaseIndex lease, base::TimePoint now, LeaseActions& actions) {
  auto& entry = at(lease);
  const auto number = add_up_to(entry.used, ahead_wanted(entry, now), entry.highest);
  if (number > entry.low) {
    ++stats_.raises;
    const auto left = entry.limit - std::min(entry.limit, entry.used);
    store(lease, number, left < kUrgentBelow, actions);
  } else {
    publish(lease, entry.low, actions);  // enough is left: ask again at half of that
  }
}

void LeaseBook::lower(LeaseIndex lease, base::TimePoint now, LeaseActions& actions) {
  auto& entry = at(lease);
  const auto number = add_up_to(entry.used, ahead_wanted(entry, now), entry.highest);
  publish(lease, std::min(number, entry.low), actions);
  entry.state = State::Lowering;
  actions.quiesce.push_back({lease, ++entry.round});
}

// The higher lease is still stored, so it may be used again at once.
void LeaseBook::restore(LeaseIndex lease, base::TimePoint now, LeaseActions& actions) {
  auto& entry = at(lease);
  ++stats_.restores;
  entry.state = State::Idle;
  publish(lease, entry.low, actions);
  if (entry.used >= entry.raise_at) raise(lease, now, actions);
}

// Asks for the next raise when half of what is left is used.
void LeaseBook::publish(LeaseIndex lease, std::uint64_t limit, LeaseActions& actions) {
  auto& entry = at(lease);
  const auto ahead = limit - std::min(limit, entry.used);
  entry.limit = limit;
  entry.raise_at = limit >= entry.highest ? kNever : limit - ahead / 2;
  actions.publish.push_back({lease, entry.limit, entry.raise_at});
}

void LeaseBook::store(LeaseIndex lease, std::uint64_t number, bool urgent, LeaseActions& actions) {
  auto& entry = at(lease);
  entry.state = State::Storing;
  entry.target = number;
  entry.low = std::min(entry.low, number);
  entry.high = std::max(entry.high, number);
  LeaseRecord record;
  record.key = entry.key;
  record.flags = entry.closing ? LeaseRecord::kClosing : std::uint8_t{0};
  record.number = number;
  actions.store.push_back({lease, record, urgent});
}

}  // namespace phalanx::cluster
