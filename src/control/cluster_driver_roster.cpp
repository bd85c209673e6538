// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "phalanx/control/cluster_driver.hpp"

// What operators say of members: told to one node, heard by all.
namespace phalanx::control {
namespace {

// All of the roster goes to everybody so often, in heartbeats: datagrams get lost.
constexpr int kTellEvery = 100;
// Before a node acts on an expulsion, all who are there have told what they know, twice: its own
// word may be an old one, and the id another machine's by now.
constexpr int kSettled = 250;

std::string text(base::NodeId id) {
  return "node " + std::to_string(id.value());
}

}  // namespace

ClusterDriver::Told ClusterDriver::say(const std::function<Told(Roster&)>& change) {
  auto changed = roster_;
  if (auto done = change(changed); !done) return done;
  if (!hooks_.keep_roster(changed.entries())) {
    return std::string("the state directory refuses writes: nothing was changed");
  }
  roster_ = std::move(changed);
  apply_roster();
  tell_roster();
  return base::Ok{};
}

ClusterDriver::Told ClusterDriver::join(const ClusterMember& member) {
  if (roster_.entry(member.id).membership != Membership::Member && !is_gone(member.id)) {
    return text(member.id) + " has not left yet";
  }
  auto done = say([&](Roster& roster) { return roster.join(member, self_); });
  if (done) events_.info("told to let a member in " + name_of(member.id));
  return done;
}

ClusterDriver::Told ClusterDriver::leave(base::NodeId id) {
  const auto stays = [&](const ClusterMember& member) {
    if (member.witness || member.id == id) return false;
    const auto found = members_.find(member.id);
    const bool alive = member.id == self_ || (found != members_.end() && found->second.alive);
    return alive && roster_.entry(member.id).membership == Membership::Member;
  };
  const auto& members = roster_.members();
  if (!std::any_of(members.begin(), members.end(), stays)) {
    return text(id) + " is the last that can serve: it has to stay";
  }
  auto done =
      say([&](Roster& roster) { return roster.set_membership(id, Membership::Leaving, self_); });
  if (done) events_.info("told that a member leaves " + name_of(id));
  return done;
}

ClusterDriver::Told ClusterDriver::expel(base::NodeId id) {
  if (id == self_) return std::string("a node does not expel itself: it leaves");
  const auto found = members_.find(id);
  if (found != members_.end() && found->second.alive) {
    return text(id) + " is alive: it has to leave, or to be stopped first";
  }
  auto done =
      say([&](Roster& roster) { return roster.set_membership(id, Membership::Expelled, self_); });
  if (done) events_.warn("told that a member will not come back " + name_of(id));
  return done;
}

ClusterDriver::Told ClusterDriver::set_weight(base::NodeId id, std::uint32_t weight) {
  auto done = say([&](Roster& roster) { return roster.set_weight(id, weight, self_); });
  if (done) {
    events_.info("told a weight weight=" + std::to_string(weight) + " " + name_of(id));
  }
  return done;
}

ClusterDriver::Told ClusterDriver::set_drained(base::NodeId id, bool drained) {
  auto done = say([&](Roster& roster) { return roster.set_drained(id, drained, self_); });
  if (done) {
    events_.info((drained ? "told to drain " : "told to undrain ") + name_of(id));
  }
  return done;
}

ClusterDriver::Share ClusterDriver::share_of(base::NodeId id) const {
  if (id != self_) {
    const auto heard = node_.heard(id);
    return {heard.duty == cluster::Duty::Witness ? 0 : heard.weight, heard.duty};
  }
  const auto& own = roster_.entry(self_);
  const bool drained = own.drained || handing_over_;
  return {own.weight.value_or(own_weight_),
          drained ? cluster::Duty::Drained : cluster::Duty::Serve};
}

void ClusterDriver::hand_over() {
  handing_over_ = true;
  node_.drain(true);
}

void ClusterDriver::take_roster(std::span<const std::byte> bytes) {
  const auto entries = parse_roster(bytes);
  if (!entries) {
    ++stats_.bad_message;
    return;
  }
  if (!roster_.merge(*entries)) return;
  // What is not durable here is so elsewhere: it was said to somebody who keeps it.
  if (!hooks_.keep_roster(roster_.entries())) {
    events_.error("what operators said of members is not stored");
  }
  apply_roster();
  tell_roster();
}

base::Duration ClusterDriver::settling_time() const {
  return config_.heartbeat_interval * kSettled;
}

// The core has taken the member out, or never had it.
bool ClusterDriver::is_gone(base::NodeId id) const {
  const auto found = members_.find(id);
  if (found != members_.end() && found->second.alive) return false;
  const auto& voters = node_.voters();
  const bool unheard = !node_.knows(id) && last_round_ - all_heard_at_ > settling_time();
  return voters.has_left(id) || (!voters.contains(id) && unheard);
}

void ClusterDriver::apply_roster() {
  std::vector<ClusterMember> others;
  for (const auto& member : roster_.members()) {
    if (member.id == self_) continue;
    const bool member_still = roster_.entry(member.id).membership == Membership::Member;
    if (!member_still && is_gone(member.id)) {
      members_.erase(member.id);
      continue;
    }
    begin_channel(member.id);
    others.push_back(member);
  }
  port_.set_members(others);
  const auto& own = roster_.entry(self_);
  const auto* self = roster_.find(self_);
  if (own.membership != Membership::Member) node_.leave();
  if (self == nullptr || self->witness) return;
  node_.set_weight(own.weight.value_or(own_weight_));
  node_.drain(own.drained || handing_over_);
}

void ClusterDriver::tell_roster() {
  if (roster_.entries().empty()) return;
  const auto bytes = write_roster(roster_.entries());
  for (auto& [id, member] : members_) {
    if (member.channel.ready()) send_sealed(id, member, bytes);
  }
}

void ClusterDriver::step_roster(base::TimePoint now) {
  if (now >= next_telling_) {
    next_telling_ = now + config_.heartbeat_interval * kTellEvery;
    tell_roster();
  }
  for (const auto& [id, entry] : roster_.entries()) {
    if (entry.membership == Membership::Member || id == self_) continue;
    if (is_gone(id)) {
      if (members_.contains(id)) apply_roster();
    } else if (entry.membership == Membership::Expelled && !node_.voters().has_left(id) &&
               now - all_heard_at_ > settling_time()) {
      node_.expel(id);
    }
  }
}

}  // namespace phalanx::control
