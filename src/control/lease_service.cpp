// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/lease_service.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "phalanx/base/log.hpp"

namespace phalanx::control {
namespace {

using cluster::LeaseActions;
using cluster::LeaseIndex;
using cluster::LeaseUse;

constexpr std::uint64_t kHighestEsn = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kHighestWithoutEsn = std::numeric_limits<std::uint32_t>::max();
// A scan looks at no fewer SAs than this at once: below it is not worth spreading.
constexpr std::size_t kLeastSlice = 256;
constexpr const char* kComponent = "leases";

constexpr std::uint64_t highest_of(const LeaseSpec& spec) noexcept {
  return spec.esn ? kHighestEsn : kHighestWithoutEsn;
}

std::optional<StateError> find_twins(std::span<const LeaseSpec> specs) {
  std::vector<cluster::LeaseKey> keys;
  keys.reserve(specs.size());
  for (const auto& spec : specs) keys.push_back(spec.key);
  std::sort(keys.begin(), keys.end());
  if (std::adjacent_find(keys.begin(), keys.end()) == keys.end()) return std::nullopt;
  // 40 bits of a hash: with ten thousand SAs one configuration in 20 000.
  return StateError{StateFault::Conflict,
                    "two SAs of one direction have the same uid and could not be told apart after "
                    "a restart; give one of them another SPI or key"};
}

LeaseStart start_of(const LeaseSpec& spec, std::uint64_t stored,
                    const LeaseActions::Publish& published) noexcept {
  const auto highest = highest_of(spec);
  LeaseStart start;
  if (stored >= highest) {
    start.exhausted = true;
    start.first = highest == kHighestEsn ? highest : highest + 1;
    start.raise_at = std::numeric_limits<std::uint64_t>::max();
    return start;  // limit 0: nothing is let through
  }
  start.first = stored + 1;
  start.limit = published.limit;
  start.raise_at = published.raise_at;
  return start;
}

}  // namespace

std::unique_ptr<LeaseWriter> make_lease_thread(LeaseFile file) {
  return std::make_unique<LeaseThread>(std::move(file));
}

LeaseSource LeaseSource::of(ipsec::InboundSa& sa) noexcept {
  const auto use = [](const void* of) noexcept {
    const auto* inbound = static_cast<const ipsec::InboundSa*>(of);
    return LeaseUse{inbound->top_sequence(), inbound->packets()};
  };
  return {&sa, use, &sa.gate()};
}

LeaseSource LeaseSource::of(ipsec::OutboundSa& sa) noexcept {
  const auto use = [](const void* of) noexcept {
    const auto* outbound = static_cast<const ipsec::OutboundSa*>(of);
    return LeaseUse{outbound->next_sequence() - 1, outbound->packets()};
  };
  return {&sa, use, &sa.gate()};
}

LeaseService::LeaseService(std::vector<std::uint32_t> slots, cluster::LeaseBook book,
                           QuiescenceProbe quiescence, const LeaseServiceConfig& config)
    : slots_(std::move(slots)),
      sources_(slots_.size()),
      book_(std::move(book)),
      quiescence_(std::move(quiescence)),
      config_(config) {}

base::Result<std::unique_ptr<LeaseService>, StateError> LeaseService::open(
    LeaseFile file, std::span<const LeaseSpec> specs, QuiescenceProbe quiescence,
    base::TimePoint now, const LeaseServiceConfig& config, const LeaseWriterFactory& writer) {
  if (auto error = find_twins(specs)) return *std::move(error);
  std::vector<cluster::LeaseKey> keys;
  keys.reserve(specs.size());
  for (const auto& spec : specs) keys.push_back(spec.key);
  auto assigned = file.assign(keys);
  if (!assigned) return assigned.error();

  cluster::LeaseBook book(config.sizes);
  LeaseActions actions;
  std::vector<std::uint32_t> slots;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    slots.push_back((*assigned)[i].slot);
    book.add(keys[i], (*assigned)[i].number, highest_of(specs[i]), now, actions);
  }
  std::vector<LeaseFile::Write> writes;
  writes.reserve(actions.store.size());
  for (const auto& store : actions.store) {
    writes.push_back({slots[store.lease.value()], store.record});
  }
  if (auto done = file.commit(writes); !done) {
    return StateError{StateFault::Io, "cannot store the first leases: " + to_string(done.error())};
  }
  const auto stored = std::exchange(actions.store, {});
  for (const auto& store : stored) {
    const auto lease = store.lease.value();
    book.on_stored(store.lease, now, {(*assigned)[lease].number, 0}, actions);
  }

  std::unique_ptr<LeaseService> service(
      new LeaseService(std::move(slots), std::move(book), std::move(quiescence), config));
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const LeaseIndex lease(static_cast<std::uint32_t>(i));
    service->starts_.push_back(
        start_of(specs[i], (*assigned)[i].number, service->book_.published(lease)));
  }
  service->stats_.records = writes.size();
  service->next_scan_ = now;
  service->writer_ = writer(std::move(file));
  return service;
}

void LeaseService::attach(std::size_t index, const LeaseSource& source) noexcept {
  source.gate->publish(starts_[index].limit, starts_[index].raise_at);
  if (!starts_[index].exhausted) sources_[index] = source;
}

