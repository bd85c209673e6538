// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/neighbor_table.hpp"

#include <algorithm>
#include <cassert>
#include <chrono>

namespace phalanx::control {
namespace {

using namespace std::chrono_literals;

// RFC 4861 10: RETRANS_TIMER, MAX_MULTICAST_SOLICIT and MAX_UNICAST_SOLICIT, REACHABLE_TIME,
// DELAY_FIRST_PROBE_TIME.
constexpr base::Duration kRetransmit = 1s;
constexpr std::uint8_t kMaxSolicitations = 3;
constexpr base::Duration kReachable = 30s;
constexpr base::Duration kDelay = 5s;
// How often a stale entry is asked whether workers use it. Their use lies up to that long back, so
// Delay lasts the rest of kDelay, and the probe goes out 1 to 5 s after the first use.
constexpr base::Duration kStalePoll = 4s;
// A neighbor that nobody talks to is forgotten after this.
constexpr base::Duration kStaleLifetime = 300s;
// A gateway that does not answer is asked again after 1, 2, 4, 5, 5... s: one small frame then.
constexpr base::Duration kMaxBackoff = 5s;
// Stale entries looked at to make room for one new entry.
constexpr int kEvictionTries = 8;

bool can_be_neighbor(const net::IpAddress& address) noexcept {
  return !address.is_unspecified() && !address.is_multicast() && !address.is_loopback() &&
         !(address.is_v4() && address.v4_host_order() == 0xffffffff);
}

bool is_station(const net::MacAddress& mac) noexcept {
  return !mac.is_multicast() && !mac.is_zero();
}

constexpr HostCounter counter_of(HeldDrop reason) noexcept {
  switch (reason) {
    case HeldDrop::Unreachable: return HostCounter::HeldUnreachable;
    case HeldDrop::QueueOverflow: return HostCounter::HeldQueueOverflow;
    case HeldDrop::TotalLimit: return HostCounter::HeldTotalLimit;
    case HeldDrop::TableFull: return HostCounter::HeldTableFull;
    case HeldDrop::BadNextHop: return HostCounter::HeldBadNextHop;
    case HeldDrop::Shutdown: return HostCounter::HeldShutdown;
  }
  return HostCounter::HeldShutdown;
}

}  // namespace

const char* to_string(NeighborState state) noexcept {
  switch (state) {
    case NeighborState::Incomplete: return "incomplete";
    case NeighborState::Reachable: return "reachable";
    case NeighborState::Stale: return "stale";
    case NeighborState::Delay: return "delay";
    case NeighborState::Probe: return "probe";
    case NeighborState::Failed: return "failed";
    case NeighborState::Static: return "static";
  }
  return "unknown";
}

NeighborTable::NeighborTable(const NeighborLimits& limits, SlowPathIo& io, NeighborOutput& output,
                             HostCounters& counters, std::uint64_t seed)
    : limits_(limits), io_(io), output_(output), counters_(counters), random_(seed) {
  rows_.reserve(limits_.entries);
}

NeighborTable::~NeighborTable() {
  assert(held_ == 0);
}

// ---- what others ask for ------------------------------------------------------------------------

std::optional<dataplane::AdjacencyIndex> NeighborTable::add_gateway(const NeighborKey& key,
                                                                    base::TimePoint now) {
  auto* entry = find(key);
  if (entry != nullptr && (entry->permanent || entry->state == NeighborState::Static)) {
    return dataplane::AdjacencyIndex(row_of(*entry));
  }
  assert(entry == nullptr && "gateways are added before traffic");
  if (!can_be_neighbor(key.address) || rows_.size() >= limits_.entries) return std::nullopt;
  entry = make_entry(key, now);
  if (entry == nullptr) return std::nullopt;
  unanswered_ -= 1;
  entry->permanent = true;
  start_resolving(*entry, now);
  return dataplane::AdjacencyIndex(row_of(*entry));
}

std::optional<dataplane::AdjacencyIndex> NeighborTable::add_static(const NeighborKey& key,
                                                                   const net::MacAddress& mac) {
  if (!can_be_neighbor(key.address) || !is_station(mac) || find(key) != nullptr) {
    return std::nullopt;
  }
  auto* entry = make_entry(key, base::TimePoint{});
  if (entry == nullptr) return std::nullopt;
  const dataplane::AdjacencyIndex index(row_of(*entry));
  if (!io_.publish_adjacency(index, key.port, key.address, mac)) {
    remove(*entry);
    return std::nullopt;
  }
  unanswered_ -= 1;
  entry->permanent = true;
  entry->mac = mac;
  enter(*entry, NeighborState::Static, base::TimePoint::max());
  return index;
}

void NeighborTable::hold(const NeighborKey& key, void* handle, base::TimePoint now) {
  counters_.add(HostCounter::HeldIn);
  held_ += 1;
  auto* entry = find(key);
  if (entry == nullptr) {
    if (!can_be_neighbor(key.address)) return drop(handle, HeldDrop::BadNextHop);
    if (held_ > limits_.held_packets) return drop(handle, HeldDrop::TotalLimit);
    // RFC 6583 7.1: a scan of a subnet may not fill the table with what nobody answers for.
    const bool room = unanswered_ < std::max<std::size_t>(limits_.entries / 2, 1);
    entry = room ? make_entry(key, now) : nullptr;
    if (entry == nullptr) {
      counters_.add(HostCounter::NeighborRefused);
      return drop(handle, HeldDrop::TableFull);
    }
    entry->queue.push_back(handle);
    return start_resolving(*entry, now);
  }
  if (entry->resolved()) {
    // Punted before the answer was published.
    entry->queue.push_back(handle);
    return send_queue(*entry);
  }
  if (entry->state == NeighborState::Failed) {
    output_.on_unreachable(handle, now);
    return drop(handle, HeldDrop::Unreachable);
  }
  // RFC 4861 7.2.2: when the queue overflows, the newest replaces the oldest.
  if (entry->queue.size() >= limits_.queue) {
    drop(entry->queue.front(), HeldDrop::QueueOverflow);
    entry->queue.erase(entry->queue.begin());
  }
  if (held_ > limits_.held_packets) return drop(handle, HeldDrop::TotalLimit);
  entry->queue.push_back(handle);
}

bool NeighborTable::update(const NeighborKey& key, const NeighborNews& news, base::TimePoint now) {
  auto* entry = find(key);
  if (entry == nullptr) return false;
  if (entry->state == NeighborState::Static) return true;
  if (news.mac && !is_station(*news.mac)) return true;
  if (!entry->resolved()) {
    // RFC 4861 7.2.5: without an address it tells nothing new.
    if (!news.mac || !set_mac(*entry, *news.mac, now)) return true;
    if (news.solicited) {
      enter_reachable(*entry, now);
    } else if (!entry->queue.empty()) {
      // The waiting packets are the first use of a stale entry.
      enter(*entry, NeighborState::Delay, now + kDelay);
    } else {
      enter_stale(*entry, now);
    }
    if (entry->permanent && !entry->up) {
      entry->up = true;
      output_.on_gateway(entry->key, true);
    }
    send_queue(*entry);
    return true;
  }
  const bool other_mac = news.mac && *news.mac != entry->mac;
  if (other_mac && !news.override_cache) {
    // RFC 4861 7.2.5 I.: two answers; the known one is used on, but checked.
    if (entry->state == NeighborState::Reachable) enter_stale(*entry, now);
    return true;
  }
  if (other_mac) {
    const auto old = entry->mac;
    if (!set_mac(*entry, *news.mac, now)) return true;
    output_.on_moved(entry->key, old, *news.mac, now);
    counters_.add(HostCounter::NeighborMoved);
  }
  if (news.solicited) {
    enter_reachable(*entry, now);
  } else if (other_mac) {
    enter_stale(*entry, now);
  }
  return true;
}

void NeighborTable::learn(const NeighborKey& key, const net::MacAddress& mac, base::TimePoint now) {
  if (update(key, {.mac = mac}, now)) return;
  if (!can_be_neighbor(key.address) || !is_station(mac)) return;
  auto* entry = make_entry(key, now);
  if (entry == nullptr) {
    counters_.add(HostCounter::NeighborRefused);
    return;
  }
  if (!set_mac(*entry, mac, now)) return remove(*entry);
  enter_stale(*entry, now);
}

void NeighborTable::tick(base::TimePoint now) {
  // Every step sets a deadline after `now` or removes the entry, so this ends.
  while (!timers_.empty() && timers_.begin()->first <= now) {
    on_deadline(rows_[timers_.begin()->second], now);
  }
}

base::TimePoint NeighborTable::next_deadline() const noexcept {
  return timers_.empty() ? base::TimePoint::max() : timers_.begin()->first;
}

void NeighborTable::drop_all_held() {
  for (auto& entry : rows_) drop_queue(entry, HeldDrop::Shutdown);
}

std::optional<net::MacAddress> NeighborTable::lookup_mac(const NeighborKey& key) const {
  const auto found = by_key_.find(key);
  if (found == by_key_.end() || !rows_[found->second].resolved()) return std::nullopt;
  return rows_[found->second].mac;
}

std::vector<NeighborInfo> NeighborTable::list(base::TimePoint now) const {
  std::vector<NeighborInfo> rows;
  rows.reserve(by_key_.size());
  for (const auto& [key, row] : by_key_) {
    const auto& entry = rows_[row];
    NeighborInfo info;
    info.key = key;
    info.adjacency = dataplane::AdjacencyIndex(row);
    info.state = entry.state;
    info.permanent = entry.permanent;
    if (entry.resolved()) info.mac = entry.mac;
    info.held = static_cast<std::uint32_t>(entry.queue.size());
    if (entry.state != NeighborState::Static) info.age = now - entry.heard;
    rows.push_back(info);
  }
  return rows;
}

// ---- entries ------------------------------------------------------------------------------------

NeighborTable::Entry* NeighborTable::find(const NeighborKey& key) noexcept {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : &rows_[found->second];
}

NeighborTable::Row NeighborTable::row_of(const Entry& entry) const noexcept {
  return static_cast<Row>(&entry - rows_.data());
}

// An Incomplete entry without a timer yet, counted as unanswered. Only what has not been used for
// long makes room for it (RFC 6583 6.2, 7.2).
NeighborTable::Entry* NeighborTable::make_entry(const NeighborKey& key, base::TimePoint now) {
  if (by_key_.size() >= limits_.entries && !evict_stale(now)) return nullptr;
  Row row = 0;
  // Fresh rows first: the longer a row rests, the better.
  if (rows_.size() < limits_.entries) {
    row = static_cast<Row>(rows_.size());
    rows_.emplace_back();
  } else {
    row = free_rows_.front();
    free_rows_.pop_front();
  }
  auto& entry = rows_[row];
  entry = Entry{};
  entry.key = key;
  entry.heard = now;
  entry.used = now;
  entry.deadline = base::TimePoint::max();
  by_key_.emplace(key, row);
  unanswered_ += 1;
  return &entry;
}

bool NeighborTable::evict_stale(base::TimePoint now) {
  for (int tries = 0; tries < kEvictionTries && !stale_.empty(); ++tries) {
    auto& victim = rows_[stale_.begin()->second];
    if (!io_.take_used(dataplane::AdjacencyIndex(row_of(victim)))) {
      counters_.add(HostCounter::NeighborEvicted);
      remove(victim);
      return true;
    }
    enter(victim, NeighborState::Delay, now + (kDelay - kStalePoll), now);
  }
  return false;
}

void NeighborTable::remove(Entry& entry) {
  assert(entry.queue.empty() && !entry.permanent);
  const auto row = row_of(entry);
  if (entry.resolved()) io_.withdraw_adjacency(dataplane::AdjacencyIndex(row));
  if (entry.unanswered()) unanswered_ -= 1;
  timers_.erase({entry.deadline, row});
  stale_.erase({entry.used, row});
  by_key_.erase(entry.key);
  free_rows_.push_back(row);
}

// The one place where a state changes: keeps the orders and counts that depend on it.
void NeighborTable::enter(Entry& entry, NeighborState state, base::TimePoint deadline,
                          std::optional<base::TimePoint> used) {
  const auto row = row_of(entry);
  if (entry.state == NeighborState::Stale) stale_.erase({entry.used, row});
  if (entry.unanswered()) unanswered_ -= 1;
  timers_.erase({entry.deadline, row});
  entry.state = state;
  entry.attempts = 0;
  entry.deadline = deadline;
  entry.used = used.value_or(entry.used);
  if (deadline != base::TimePoint::max()) timers_.emplace(deadline, row);
  if (entry.unanswered()) unanswered_ += 1;
  if (state == NeighborState::Stale && !entry.permanent) stale_.emplace(entry.used, row);
}

void NeighborTable::enter_stale(Entry& entry, base::TimePoint now) {
  // What was sent before it became stale does not count as use of a stale entry.
  const bool used = io_.take_used(dataplane::AdjacencyIndex(row_of(entry)));
  enter(entry, NeighborState::Stale, now + kStalePoll, used ? now : entry.used);
}

void NeighborTable::enter_reachable(Entry& entry, base::TimePoint now) {
  entry.heard = now;
  // RFC 4861 6.3.2: uniform between half and one and a half of the base value.
  std::uniform_int_distribution<base::Duration::rep> jitter(kReachable.count() / 2,
                                                            kReachable.count() * 3 / 2);
  enter(entry, NeighborState::Reachable, now + base::Duration(jitter(random_)));
}

void NeighborTable::start_resolving(Entry& entry, base::TimePoint now) {
  enter(entry, NeighborState::Incomplete, now + kRetransmit);
  solicit(entry, now + kRetransmit);
}

bool NeighborTable::set_mac(Entry& entry, const net::MacAddress& mac, base::TimePoint now) {
  if (!io_.publish_adjacency(dataplane::AdjacencyIndex(row_of(entry)), entry.key.port,
                             entry.key.address, mac)) {
    counters_.add(HostCounter::NeighborNotPublished);
    return false;
  }
  if (!entry.resolved()) counters_.add(HostCounter::NeighborLearned);
  entry.mac = mac;
  entry.heard = now;
  return true;
}

// ---- timers -------------------------------------------------------------------------------------

void NeighborTable::solicit(Entry& entry, base::TimePoint next) {
  const auto row = row_of(entry);
  timers_.erase({entry.deadline, row});
  entry.deadline = next;
  timers_.emplace(next, row);
  entry.attempts = static_cast<std::uint8_t>(std::min(entry.attempts + 1, 255));
  output_.on_solicit(entry.key, entry.state == NeighborState::Probe ? &entry.mac : nullptr);
}

void NeighborTable::on_deadline(Entry& entry, base::TimePoint now) {
  switch (entry.state) {
    case NeighborState::Incomplete:
    case NeighborState::Probe:
      if (entry.attempts >= kMaxSolicitations) return give_up(entry, now);
      return solicit(entry, now + kRetransmit);
    case NeighborState::Failed: {
      const auto shift = std::min<int>(entry.attempts, 3);
      return solicit(entry, now + std::min(kRetransmit * (2 << shift), kMaxBackoff));
    }
    case NeighborState::Reachable: return enter_stale(entry, now);
    case NeighborState::Stale: return on_stale_poll(entry, now);
    case NeighborState::Delay:
      enter(entry, NeighborState::Probe, now + kRetransmit);
      return solicit(entry, now + kRetransmit);
    case NeighborState::Static: return;
  }
}

void NeighborTable::on_stale_poll(Entry& entry, base::TimePoint now) {
  if (io_.take_used(dataplane::AdjacencyIndex(row_of(entry)))) {
    return enter(entry, NeighborState::Delay, now + (kDelay - kStalePoll), now);
  }
  if (!entry.permanent && now - entry.used >= kStaleLifetime) {
    counters_.add(HostCounter::NeighborAged);
    return remove(entry);
  }
  enter(entry, NeighborState::Stale, now + kStalePoll);
}

void NeighborTable::give_up(Entry& entry, base::TimePoint now) {
  counters_.add(HostCounter::NeighborFailed);
  const bool was_resolved = entry.resolved();
  for (auto* handle : entry.queue) output_.on_unreachable(handle, now);
  drop_queue(entry, HeldDrop::Unreachable);
  if (!entry.permanent) return remove(entry);
  if (was_resolved) {
    io_.withdraw_adjacency(dataplane::AdjacencyIndex(row_of(entry)));
    return start_resolving(entry, now);
  }
  enter(entry, NeighborState::Failed, now + kRetransmit);
  entry.up = false;
  output_.on_gateway(entry.key, false);
}

// ---- packets ------------------------------------------------------------------------------------

void NeighborTable::send_queue(Entry& entry) {
  const dataplane::AdjacencyIndex index(row_of(entry));
  for (auto* handle : entry.queue) {
    counters_.add(HostCounter::HeldSent);
    io_.send_held(handle, index);
  }
  held_ -= entry.queue.size();
  entry.queue.clear();
}

void NeighborTable::drop_queue(Entry& entry, HeldDrop reason) {
  for (auto* handle : entry.queue) drop(handle, reason);
  entry.queue.clear();
}

void NeighborTable::drop(void* handle, HeldDrop reason) {
  counters_.add(counter_of(reason));
  held_ -= 1;
  io_.drop_held(handle, reason);
}

}  // namespace phalanx::control
