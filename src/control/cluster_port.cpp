// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/cluster_port.hpp"

#include <cstring>
#include <utility>

namespace phalanx::control {
namespace {

// Of what is sent by data ports, so that it keeps its order.
constexpr std::size_t kOutputWorker = 0;

// A path as a number for confirm(), never 0:
//   bit 63 | told deaf, bit 62 | path, bits 48 to 55 | MAC address
constexpr std::uint64_t kIsPath = std::uint64_t{1} << 63;
constexpr std::uint64_t kToldDeaf = std::uint64_t{1} << 62;
constexpr unsigned kPathShift = 48;

std::uint64_t path_of(std::size_t path, const net::MacAddress& mac, bool deaf) noexcept {
  std::uint64_t bytes = 0;
  for (const auto byte : mac.bytes) bytes = bytes << 8 | byte;
  return kIsPath | (deaf ? kToldDeaf : 0) | std::uint64_t{path} << kPathShift | bytes;
}
net::MacAddress mac_of(std::uint64_t path) noexcept {
  net::MacAddress mac;
  for (std::size_t i = mac.bytes.size(); i-- > 0; path >>= 8) {
    mac.bytes[i] = static_cast<std::uint8_t>(path);
  }
  return mac;
}

}  // namespace

ClusterPort::ClusterPort(dataplane::Dataplane& dataplane, const ClusterConfig& config,
                         base::NodeId self)
    : dataplane_(dataplane),
      link_(*dataplane.cluster_link()),
      self_(self),
      own_(config.find(self)->address),
      udp_port_(config.udp_port),
      frames_(link_.device_port, link_.pool),
      reader_(own_, config.udp_port),
      paths_(config.heartbeat_interval, dataplane.tables().ports.size() - 1) {
  const auto& ports = dataplane.tables().ports;
  for (const auto role :
       {dataplane::PortRole::Private, dataplane::PortRole::Both, dataplane::PortRole::Public}) {
    for (std::size_t i = 0; i < ports.size(); ++i) {
      if (ports[i].role != role) continue;
      data_ports_.push_back({base::PortIndex(static_cast<std::uint8_t>(i)), ports[i].name,
                             ports[i].source_mac, ports[i].mtu});
    }
  }
}

void ClusterPort::set_members(std::span<const ClusterMember> others) {
  members_.clear();
  std::vector<net::IpAddress> addresses;
  std::vector<ClusterPaths::Peer> peers;
  for (const auto& member : others) {
    members_[member.id] = member.address;
    addresses.push_back(member.address);
    peers.push_back({member.id, !member.witness});
  }
  reader_.set_members(std::move(addresses));
  paths_.set_members(peers);
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
  ++datagram_id_;
  for (const auto& way : paths_.ways(to, now_)) {
    if (way.path != ClusterPaths::kCluster) {
      send_by_data(to, way, datagram);
      continue;
    }
    const UdpPath path{link_.mac, way.mac, own_, found->second, udp_port_};
    write_udp_frames(path, datagram, link_.mtu, datagram_id_,
                     [this](std::span<const std::byte> frame) { transmit(frame); });
  }
}

void ClusterPort::send_by_data(base::NodeId to, const ClusterPaths::Way& way,
                               std::span<const std::byte> datagram) {
  const auto& port = data_ports_[way.path - 1];
  DataFrame frame;
  frame.from = self_;
  frame.deaf = paths_.is_deaf_to(to, now_);
  split_datagram(datagram, port.mtu - kDataFrameHeader, datagram_id_,
                 [&](std::span<const std::byte> head, std::span<const std::byte> body) {
                   frame.payload = head;
                   transmit_by_data(port.port,
                                    write_data_frame(way.mac, port.mac, to, frame, body));
                 });
}

// From the node's own address, which DataplaneIo::transmit() would not always leave.
void ClusterPort::transmit_by_data(base::PortIndex port, std::span<const std::byte> frame) {
  auto* packet = rte_pktmbuf_alloc(dataplane_.pool().get());
  if (packet == nullptr || frame.size() > rte_pktmbuf_tailroom(packet)) {
    rte_pktmbuf_free(packet);
    counters_.no_buffer.add(1);
    return;
  }
  std::memcpy(rte_pktmbuf_mtod(packet, void*), frame.data(), frame.size());
  packet->data_len = static_cast<std::uint16_t>(frame.size());
  packet->pkt_len = packet->data_len;
  auto& meta = dataplane::meta_of(packet);
  meta = dataplane::PacketMeta{};
  meta.task = dataplane::PacketTask::Transmit;
  meta.port = port.value();
  if (dataplane_.push_to_worker(kOutputWorker, packet)) {
    counters_.data_tx.add(1);
    return;
  }
  rte_pktmbuf_free(packet);
  counters_.queue_full.add(1);
}

void ClusterPort::take_frame(base::PortIndex port, std::span<const std::byte> frame) {
  counters_.data_rx.add(1);
  if (waiting_.size() == kMostWaiting) {
    counters_.data_overflow.add(1);
    return;
  }
  for (std::size_t i = 0; i < data_ports_.size(); ++i) {
    if (data_ports_[i].port == port) waiting_.push_back({i + 1, {frame.begin(), frame.end()}});
  }
}

bool ClusterPort::receive(ReceivedDatagram& out, base::TimePoint now) {
  now_ = now;
  for (unsigned i = 0; i < kMostFrames; ++i) {
    const auto bytes = frames_.receive();
    if (!bytes) return receive_by_data(out, now);
    counters_.rx.add(1);
    counters_.rx_bytes.add(bytes->size());
    auto frame = reader_.read(*bytes, now);
    switch (frame.kind) {
      case ClusterFrame::Kind::Foreign: counters_.foreign.add(1); break;
      case ClusterFrame::Kind::Incomplete: break;
      case ClusterFrame::Kind::ArpRequest: answer_arp(frame); break;
      case ClusterFrame::Kind::Datagram:
        out.bytes = std::move(frame.payload);
        out.path = path_of(ClusterPaths::kCluster, frame.from_mac, false);
        out.spare = false;
        return true;
    }
  }
  return false;
}

bool ClusterPort::receive_by_data(ReceivedDatagram& out, base::TimePoint now) {
  while (!waiting_.empty()) {
    const auto waiting = std::move(waiting_.front());
    waiting_.pop_front();
    const auto frame = parse_data_frame(waiting.frame, self_);
    const auto member = frame ? members_.find(frame->from) : members_.end();
    if (member == members_.end()) {
      counters_.data_foreign.add(1);
      continue;
    }
    auto datagram = data_pieces_.collect(member->second, frame->payload, now);
    if (!datagram) continue;
    out.bytes = *std::move(datagram);
    out.path = path_of(waiting.path, frame->mac, frame->deaf);
    out.spare = true;
    return true;
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
  if ((path & kIsPath) == 0) return;
  const auto index = static_cast<std::size_t>(path >> kPathShift & 0xff);
  paths_.heard(from, index, mac_of(path), (path & kToldDeaf) != 0, now_);
}

void ClusterPort::forget(base::NodeId member) {
  paths_.forget(member);
}

std::string ClusterPort::way_of(base::NodeId member, base::TimePoint now) const {
  const auto path = paths_.heard_by(member, now);
  if (!path) return kNoWay;
  return *path == ClusterPaths::kCluster ? kUsualWay : data_ports_[*path - 1].name;
}

std::string ClusterPort::ways_to(base::NodeId member) const {
  std::string ways = kUsualWay;
  if (!paths_.has_data_ports(member)) return ways;
  for (const auto& port : data_ports_) ways += ", " + port.name;
  return ways;
}

}  // namespace phalanx::control
