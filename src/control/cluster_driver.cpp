// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/cluster_driver.hpp"

#include <algorithm>
#include <string_view>
#include <utility>
#include <variant>

#include "phalanx/cluster/message_codec.hpp"

namespace phalanx::control {
namespace {

// A tenth of a heartbeat, as the core asks for with the usual 10 ms.
constexpr std::int64_t kTicksPerHeartbeat = 10;
// Datagrams in one round: enough for a quick link, few enough for everything else on the thread.
constexpr unsigned kMostDatagrams = 128;
// Type of a secure channel's datagram and its sender (docs/cluster-protocol.md).
constexpr std::size_t kTypeAt = 1;
constexpr std::size_t kSenderAt = 2;
constexpr std::size_t kPrefixBytes = 4;
constexpr std::byte kInit{1};

// Nodes with different birth keys would disagree about every bucket, so they must not even talk:
// the key is part of what authenticates them.
base::Secret channel_secret(const ClusterConfig& config, cluster::ChannelCrypto& crypto) {
  constexpr std::string_view kLabel = "phalanx cluster channel v1";
  std::vector<std::byte> text;
  const auto label = std::as_bytes(std::span(kLabel));
  text.insert(text.end(), label.begin(), label.end());
  text.insert(text.end(), config.birth_key.begin(), config.birth_key.end());
  cluster::Key32 key{};
  crypto.mac(config.secret.bytes(), text, key);
  base::Secret secret(key);
  base::wipe(key.data(), key.size());
  base::wipe(text.data(), text.size());
  return secret;
}

std::string milliseconds(base::Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

}  // namespace

ClusterDriver::ClusterDriver(const ClusterConfig& config, const cluster::Config& core,
                             const cluster::DiskState& disk,
                             std::span<const cluster::DiskLease> leases,
                             const RosterEntries& roster, DatagramPort& port,
                             cluster::ChannelCrypto& crypto, Hooks hooks, base::TimePoint now)
    : config_(config),
      own_weight_(core.weight),
      self_(core.id),
      port_(port),
      crypto_(crypto),
      hooks_(std::move(hooks)),
      node_(core, disk, leases),
      roster_(config.members, roster),
      all_heard_at_(now),
      last_round_(now),
      next_tick_(now) {
  apply_roster();
}

void ClusterDriver::begin_channel(base::NodeId id) {
  members_.try_emplace(id, cluster::ChannelConfig{self_, id, channel_secret(config_, crypto_)},
                       crypto_);
}

std::string ClusterDriver::name_of(base::NodeId id) const {
  const auto* member = roster_.find(id);
  return "node=" + std::to_string(id.value()) +
         (member == nullptr ? std::string() : " name=" + member->name);
}

cluster::Key32 ClusterDriver::fresh_key() {
  cluster::Key32 key{};
  hooks_.random(key);
  return key;
}

unsigned ClusterDriver::poll(base::TimePoint now) {
  if (stats_.failed) return 0;
  watch_loop(now);
  take_stored(now);
  if (stats_.failed) return 0;
  unsigned found = 0;
  ReceivedDatagram datagram;
  while (found < kMostDatagrams && port_.receive(datagram, now)) {
    ++found;
    take(datagram, now);
    execute(now);
  }
  if (now >= next_tick_) {
    next_tick_ = now + config_.heartbeat_interval / kTicksPerHeartbeat;
    initiate(now);
    watch_members(now);
    step_roster(now);
    if (port_.take_change(now)) node_.speak();
    node_.tick(now, outputs_);
    execute(now);
  }
  flush(now);
  return found;
}

void ClusterDriver::flush(base::TimePoint now) {
  if (stats_.failed) return;
  if (std::exchange(dirty_, false)) node_.flush(now, outputs_);
  execute(now);
}

void ClusterDriver::watch_loop(base::TimePoint now) {
  const auto pause = now - std::exchange(last_round_, now);
  stats_.latest = std::max(stats_.latest, pause);
  if (pause <= config_.heartbeat_interval) return;
  ++stats_.late_rounds;
  late_until_ = now + suspect_after();
}

cluster::Node::Status ClusterDriver::command(const Command& run) {
  dirty_ = true;
  return run(node_, last_round_, outputs_);
}

void ClusterDriver::take(const ReceivedDatagram& datagram, base::TimePoint now) {
  if (datagram.bytes.size() < kPrefixBytes) {
    ++stats_.malformed;
    return;
  }
  const base::NodeId from(std::to_integer<std::uint8_t>(datagram.bytes[kSenderAt]));
  const auto found = members_.find(from);
  if (found == members_.end()) {
    ++stats_.stranger;
    return;
  }
  auto& member = found->second;
  if (datagram.bytes[kTypeAt] == kInit && !member.handshakes.take(now)) {
    ++stats_.handshakes_refused;
    return;
  }
  auto received = member.channel.receive(datagram.bytes, fresh_key());
  if (!received) return refuse(received.error(), datagram.spare);
  if (!received->reply.empty()) port_.send(from, received->reply);
  if (received->message.empty()) {
    ++member.counters.handshakes;
    // The new session gets as long to show itself as a silent member had.
    member.next_init = now + suspect_after();
    port_.confirm(from, datagram.path);
    // The responder uses a session that it has seen used, and the core may have nothing to say yet.
    if (received->reply.empty()) send_sealed(from, member, write_roster(roster_.entries()));
    return;
  }
  port_.confirm(from, datagram.path);
  ++member.counters.received;
  member.counters.received_bytes += datagram.bytes.size();
  member.heard = now;
  if (received->message.front() == kRosterMark) return take_roster(received->message);
  const auto message = cluster::parse_message(received->message);
  // A member speaks for itself only.
  if (!message || message->header.sender.node != from) {
    ++stats_.bad_message;
    return;
  }
  if (hooks_.before_receive) hooks_.before_receive(*message);
  node_.receive(*message, now, outputs_);
}

void ClusterDriver::refuse(cluster::ChannelError error, bool spare) {
  switch (error) {
    case cluster::ChannelError::Malformed: ++stats_.malformed; return;
    case cluster::ChannelError::NotForUs: ++stats_.stranger; return;
    case cluster::ChannelError::NoSession: ++stats_.no_session; return;
    case cluster::ChannelError::Forged: ++stats_.forged; return;
    case cluster::ChannelError::Replayed: ++(spare ? stats_.copies : stats_.replayed); return;
    case cluster::ChannelError::UsedUp: return;
  }
}

// The lower id begins a session, and begins another one when the member is silent: it may have been
// started again and know nothing of the old one.
void ClusterDriver::initiate(base::TimePoint now) {
  for (auto& [id, member] : members_) {
    if (id < self_ || now < member.next_init) continue;
    if (member.channel.ready() && now - member.heard <= suspect_after()) continue;
    member.next_init = now + config_.heartbeat_interval;
    port_.send(id, member.channel.initiate(fresh_key()));
  }
}

void ClusterDriver::watch_members(base::TimePoint now) {
  for (auto& [id, member] : members_) {
    const bool alive = member.heard != base::TimePoint{} && now - member.heard <= suspect_after();
    if (alive && member.alive) watch_way(id, member, now);
    if (alive == member.alive) continue;
    if (!alive && now < late_until_) continue;  // we were away ourselves
    member.alive = alive;
    if (alive) {
      all_heard_at_ = now;
      send_sealed(id, member, write_roster(roster_.entries()));
      events_.info("member is heard " + name_of(id));
    } else {
      port_.forget(id);
      events_.warn("member is lost: " + std::to_string(kSuspectHeartbeats) +
                   " heartbeats missed on " + port_.ways_to(id) + " " + name_of(id) +
                   " silent_ms=" + milliseconds(now - member.heard));
    }
  }
}

void ClusterDriver::watch_way(base::NodeId id, Member& member, base::TimePoint now) {
  auto way = port_.way_of(id, now);
  // Between two words: what it was heard by counts.
  if (way == member.way || way == DatagramPort::kNoWay) return;
  member.way = std::move(way);
  if (member.way == DatagramPort::kUsualWay) {
    events_.info("member is heard on cluster again " + name_of(id));
  } else {
    events_.warn("member is not heard on cluster any more, but on " + member.way + " " +
                 name_of(id));
  }
}

// In their order. What events make the gateway do is appended, and carried out behind the rest.
void ClusterDriver::execute(base::TimePoint now) {
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const auto output = std::move(outputs_[i]);
    if (const auto* message = std::get_if<cluster::Send>(&output)) {
      send(*message);
    } else if (const auto* event = std::get_if<cluster::Event>(&output)) {
      hooks_.event(*event, now);
    } else if (const auto* leases = std::get_if<cluster::StoreLeases>(&output)) {
      if (!store(*leases)) break;
    } else if (!persist(std::get<cluster::Persist>(output))) {
      break;
    }
  }
  outputs_.clear();
}

void ClusterDriver::send(const cluster::Send& output) {
  const auto found = members_.find(output.to);
  if (found == members_.end()) return;
  auto& member = found->second;
  const auto bytes = cluster::write_message(output.message);
  if (!bytes) {
    ++member.counters.not_sent;
    return;
  }
  send_sealed(output.to, member, *bytes);
}

void ClusterDriver::send_sealed(base::NodeId to, Member& member,
                                std::span<const std::byte> message) {
  const auto sealed = member.channel.seal(message);
  if (!sealed) {
    ++member.counters.not_sent;
    return;
  }
  ++member.counters.sent;
  member.counters.sent_bytes += sealed->size();
  port_.send(to, *sealed);
}

// What comes behind must not be carried out when this cannot be made durable: the node is mute from
// then on, and the others take over.
bool ClusterDriver::persist(const cluster::Persist& output) {
  if (!hooks_.persist(output.state)) {
    fail("the state cannot be stored");
    return false;
  }
  ++stats_.persisted;
  return true;
}

bool ClusterDriver::store(const cluster::StoreLeases& output) {
  if (hooks_.store(output)) return true;
  fail("leases cannot be stored");
  return false;
}

void ClusterDriver::take_stored(base::TimePoint now) {
  stored_.clear();
  if (!hooks_.take_stored(stored_)) fail("leases cannot be stored");
  for (const auto id : stored_) {
    if (stats_.failed) return;
    ++stats_.lease_writes;
    node_.stored(id, now, outputs_);
    execute(now);
  }
}

void ClusterDriver::fail(const char* why) {
  stats_.failed = true;
  events_.error(std::string(why) + ": this node leaves the cluster now");
}

std::vector<MemberStatus> ClusterDriver::members(base::TimePoint now) const {
  std::vector<MemberStatus> out;
  for (const auto& [id, member] : members_) {
    MemberStatus status;
    status.id = id;
    status.counters = member.counters;
    status.session = member.channel.ready();
    status.alive = member.alive;
    status.way = port_.way_of(id, now);
    status.silence = member.heard == base::TimePoint{} ? base::Duration::max() : now - member.heard;
    out.push_back(status);
  }
  return out;
}

}  // namespace phalanx::control