LeaseUse LeaseService::use_of(LeaseIndex lease) const noexcept {
  const auto& source = sources_[lease.value()];
  return source.sa == nullptr ? LeaseUse{} : source.use(source.sa);
}

void LeaseService::on_raise_request(std::size_t index, base::TimePoint now) {
  if (index >= sources_.size() || sources_[index].sa == nullptr) return;
  const LeaseIndex lease(static_cast<std::uint32_t>(index));
  book_.on_raise_request(lease, now, use_of(lease), actions_);
}

void LeaseService::step(base::TimePoint now) {
  collect_outcomes(now);
  collect_quiescence(now);
  const bool tick = now >= next_scan_;
  if (tick) {
    next_scan_ = now + config_.scan_interval;
    scan(now);
  }
  carry_out();
  if (tick || urgent_) submit(now);
}

bool LeaseService::close(base::TimePoint now, base::Duration limit) {
  collect_outcomes(now);
  waiting_.clear();  // no worker runs any more
  const auto failed_before = book_.stats().failures;
  for (std::uint32_t i = 0; i < sources_.size(); ++i) {
    book_.close(LeaseIndex(i), use_of(LeaseIndex(i)), actions_);
  }
  // What was under way, then the exact leases of those that waited for it.
  constexpr int kRounds = 2;
  for (int round = 0; round < kRounds; ++round) {
    carry_out();
    submit(now);
    if (!writer_->wait_idle(limit / kRounds)) return false;
    collect_outcomes(now);
  }
  return pending_.empty() && batches_.empty() && book_.stats().failures == failed_before;
}

void LeaseService::collect_outcomes(base::TimePoint now) {
  outcomes_.clear();
  writer_->take_done(outcomes_);
  for (const auto& outcome : outcomes_) {
    const auto batch = std::move(batches_.front());
    batches_.pop_front();
    stats_.last_store = now - batch.submitted;
    if (outcome.error) {
      ++stats_.failed_batches;
      for (const auto lease : batch.leases) book_.on_failed(lease);
      report_failure(*outcome.error, now);
      continue;
    }
    stats_.records += batch.leases.size();
    for (const auto lease : batch.leases) book_.on_stored(lease, now, use_of(lease), actions_);
    if (std::exchange(failing_, false)) base::log_info(kComponent, "Leases can be stored again");
  }
}

void LeaseService::collect_quiescence(base::TimePoint now) {
  while (!waiting_.empty() && quiescence_.passed(waiting_.front().token)) {
    for (const auto& [lease, round] : waiting_.front().leases) {
      book_.on_quiescent(lease, round, now, use_of(lease), actions_);
    }
    waiting_.pop_front();
  }
}

void LeaseService::scan(base::TimePoint now) {
  const auto all = sources_.size();
  const auto parts = std::max<std::int64_t>(config_.scan_period / config_.scan_interval, 1);
  const auto share = all / static_cast<std::size_t>(parts) + 1;
  const auto slice = std::min(all, std::max(share, kLeastSlice));
  for (std::size_t i = 0; i < slice; ++i) {
    if (cursor_ >= all) cursor_ = 0;
    const LeaseIndex lease(static_cast<std::uint32_t>(cursor_++));
    if (sources_[lease.value()].sa == nullptr) continue;
    book_.observe(lease, now, use_of(lease), actions_);
  }
}

// Limits first: a lowering waits for quiescence since its limit was published.
void LeaseService::carry_out() {
  for (const auto& publish : actions_.publish) {
    auto* gate = sources_[publish.lease.value()].gate;
    if (gate == nullptr) continue;
    gate->publish(publish.limit, publish.raise_at);
    ++stats_.published;
  }
  if (!actions_.quiesce.empty()) {
    waiting_.push_back({quiescence_.start(), actions_.quiesce});
  }
  for (const auto& store : actions_.store) {
    pending_.push_back(store);
    urgent_ = urgent_ || store.urgent;
  }
  actions_.clear();
}

void LeaseService::submit(base::TimePoint now) {
  if (pending_.empty()) return;
  std::vector<LeaseFile::Write> writes;
  Batch batch{now, {}};
  writes.reserve(pending_.size());
  batch.leases.reserve(pending_.size());
  for (const auto& store : pending_) {
    writes.push_back({slots_[store.lease.value()], store.record});
    batch.leases.push_back(store.lease);
  }
  pending_.clear();
  urgent_ = false;
  ++stats_.batches;
  batches_.push_back(std::move(batch));
  writer_->submit(std::move(writes));
}

void LeaseService::report_failure(const FileError& error, base::TimePoint now) {
  if (!log_budget_.take(now)) return;
  failing_ = true;  // and said so: its end will be told, too
  base::log_error(kComponent,
                  "Leases cannot be stored; SAs stop at the end of the old ones error=\"" +
                      to_string(error) +
                      "\" failed_batches=" + std::to_string(stats_.failed_batches));
}

LeaseServiceStats LeaseService::stats() const noexcept {
  auto stats = stats_;
  stats.book = book_.stats();
  stats.waiting = batches_.size();
  return stats;
}

}  // namespace phalanx::control
