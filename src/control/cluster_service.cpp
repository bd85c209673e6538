// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/cluster_service.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "phalanx/base/log.hpp"
#include "phalanx/control/cluster_start.hpp"

namespace phalanx::control {
namespace {

using namespace std::chrono_literals;
using cluster::EventKind;

constexpr const char* kComponent = "cluster";
// Longer than workers hold packets that wait for a lease (100 ms).
constexpr auto kSettle = 150ms;
// A packet may be in a queue between two workers: both pass a burst twice.
constexpr unsigned kRounds = 2;
constexpr auto kReportEvery = 1s;
constexpr base::Generation kFirstGeneration{1};
// First leases of an SA: what the lease book has as minimum.
constexpr cluster::LeaseValue kFirstInbound{1, 0};
constexpr cluster::LeaseValue kFirstOutbound{1024, 10};

std::string text(base::NodeId node) {
  return std::to_string(node.value());
}

}  // namespace

base::Result<std::unique_ptr<ClusterService>, std::string> ClusterService::open(
    const Setup& setup, base::TimePoint now) {
  if (!setup.dataplane->cluster_link()) return std::string("there is no cluster port");
  ClusterStateFile file(setup.dir, *setup.state);
  auto disk =
      begin_cluster(*setup.config, file, *setup.state, {setup.new_state, setup.new_cluster});
  if (!disk) return disk.error();
  return std::unique_ptr<ClusterService>(new ClusterService(setup, *disk, now));
}

ClusterService::ClusterService(const Setup& setup, const cluster::DiskState& disk,
                               base::TimePoint now)
    : config_(*setup.config),
      self_(setup.state->identity().node),
      dataplane_(*setup.dataplane),
      state_(*setup.state),
      file_(setup.dir, *setup.state),
      port_(std::make_unique<ClusterPort>(*setup.dataplane->cluster_link(), config_, self_)),
      driver_(std::make_unique<ClusterDriver>(config_, core_config(config_, state_, config_.weight),
                                              disk, *port_, crypto_, hooks(), now)) {}

ClusterService::~ClusterService() = default;

ClusterDriver::Hooks ClusterService::hooks() {
  auto hooks = driver_hooks(file_);
  hooks.event = [this](const cluster::Event& event, base::TimePoint now) { on_event(event, now); };
  return hooks;
}

ClusterLeases::Hooks ClusterService::lease_hooks() {
  auto& quiescence = dataplane_.quiescence();
  ClusterLeases::Hooks hooks;
  hooks.promise = [this](std::size_t index, const cluster::LeaseValue& lease) {
    const auto sa = static_cast<std::uint32_t>(index);
    const cluster::Promise promise{specs_[sa].key.uid, bucket_of(sa), direction_of(sa), lease};
    return driver_
        ->command([&](cluster::Node& node, base::TimePoint now, cluster::Outputs& out) {
          return node.promise(promise, now, out);
        })
        .ok();
  };
  hooks.usable = [this](std::size_t index) {
    const auto sa = static_cast<std::uint32_t>(index);
    return driver_->node().usable(specs_[sa].key.uid, direction_of(sa));
  };
  hooks.quiescence = {[&quiescence] { return quiescence.start(); },
                      [&quiescence](std::uint64_t token) { return quiescence.passed(token); }};
  return hooks;
}

void ClusterService::attach(std::span<const LeaseSpec> specs, base::TimePoint now) {
  specs_.assign(specs.begin(), specs.end());
  leases_ = std::make_unique<ClusterLeases>(specs, config_.heartbeat_interval, lease_hooks(), now);
  auto& sas = *dataplane_.tables().sas;
  for (std::uint32_t i = 0; i < specs_.size(); ++i) {
    by_uid_[specs_[i].key.uid] = i;
    if (auto* in = sas.inbound(i)) leases_->attach(i, LeaseSource::of(*in));
    if (auto* out = sas.outbound(i)) leases_->attach(i, LeaseSource::of(*out));
    at(bucket_of(i)).sas.push_back(i);
  }
}

base::BucketIndex ClusterService::bucket_of(std::uint32_t sa) const noexcept {
  const auto& sas = *dataplane_.tables().sas;
  const auto* in = sas.inbound(sa);
  return in != nullptr ? in->bucket() : sas.outbound(sa)->bucket();
}

void ClusterService::on_raise_request(std::size_t index, base::TimePoint now) {
  leases_->on_raise_request(index, now);
}

std::uint64_t ClusterService::published() const {
  return leases_->published();
}

void ClusterService::step(base::TimePoint now) {
  driver_->poll(now);
  if (driver_->stats().failed && fatal_.empty()) {
    shut_all(now);
    end("the state directory refuses writes");
  }
  const auto until = fatal_.empty() ? driver_->node().forward_until(now) : base::TimePoint{};
  dataplane_.tables().open_until_ns.store(
      std::max<std::int64_t>(until.time_since_epoch().count(), 0), std::memory_order_relaxed);
  step_buckets(now);
  leases_->step(now);
  driver_->flush(now);
  report(now);
}

void ClusterService::on_event(const cluster::Event& event, base::TimePoint now) {
  switch (event.kind) {
    case EventKind::Admitted: on_admitted(); break;
    case EventKind::Levelled: base::log_info(kComponent, "this node is a voter now"); break;
    case EventKind::Superseded:
      shut_all(now);
      end("a newer boot of this node, or a newer generation of the cluster, exists");
      break;
    case EventKind::BootRefused:
      end("node " + text(self_) + " is another machine's: two machines must not have one id");
      break;
    case EventKind::MasterChanged: on_master(event.node); break;
    case EventKind::BucketOpened: begin_opening(event.bucket, now); break;
    case EventKind::BucketShut: shut(event.bucket, now); break;
    case EventKind::CloseWanted: begin_closing(event.bucket, event.node, now); break;
    case EventKind::MoveComing: break;
    case EventKind::EntryInstalled: {
      const auto found = by_uid_.find(event.uid);
      const auto& entries = driver_->node().memory().table.bucket(event.bucket).entries;
      const auto entry = entries.find(event.uid);
      if (found == by_uid_.end() || entry == entries.end()) break;
      const auto& bucket = at(event.bucket);
      if (bucket.phase == Phase::Ours && !leases_->is_open(found->second)) {
        open_sa(found->second, entry->second, now);
      }
      break;
    }
    case EventKind::GateChanged: {
      const auto found = by_uid_.find(event.uid);
      if (found != by_uid_.end() && direction_of(found->second) == event.direction) {
        leases_->on_gate(found->second, now);
      }
      break;
    }
    case EventKind::StreamFrozen:
      base::log_warn(kComponent, "the others have given up on this node: all its buckets are shut");
      shut_all(now);
      break;
    case EventKind::ColdStarted:
      base::log_warn(kComponent, "a new generation begins: nobody remembered the one before");
      break;
    case EventKind::VotersChanged: base::log_info(kComponent, "the voters change"); break;
    case EventKind::Left:
      shut_all(now);
      end("this node has left the cluster, as it was told to");
      break;
  }
}

// The boot goes into every IV, and the SAs were made with the one on disk.
void ClusterService::on_admitted() {
  const auto boot = driver_->node().self().boot;
  base::log_info(kComponent, "this node is admitted boot=" + std::to_string(boot.value()));
  if (boot != state_.started_as()) {
    end("the cluster knew a higher boot of this node than its disk did");
  }
}

void ClusterService::on_master(base::NodeId node) {
  master_ = node;
  const auto* member = config_.find(node);
  base::log_info(kComponent, "the master is node=" + text(node) +
                                 (member == nullptr ? "" : " name=" + member->name));
}

// ---- buckets ------------------------------------------------------------------------------------

void ClusterService::begin_opening(base::BucketIndex index, base::TimePoint now) {
  auto& bucket = at(index);
  if (!driver_->node().serves(index) || bucket.phase == Phase::Ours) return;
  const bool traces = bucket.left && now - *bucket.left < kSettle;
  if (!bucket.left) return finish_opening(index, now);
  bucket.phase = Phase::Settling;
  bucket.since = traces ? *bucket.left : now - kSettle;
  bucket.rounds = 0;
  moving_.insert(index);
}

void ClusterService::finish_opening(base::BucketIndex index, base::TimePoint now) {
  auto& bucket = at(index);
  bucket.phase = Phase::Ours;
  bucket.since = now;
  ++stats_.opened;
  ++ours_;
  const auto& entries = driver_->node().memory().table.bucket(index).entries;
  for (const auto sa : bucket.sas) {
    const auto entry = entries.find(specs_[sa].key.uid);
    if (entry == entries.end()) {
      install(sa);
    } else {
      open_sa(sa, entry->second, now);
    }
  }
  dataplane_.tables().distribution.assign(index, self_);
}

void ClusterService::install(std::uint32_t sa) {
  // After a cold start nobody remembers how far a static SA went: it needs new keys.
  if (driver_->node().memory().generation > kFirstGeneration) {
    if (stats_.refused++ == 0) {
      base::log_error(kComponent,
                      "no node remembers the numbers of static SAs: give them new keys");
    }
    return;
  }
  cluster::Install install;
  install.uid = specs_[sa].key.uid;
  install.bucket = bucket_of(sa);
  const auto way = static_cast<std::size_t>(direction_of(sa));
  install.leases[way] =
      direction_of(sa) == cluster::Direction::Inbound ? kFirstInbound : kFirstOutbound;
  const auto done =
      driver_->command([&](cluster::Node& node, base::TimePoint now, cluster::Outputs& out) {
        return node.install(install, now, out);
      });
  if (done.ok()) {
    ++stats_.installed;
  } else if (done.error() == cluster::CommandError::StreamFull) {
    to_install_.insert(sa);
  }
}

// At the floor that follows from all earlier owners' leases, or exactly where the last one stopped.
void ClusterService::open_sa(std::uint32_t sa, const cluster::Entry& entry, base::TimePoint now) {
  const auto& state = entry.directions[static_cast<std::size_t>(direction_of(sa))];
  auto& sas = *dataplane_.tables().sas;
  const auto floor = std::max<std::uint64_t>(state.floor, 1);
  if (const auto window = parse_window(state.window)) {
    sas.resume(sa, window->top, window->seen);
    leases_->open(sa, window->top, now);
    return;
  }
  sas.restart(sa, floor);
  leases_->open(sa, floor - 1, now);
}

void ClusterService::begin_closing(base::BucketIndex index, base::NodeId to, base::TimePoint now) {
  auto& bucket = at(index);
  if (bucket.phase != Phase::Ours) return;
  dataplane_.tables().distribution.assign(index, to);
  for (const auto sa : bucket.sas) leases_->shut(sa);
  bucket.phase = Phase::Closing;
  bucket.since = now;
  bucket.rounds = kRounds;
  bucket.token = dataplane_.quiescence().start();
  bucket.left = now;
  --ours_;
  moving_.insert(index);
}

void ClusterService::finish_closing(base::BucketIndex index, base::TimePoint now) {
  auto& bucket = at(index);
  const auto& sas = *dataplane_.tables().sas;
  const auto& entries = driver_->node().memory().table.bucket(index).entries;
  std::vector<cluster::Closing> closings;
  for (const auto sa : bucket.sas) {
    const auto uid = specs_[sa].key.uid;
    const auto entry = entries.find(uid);
    if (entry == entries.end()) continue;
    cluster::Closing closing;
    closing.uid = uid;
    closing.direction = direction_of(sa);
    closing.top.size_log2 =
        entry->second.directions[static_cast<std::size_t>(closing.direction)].lease.size_log2;
    if (const auto* in = sas.inbound(sa)) {
      closing.top.number = in->top_sequence();
      closing.window = write_window({in->top_sequence(), in->window().seen()});
    } else {
      closing.top.number = sas.outbound(sa)->next_sequence() - 1;
    }
    closings.push_back(std::move(closing));
  }
  const auto done =
      driver_->command([&](cluster::Node& node, base::TimePoint at, cluster::Outputs& out) {
        return node.close_bucket(index, closings, at, out);
      });
  if (done.ok()) ++stats_.closed;
  bucket.phase = Phase::Away;
  bucket.since = now;
}

void ClusterService::shut(base::BucketIndex index, base::TimePoint now) {
  auto& bucket = at(index);
  moving_.erase(index);
  if (bucket.phase == Phase::Ours) {
    dataplane_.tables().distribution.assign(index, dataplane::DistributionTable::kNobody);
    for (const auto sa : bucket.sas) leases_->shut(sa);
    bucket.left = now;
    ++stats_.shut;
    --ours_;
  }
  bucket.phase = Phase::Away;
  bucket.since = now;
}

void ClusterService::shut_all(base::TimePoint now) {
  for (std::size_t i = 0; i < base::kNumBuckets; ++i) {
    shut(base::BucketIndex(static_cast<std::uint8_t>(i)), now);
  }
}

bool ClusterService::settled(Bucket& bucket) {
  auto& quiescence = dataplane_.quiescence();
  if (!quiescence.passed(bucket.token)) return false;
  if (--bucket.rounds == 0) return true;
  bucket.token = quiescence.start();
  return false;
}

void ClusterService::step_buckets(base::TimePoint now) {
  for (auto at_index = moving_.begin(); at_index != moving_.end();) {
    const auto index = *at_index++;  // finishing takes it out
    auto& bucket = at(index);
    if (bucket.phase == Phase::Settling && bucket.rounds == 0) {
      if (now - bucket.since < kSettle) continue;
      bucket.rounds = kRounds;
      bucket.token = dataplane_.quiescence().start();
    }
    if (!settled(bucket)) continue;
    moving_.erase(index);
    if (bucket.phase == Phase::Settling) {
      finish_opening(index, now);
    } else {
      finish_closing(index, now);
    }
  }
  if (to_install_.empty()) return;
  for (const auto sa : std::exchange(to_install_, {})) {
    if (at(bucket_of(sa)).phase == Phase::Ours) install(sa);
  }
}

// ---- the rest -----------------------------------------------------------------------------------

base::BucketIndex ClusterService::bucket_of_asker(const net::IpAddress& asker,
                                                  const net::IpAddress& address) const {
  return dataplane_.tables().bucket_hash->other(asker, address, 0);
}

bool ClusterService::answers(const net::IpAddress& asker, const net::IpAddress& address) const {
  return dataplane_.tables().distribution.is_ours(bucket_of_asker(asker, address));
}

std::vector<base::NodeId> ClusterService::owners() const {
  std::vector<base::NodeId> owners;
  const auto& table = driver_->node().memory().table;
  for (std::size_t i = 0; i < base::kNumBuckets; ++i) {
    const base::BucketIndex index(static_cast<std::uint8_t>(i));
    owners.push_back(table.bucket(index).owner.stream.node);
  }
  return owners;
}

const char* ClusterService::phase_name(base::BucketIndex index) const noexcept {
  switch (buckets_[index.value()].phase) {
    case Phase::Away: return "away";
    case Phase::Settling: return "settling";
    case Phase::Ours: return "ours";
    case Phase::Closing: return "closing";
  }
  return "";
}

void ClusterService::drain(bool on) {
  draining_ = on;
  driver_->node().set_weight(on ? 0 : config_.weight);
  base::log_info(kComponent, on ? "this node gives its buckets away" : "this node takes its share");
}

void ClusterService::end(const std::string& why) {
  if (!fatal_.empty()) return;
  fatal_ = why;
  base::log_error(kComponent, "this node must be started again: " + why);
}

void ClusterService::report(base::TimePoint now) {
  if (ours_ == reported_ || now < next_report_) return;
  next_report_ = now + kReportEvery;
  reported_ = ours_;
  base::log_info(kComponent, "buckets of this node changed buckets=" + std::to_string(ours_));
}

}  // namespace phalanx::control
