// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <chrono>

#include "phalanx/base/log.hpp"
#include "phalanx/control/cluster_service.hpp"

// ClusterService, where packets are handed on (forward and spray mode): who has which address, and
// who is handed what.
namespace phalanx::control {
namespace {

using namespace std::chrono_literals;

// The last one who had an address goes on receiving: a switch that was told of another may have
// frames under way.
constexpr base::Duration kFarewell = 1s;
// Nobody else sends from such an address: switches forget one that is silent, after five minutes
// mostly.
constexpr base::Duration kAnnounceEvery = 30s;

}  // namespace

bool ClusterService::announces(const net::IpAddress& address) const {
  if (!config_.hands_on()) return true;
  const auto found = entrances_.find(config_.node_of_next_hop(address));
  return found != entrances_.end() && found->second.announced;
}

base::NodeId ClusterService::receiver() const {
  return driver_->node().memory().table.bucket(kReceivers).owner.stream.node;
}

// A node that owns nothing (it is drained, or dead) has its next-hop address served by the owner of
// a bucket.
base::NodeId ClusterService::server_of(base::NodeId node) const {
  const auto& table = driver_->node().memory().table;
  for (std::size_t i = 0; i < base::kNumBuckets; ++i) {
    const base::BucketIndex index(static_cast<std::uint8_t>(i));
    if (table.bucket(index).owner.stream.node == node) return node;
  }
  return table.bucket(base::BucketIndex(node.value())).owner.stream.node;
}

void ClusterService::step_ingress(base::TimePoint now) {
  if (!config_.hands_on()) return;
  auto& distribution = dataplane_.tables().distribution;
  name_owners();
  const bool receiver = at(kReceivers).phase == Phase::Ours;
  bool news = step_entrance(entrances_[base::NodeId{}], receiver, now);
  if (news) base::log_info("cluster", "this node receives for all");
  const auto& shared = entrances_[base::NodeId{}];
  distribution.receive(shared.announced || now < shared.until, shared.announced);
  for (const auto& member : config_.members) {
    if (member.next_hops.empty()) continue;
    auto& entrance = entrances_[member.id];
    const bool ours = ours_ != 0 && server_of(member.id) == self_;
    if (step_entrance(entrance, ours, now)) {
      base::log_info("cluster", "this node serves the next hop of node=" + member.name);
      news = true;
    }
    distribution.serve(member.id, entrance.announced || now < entrance.until);
  }
  if (news) announce_at_ = now;
  if (now < announce_at_) return;
  announce_at_ = now + kAnnounceEvery;
  if (announce_) announce_(now);
}

// Whether it became ours.
bool ClusterService::step_entrance(Entrance& entrance, bool ours, base::TimePoint now) {
  if (ours == entrance.announced) return false;
  entrance.announced = ours;
  if (!ours) entrance.until = now + kFarewell;
  return ours;
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
