// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/cluster_paths.hpp"

#include <algorithm>

#include "phalanx/base/byte_reader.hpp"
#include "phalanx/base/byte_writer.hpp"
#include "phalanx/base/bytes.hpp"
#include "phalanx/dataplane/punt.hpp"
#include "phalanx/net/ethernet.hpp"

namespace phalanx::control {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kDeaf = 1;  // flag
constexpr net::MacAddress kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
// In heartbeats: how long a path counts after something came by it; how long one that is heard
// nowhere is sent everything; how often it is tried after that.
constexpr int kFresh = 3;
constexpr int kEager = 10;
constexpr int kTryEvery = 10;

}  // namespace

std::vector<std::byte> write_data_frame(const net::MacAddress& to_mac,
                                        const net::MacAddress& own_mac, base::NodeId to,
                                        const DataFrame& frame, std::span<const std::byte> body) {
  const auto length = frame.payload.size() + body.size();
  std::vector<std::byte> bytes(sizeof(net::EthernetHeader) + kDataFrameHeader + length);
  base::ByteWriter out(bytes);
  out.bytes(std::as_bytes(std::span(to_mac.bytes)));
  out.bytes(std::as_bytes(std::span(own_mac.bytes)));
  out.u16(dataplane::kEtherTypeCluster);
  out.u8(kVersion);
  out.u8(frame.deaf ? kDeaf : 0);
  out.u8(frame.from.value());
  out.u8(to.value());
  out.u16(static_cast<std::uint16_t>(length));
  out.u16(0);  // reserved
  out.bytes(frame.payload);
  out.bytes(body);
  return bytes;
}

std::optional<DataFrame> parse_data_frame(std::span<const std::byte> frame, base::NodeId self) {
  const auto* ethernet = base::view_as<net::EthernetHeader>(frame);
  if (ethernet == nullptr || ethernet->source.is_multicast()) return std::nullopt;
  auto type = ethernet->ether_type.host();
  auto body = frame.subspan(sizeof(net::EthernetHeader));
  if (type == net::kEtherTypeVlan) {
    const auto* tag = base::view_as<net::VlanTag>(body);
    if (tag == nullptr) return std::nullopt;
    type = tag->ether_type.host();
    body = body.subspan(sizeof(net::VlanTag));
  }
  if (type != dataplane::kEtherTypeCluster) return std::nullopt;
  base::ByteReader in(body);
  const auto version = in.u8();
  const auto flags = in.u8();
  DataFrame out;
  out.from = base::NodeId(in.u8());
  const base::NodeId to(in.u8());
  const auto length = in.u16();
  in.u16();
  // Short frames are padded.
  out.payload = in.bytes(length);
  if (!in.ok() || version != kVersion || to != self || out.from == self) return std::nullopt;
  out.deaf = (flags & kDeaf) != 0;
  out.mac = ethernet->source;
  return out;
}

void ClusterPaths::set_members(std::span<const Peer> members) {
  std::map<base::NodeId, Member> next;
  for (const auto& peer : members) {
    const auto known = members_.find(peer.id);
    auto& member = next[peer.id];
    if (known != members_.end()) {
      member = std::move(known->second);
    } else {
      member.paths.assign(paths_, {kBroadcast, {}});
    }
    member.has_data_ports = peer.has_data_ports;
  }
  members_ = std::move(next);
}

void ClusterPaths::heard(base::NodeId from, std::size_t path, const net::MacAddress& mac, bool deaf,
                         base::TimePoint now) {
  const auto found = members_.find(from);
  if (found == members_.end() || path >= paths_) return;
  found->second.paths[path] = {mac, now};
  if (deaf) found->second.told_deaf = now;
}

void ClusterPaths::forget(base::NodeId member) {
  const auto found = members_.find(member);
  if (found == members_.end()) return;
  for (auto& path : found->second.paths) path.mac = kBroadcast;
}

bool ClusterPaths::has_data_ports(base::NodeId member) const {
  const auto found = members_.find(member);
  return found != members_.end() && found->second.has_data_ports;
}

bool ClusterPaths::is_fresh(const Path& path, base::TimePoint now) const {
  return path.heard != base::TimePoint{} && now - path.heard <= heartbeat_ * kFresh;
}

bool ClusterPaths::is_deaf_to(base::NodeId member, base::TimePoint now) const {
  const auto found = members_.find(member);
  if (found == members_.end()) return false;
  return now - found->second.paths[kCluster].heard > deaf_after();
}

bool ClusterPaths::needs_data(const Member& member, base::TimePoint now) const {
  if (!member.has_data_ports) return false;
  const bool told =
      member.told_deaf != base::TimePoint{} && now - member.told_deaf <= heartbeat_ * kFresh;
  return told || now - member.paths[kCluster].heard > deaf_after();
}

std::vector<ClusterPaths::Way> ClusterPaths::ways(base::NodeId to, base::TimePoint now) {
  const auto found = members_.find(to);
  if (found == members_.end()) return {};
  auto& member = found->second;
  std::vector<Way> ways = {{kCluster, member.paths[kCluster].mac}};
  if (!needs_data(member, now)) return ways;
  for (std::size_t path = 1; path < paths_; ++path) {
    if (!is_fresh(member.paths[path], now)) continue;
    ways.push_back({path, member.paths[path].mac});
    return ways;
  }
  const auto last =
      std::max_element(member.paths.begin(), member.paths.end(), [](const Path& a, const Path& b) {
        return a.heard < b.heard;
      })->heard;
  if (now - last > heartbeat_ * kEager) {
    if (now < member.next_try) return ways;
    member.next_try = now + heartbeat_ * kTryEvery;
  }
  for (std::size_t path = 1; path < paths_; ++path) ways.push_back({path, member.paths[path].mac});
  return ways;
}

std::optional<std::size_t> ClusterPaths::heard_by(base::NodeId member, base::TimePoint now) const {
  const auto found = members_.find(member);
  if (found == members_.end()) return std::nullopt;
  for (std::size_t path = 0; path < paths_; ++path) {
    if (is_fresh(found->second.paths[path], now)) return path;
  }
  return std::nullopt;
}

bool ClusterPaths::take_change(base::TimePoint now) {
  bool changed = false;
  for (auto& [id, member] : members_) {
    const bool by_data = needs_data(member, now);
    changed = changed || (by_data && !member.by_data);
    member.by_data = by_data;
  }
  return changed;
}

}  // namespace phalanx::control
