// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/socket_port.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

namespace phalanx::control {
namespace {

// DSCP CS6, network control (RFC 4594 3.2): heartbeats before everything else.
constexpr int kNetworkControl = 48 << 2;
// Both directions: what a state change of a large cluster may bring at once.
constexpr int kSocketBytes = 1 << 20;

sockaddr_in to_sockaddr(const net::IpAddress& address, std::uint16_t port) noexcept {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  out.sin_addr.s_addr = htonl(address.v4_host_order());
  return out;
}

std::string failure(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

}  // namespace

base::Result<std::unique_ptr<SocketPort>, std::string> SocketPort::open(const ClusterConfig& config,
                                                                        base::NodeId self) {
  FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.ok()) return failure("no socket for the cluster");
  // Wishes, no more: without them the cluster works, on a worse footing.
  for (const int buffer : {SO_RCVBUF, SO_SNDBUF}) {
    static_cast<void>(
        ::setsockopt(socket.get(), SOL_SOCKET, buffer, &kSocketBytes, sizeof(kSocketBytes)));
  }
  static_cast<void>(
      ::setsockopt(socket.get(), IPPROTO_IP, IP_TOS, &kNetworkControl, sizeof(kNetworkControl)));
  const auto& address = config.find(self)->address;
  const auto own = to_sockaddr(address, config.udp_port);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&own), sizeof(own)) != 0) {
    return failure("address " + net::to_string(address) + ", UDP port " +
                   std::to_string(config.udp_port) + " cannot be used");
  }
  return std::unique_ptr<SocketPort>(new SocketPort(config, std::move(socket)));
}

SocketPort::SocketPort(const ClusterConfig& config, FileDescriptor socket)
    : socket_(std::move(socket)), udp_port_(config.udp_port) {}

void SocketPort::set_members(std::span<const ClusterMember> others) {
  members_.clear();
  for (const auto& member : others) members_[member.id] = member.address;
}

bool SocketPort::is_member(const net::IpAddress& address) const noexcept {
  return std::any_of(members_.begin(), members_.end(),
                     [&](const auto& member) { return member.second == address; });
}

void SocketPort::send(base::NodeId to, std::span<const std::byte> datagram) {
  const auto found = members_.find(to);
  if (found == members_.end()) return;
  auto peer = to_sockaddr(found->second, udp_port_);
  split_datagram(datagram, kRoom, ++datagram_id_,
                 [&](std::span<const std::byte> head, std::span<const std::byte> body) {
                   // sendmsg() only reads what it is given.
                   std::array<iovec, 2> parts = {{
                       {const_cast<std::byte*>(head.data()), head.size()},
                       {const_cast<std::byte*>(body.data()), body.size()},
                   }};
                   msghdr message{};
                   message.msg_name = &peer;
                   message.msg_namelen = sizeof(peer);
                   message.msg_iov = parts.data();
                   message.msg_iovlen = parts.size();
                   const auto sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
                   ++(sent >= 0 ? counters_.tx : counters_.not_sent);
                 });
}

bool SocketPort::receive(ReceivedDatagram& out, base::TimePoint now) {
  for (unsigned i = 0; i < kMostPayloads; ++i) {
    sockaddr_in from{};
    socklen_t from_size = sizeof(from);
    const auto size = ::recvfrom(socket_.get(), buffer_.data(), buffer_.size(), 0,
                                 reinterpret_cast<sockaddr*>(&from), &from_size);
    if (size < 0) {
      // What an ICMP error says of an earlier datagram: the member is not there (yet).
      if (errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == EINTR) continue;
      return false;
    }
    const auto address = net::IpAddress::v4(ntohl(from.sin_addr.s_addr));
    if (!is_member(address)) {
      ++counters_.foreign;
      continue;
    }
    ++counters_.rx;
    const auto payload = std::span(buffer_).first(static_cast<std::size_t>(size));
    if (auto datagram = pieces_.collect(address, payload, now)) {
      out.bytes = *std::move(datagram);
      out.path = 0;
      return true;
    }
  }
  return false;
}

void SocketPort::wait(base::Duration most) const {
  pollfd readable{socket_.get(), POLLIN, 0};
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(most);
  const timespec timeout{seconds.count(), (most - seconds).count()};
  static_cast<void>(::ppoll(&readable, 1, &timeout, nullptr));
}

}  // namespace phalanx::control
