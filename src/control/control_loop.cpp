// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/control_loop.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "phalanx/base/log.hpp"
#include "phalanx/control/capture_session.hpp"
#include "phalanx/net/hand_on_mac.hpp"

namespace phalanx::control {
namespace {

using namespace std::chrono_literals;

constexpr auto kLinkCheck = 1s;
constexpr unsigned kBurst = 32;

HostConfig host_config(const dataplane::Dataplane& dataplane) {
  HostConfig config;
  for (const auto& port : dataplane.tables().ports) {
    config.ports.push_back({port.name, port.mac, port.mtu, port.addresses, {}});
    for (const auto& hop : port.next_hops) {
      config.ports.back().extras.push_back({hop.address, net::next_hop_mac(port.mac, hop.node)});
    }
  }
  const auto& limits = dataplane.config().limits;
  config.neighbors = neighbor_limits(limits);
  config.icmp_errors_per_second = limits.icmp_errors_per_second;
  return config;
}

}  // namespace

ControlLoop::ControlLoop(dataplane::Dataplane& dataplane, SequenceLeases& leases,
                         const base::Clock& clock, std::uint64_t seed,
                         std::vector<std::string> sa_names)
    : dataplane_(dataplane),
      leases_(leases),
      clock_(clock),
      io_(dataplane),
      host_(std::make_unique<HostStack>(host_config(dataplane), io_, seed)),
      capture_(std::make_unique<CaptureSession>(dataplane, clock)),
      load_(std::make_unique<LoadWatch>(dataplane, std::move(sa_names), clock.now())),
      link_up_(dataplane.devices().size(), true),
      last_poll_(clock.now()) {
  auto& local = dataplane.tables().local;
  for (std::size_t i = 0; i < dataplane.tables().ports.size(); ++i) {
    local.add(host_->addresses().link_local(base::PortIndex(static_cast<std::uint8_t>(i))));
  }
}

ControlLoop::~ControlLoop() = default;

void ControlLoop::announce_links() {
  const auto now = clock_.now();
  for (std::size_t i = 0; i < dataplane_.tables().ports.size(); ++i) {
    // The cluster port is nobody's gateway, and its queues are not the workers'.
    if (dataplane_.tables().ports[i].role == dataplane::PortRole::Cluster) continue;
    host_->on_link_up(base::PortIndex(static_cast<std::uint8_t>(i)), now);
  }
}

unsigned ControlLoop::poll() {
  const auto now = clock_.now();
  longest_stall_ = std::max(longest_stall_, now - last_poll_);
  last_poll_ = now;
  unsigned work = take_punted(now);
  work += take_raises(now);
  work += take_calls();
  if (host_->next_deadline() <= now) host_->tick(now);
  leases_.step(now);
  if (const auto limits = leases_.published(); limits != seen_limits_) {
    seen_limits_ = limits;
    dataplane_.announce_leases();
  }
  if (next_link_check_ <= now) watch_links(now);
  load_->step(now);
  dataplane_.tables().adjacencies->reclaim();
  io_.counters().waiting.set(host_->neighbors().held());
  return work;
}

unsigned ControlLoop::take_punted(base::TimePoint now) {
  unsigned total = 0;
  std::array<rte_mbuf*, kBurst> packets;
  for (std::size_t worker = 0; worker < dataplane_.num_workers(); ++worker) {
    const auto count = dataplane_.pop_punted(worker, packets);
    for (unsigned i = 0; i < count; ++i) handle_punted(packets[i], now);
    total += count;
  }
  return total;
}

void ControlLoop::handle_punted(rte_mbuf* packet, base::TimePoint now) {
  io_.counters().punted.add(1);
  const auto meta = dataplane::meta_of(packet);
  PuntedPacket punted;
  punted.reason = meta.punt;
  punted.port = base::PortIndex(meta.port);
  punted.l3_offset = meta.l3_offset;
  punted.mtu = meta.mtu;
  if (meta.punt == dataplane::PuntReason::NeighborMiss) {
    punted.next_hop = meta.next_hop;
    punted.handle = packet;
    host_->on_punt(punted, now);
    return;
  }
  punted.frame = {rte_pktmbuf_mtod(packet, const std::byte*), packet->data_len};
  if (meta.punt == dataplane::PuntReason::Cluster) {
    if (cluster_frames_) cluster_frames_(punted.port, punted.frame);
    rte_pktmbuf_free(packet);
    return;
  }
  punted.arrival = meta.from_tunnel ? Arrival::Tunnel : Arrival::Clear;
  host_->on_punt(punted, now);
  rte_pktmbuf_free(packet);
}

unsigned ControlLoop::take_raises(base::TimePoint now) {
  unsigned total = 0;
  ipsec::Direction direction{};
  std::uint32_t index = 0;
  for (std::size_t worker = 0; worker < dataplane_.num_workers(); ++worker) {
    for (unsigned i = 0; i < 4 * kBurst && dataplane_.pop_raise(worker, direction, index); ++i) {
      leases_.on_raise_request(index, now);
      ++total;
    }
  }
  return total;
}

bool ControlLoop::call(const std::function<void()>& work) {
  Call request{&work};
  std::unique_lock lock(calls_mutex_);
  if (calls_ended_) return false;
  calls_.push_back(&request);
  calls_waiting_.store(true, std::memory_order_release);
  calls_done_.wait_for(lock, 1s, [&] { return request.done || calls_ended_; });
  std::erase(calls_, &request);
  return request.done;
}

void ControlLoop::end_calls() {
  const std::scoped_lock lock(calls_mutex_);
  calls_ended_ = true;
  calls_done_.notify_all();
}

unsigned ControlLoop::take_calls() {
  if (!calls_waiting_.load(std::memory_order_acquire)) return 0;
  const std::scoped_lock lock(calls_mutex_);
  calls_waiting_.store(false, std::memory_order_relaxed);
  const auto count = static_cast<unsigned>(calls_.size());
  for (auto* request : std::exchange(calls_, {})) {
    (*request->work)();
    request->done = true;
  }
  calls_done_.notify_all();
  return count;
}

void ControlLoop::watch_links(base::TimePoint now) {
  next_link_check_ = now + kLinkCheck;
  const auto devices = dataplane_.devices();
  const auto& ports = dataplane_.tables().ports;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    const bool up = devices[i].link_up();
    if (up == link_up_[i]) continue;
    link_up_[i] = up;
    for (std::size_t port = 0; port < ports.size(); ++port) {
      if (ports[port].device != i) continue;
      base::log_warn("control", std::string("the link is ") + (up ? "up again" : "down") +
                                    " port=" + ports[port].name);
      if (up && ports[port].role != dataplane::PortRole::Cluster)
        host_->on_link_up(base::PortIndex(static_cast<std::uint8_t>(port)), now);
    }
  }
}

void ControlLoop::shutdown() {
  // Freed, not answered: no worker would take the answers off its queue any more.
  std::array<rte_mbuf*, kBurst> packets;
  for (std::size_t worker = 0; worker < dataplane_.num_workers(); ++worker) {
    while (const auto count = dataplane_.pop_punted(worker, packets)) {
      rte_pktmbuf_free_bulk(packets.data(), count);
    }
  }
  host_->shutdown();
  capture_->stop();
}

}  // namespace phalanx::control
