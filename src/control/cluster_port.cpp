// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/cluster_port.hpp"

#include <utility>
#include <vector>

namespace phalanx::control {
namespace {

constexpr net::MacAddress kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

// A MAC address as a path, never 0.
std::uint64_t path_of(const net::MacAddress& mac) noexcept {
  std::uint64_t path = 1;
  for (const auto byte : mac.bytes) path = path << 8 | byte;
  return path;
}
net::MacAddress mac_of(std::uint64_t path) noexcept {
  net::MacAddress mac;
  for (std::size_t i = mac.bytes.size(); i-- > 0; path >>= 8) {
    mac.bytes[i] = static_cast<std::uint8_t>(path);
  }
  return mac;
}

}  // namespace

ClusterPort::ClusterPort(const dataplane::ClusterLink& link, const ClusterConfig& config,
                         base::NodeId self)
    : link_(link),
      own_(config.find(self)->address),
      udp_port_(config.udp_port),
      frames_(link.device_port, link.pool),
      reader_(own_, config.udp_port) {}

void ClusterPort::set_members(std::span<const ClusterMember> others) {
  std::map<base::NodeId, Member> members;
  std::vector<net::IpAddress> addresses;
  for (const auto& member : others) {
    const auto known = members_.find(member.id);
    const bool stays = known != members_.end() && known->second.address == member.address;
    members[member.id] = {member.address, stays ? known->second.mac : kBroadcast};
    addresses.push_back(member.address);
  }
  members_ = std::move(members);
  reader_.set_members(std::move(addresses));
}

void ClusterPort::transmit(std::span<const std::byte> frame) {
  switch (frames_.send(frame)) {
    case dpdk::FramePort::Sent::NoBuffer: counters_.no_buffer.add(1); return;
    case dpdk::FramePort::Sent::QueueFull: counters_.queue_full.add(1); return;
    case dpdk::FramePort::Sent::Ok: break;
  }
  counters_.tx.add(1);
  counters_.tx_bytes.add(frame.size());
}

void ClusterPort::send(base::NodeId to, std::span<const std::byte> datagram) {
  const auto found = members_.find(to);
  if (found == members_.end()) return;
  const UdpPath path{link_.mac, found->second.mac, own_, found->second.address, udp_port_};
  write_udp_frames(path, datagram, link_.mtu, ++datagram_id_,
                   [this](std::span<const std::byte> frame) { transmit(frame); });
}

bool ClusterPort::receive(ReceivedDatagram& out, base::TimePoint now) {
  for (unsigned i = 0; i < kMostFrames; ++i) {
    const auto bytes = frames_.receive();
    if (!bytes) return false;
    counters_.rx.add(1);
    counters_.rx_bytes.add(bytes->size());
    auto frame = reader_.read(*bytes, now);
    switch (frame.kind) {
      case ClusterFrame::Kind::Foreign: counters_.foreign.add(1); break;
      case ClusterFrame::Kind::Incomplete: break;
      case ClusterFrame::Kind::ArpRequest: answer_arp(frame); break;
      case ClusterFrame::Kind::Datagram:
        out.bytes = std::move(frame.payload);
        out.path = path_of(frame.from_mac);
        return true;
    }
  }
  return false;
}

void ClusterPort::answer_arp(const ClusterFrame& request) {
  net::ArpMessage reply;
  reply.operation = net::ArpOperation::Reply;
  reply.sender_mac = link_.mac;
  reply.sender = own_;
  reply.target_mac = request.from_mac;
  reply.target = request.from;
  transmit(net::write_arp_frame(request.from_mac, reply));
  counters_.arp.add(1);
}

void ClusterPort::confirm(base::NodeId from, std::uint64_t path) {
  const auto found = members_.find(from);
  if (found != members_.end() && path != 0) found->second.mac = mac_of(path);
}

void ClusterPort::forget(base::NodeId member) {
  const auto found = members_.find(member);
  if (found != members_.end()) found->second.mac = kBroadcast;
}

}  // namespace phalanx::control
