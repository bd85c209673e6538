// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <chrono>

#include "phalanx/base/log.hpp"
#include "phalanx/control/cluster_service.hpp"

// ClusterService, forward mode: who receives, and who is handed what.
namespace phalanx::control {
namespace {

using namespace std::chrono_literals;

// Nobody else sends from the shared address: switches forget one that is silent, after five
// minutes mostly.
constexpr base::Duration kAnnounceEvery = 30s;

}  // namespace

bool ClusterService::announces() const noexcept {
  return config_.ingress != IngressMode::Forward || dataplane_.tables().distribution.announces();
}

base::NodeId ClusterService::receiver() const {
  return driver_->node().memory().table.bucket(kReceivers).owner.stream.node;
}

void ClusterService::step_ingress(base::TimePoint now) {
  if (config_.ingress != IngressMode::Forward) return;
  auto& distribution = dataplane_.tables().distribution;
  name_owners();
  const auto phase = at(kReceivers).phase;
  const bool announces = phase == Phase::Ours;
  const bool receives =
      announces || phase == Phase::Closing || (farewell_until_ && now < *farewell_until_);
  distribution.receive(receives, announces);
  if (!announces) {
    announce_at_.reset();
    return;
  }
  if (announce_at_ && now < *announce_at_) return;
  if (!announce_at_) base::log_info("cluster", "this node receives for all");
  announce_at_ = now + kAnnounceEvery;
  if (announce_) announce_(now);
}

// Of the buckets that are not ours. The next owner of one that we gave away is known before the
// table says so.
void ClusterService::name_owners() {
  auto& distribution = dataplane_.tables().distribution;
  const auto& table = driver_->node().memory().table;
  for (std::size_t i = 0; i < base::kNumBuckets; ++i) {
    const base::BucketIndex index(static_cast<std::uint8_t>(i));
    const auto& bucket = at(index);
    if (bucket.phase != Phase::Away) continue;
    auto owner = table.bucket(index).owner.stream.node;
    if (owner == self_) owner = bucket.closed_for;  // or nobody
    if (distribution.owner(index) != owner) distribution.assign(index, owner);
  }
}

}  // namespace phalanx::control
