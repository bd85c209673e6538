// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dataplane/worker.hpp"

#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_pause.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <thread>

#include "phalanx/dpdk/eal.hpp"
#include "phalanx/net/hand_on_mac.hpp"

namespace phalanx::dataplane {
namespace {

std::vector<PacketLane*> lanes_of(const std::vector<PeerLink*>& links, PacketLane PeerLink::*lane) {
  std::vector<PacketLane*> lanes;
  lanes.reserve(links.size());
  for (auto* link : links) lanes.push_back(link == nullptr ? nullptr : &(link->*lane));
  return lanes;
}

}  // namespace

base::Result<RaiseRing, std::string> RaiseRing::create(const std::string& name, std::uint32_t sas) {
  RaiseRing raises;
  raises.ring_.reset(rte_ring_create(name.c_str(), std::bit_ceil(sas + 2), SOCKET_ID_ANY,
                                     RING_F_SP_ENQ | RING_F_SC_DEQ));
  if (!raises.ring_) return "no memory for the lease requests of a worker: " + dpdk::error_text();
  return raises;
}

base::Result<std::unique_ptr<Worker>, std::string> Worker::create(WorkerSetup setup) {
  auto engine = ipsec::EspEngine::create(ipsec::Isa::Best, setup.index);
  if (!engine) return std::string("no memory for the crypto engine of a worker");
  std::unique_ptr<Worker> worker(new Worker(std::move(setup)));
  worker->engine_ = std::move(*engine);
  return worker;
}

Worker::Worker(WorkerSetup setup)
    : setup_(std::move(setup)),
      tables_(*setup_.tables),
      flows_(setup_.limits.flow_cache_entries, setup_.flow_seed),
      foreign_(tables_.distribution.shared() ? 2 * setup_.limits.flow_cache_entries
                                             : ForeignFlows::kWays),
      held_(setup_.limits.hold_packets, setup_.limits.hold_packets_per_sa, tables_.sas->size()),
      coming_(setup_.limits.hold_packets),
      tx_(tables_.ports.size()),
      handover_(tables_.handover, setup_.index),
      order_in_(setup_.index, lanes_of(setup_.to_peers, &PeerLink::inbound)),
      order_out_(setup_.index, lanes_of(setup_.to_peers, &PeerLink::outbound)) {
  for (std::size_t i = 0; i < tables_.ports.size(); ++i) {
    const auto& port = tables_.ports[i];
    auto& view = port_views_[i];
    std::memcpy(&view.mac, port.mac.bytes.data(), port.mac.bytes.size());
    view.index = static_cast<std::uint8_t>(i);
    view.mtu = port.mtu;
    view.is_public = port.is_public();
    if (port.role == PortRole::Private) view.clear_side = PacketSide::Private;
    if (port.role == PortRole::Both) {
      view.clear_side = PacketSide::Both;
      view.tunnel_side = PacketSide::TunnelBoth;
    }
  }
  hands_on_ = tables_.distribution.hands_on();
  if (hands_on_) fill_hand_on();
  const auto clear_side =
      std::find_if(tables_.ports.begin(), tables_.ports.end(), [](const Port& port) {
        return port.role == PortRole::Private || port.role == PortRole::Both;
      });
  if (clear_side != tables_.ports.end()) {
    private_port_ = static_cast<std::uint8_t>(clear_side - tables_.ports.begin());
  }
}

Worker::~Worker() = default;

void Worker::fill_hand_on() {
  constexpr std::array<net::HandOnHop, 2> kHops = {net::HandOnHop::First, net::HandOnHop::Second};
  const auto word_of = [](const net::MacAddress& mac) {
    std::uint64_t word = 0;
    std::memcpy(&word, mac.bytes.data(), mac.bytes.size());
    return word;
  };
  constexpr base::NodeId kNobody(0);
  for (std::size_t i = 0; i < tables_.ports.size(); ++i) {
    const auto& port = tables_.ports[i];
    for (std::size_t hop = 0; hop < kHops.size(); ++hop) {
      hand_on_[i].ours[hop] =
          word_of(net::hand_on_mac(port.mac, tables_.distribution.self(), kHops[hop]));
      hand_on_[i].others[hop] = word_of(net::hand_on_mac(port.mac, kNobody, kHops[hop]));
    }
    if (!port.next_hops.empty()) {
      hand_on_[i].next_hop = word_of(net::next_hop_mac(port.mac, kNobody));
    }
  }
}

void Worker::run_lists() noexcept {
  // Clear packets first, so that what comes out of tunnels finds the lists empty and may become
  // clear packets itself.
  process_clear();
  process_esp_out();
  process_forward();
  if (esp_in_.count != 0) {
    process_esp_in();
    process_forward();
  }
  if (clear_.count != 0) {
    process_clear();
    process_esp_out();
    process_forward();
  }
}

unsigned Worker::poll() noexcept {
  capturing_ = setup_.capture->on();
  if (capturing_) [[unlikely]]
    capture_filter_ = setup_.capture->get();
  submitted_ = false;
  unsigned work = 0;
  if (!held_.empty()) [[unlikely]]
    retry_held();
  moving_ = !tables_.moves.idle();
  if (!coming_.empty()) [[unlikely]]
    release_coming();
  follow_moves();
  const bool alone = setup_.to_peers.size() == 1;
  if (!alone) work += poll_peers() + serve_lanes();
  work += collect_lanes();
  // A worker that is to get a bucket takes nothing of its own before that one's old owner is done.
  if (handover_.settled()) [[likely]] {
    work += poll_control();
    if (alone || may_receive()) work += poll_rx();
  }
  finish_iteration();
  counters_.polls.add(1);
  if (work != 0) counters_.busy_polls.add(1);
  count_busy_time(work != 0);
  return work;
}

// Reads the cycle counter when a run of busy polls ends, and now and then while it lasts: each
// reading waits for all instructions before it, 3 ns a packet if done after each burst.
void Worker::count_busy_time(bool busy) noexcept {
  constexpr unsigned kPollsBetweenReadings = 64;
  if (busy && ++busy_polls_ != kPollsBetweenReadings) [[likely]]
    return;
  const auto now = rte_rdtsc();
  if (busy_polls_ != 0) counters_.busy_cycles.add(now - last_tsc_);
  busy_polls_ = 0;
  last_tsc_ = now;
}

void Worker::finish_iteration() noexcept {
  // Nothing came that could fill the multi-buffer lanes: what waits in them must not wait longer.
  if (!submitted_ && engine_->pending() != 0) engine_->flush();
  collect_crypto();
  flush_tx();
  flush_drops();
  counters_.held.set(held_.size() + coming_.size());
  counters_.in_crypto.set(engine_->pending());
  counters_.in_lanes.set(order_in_.outstanding() + order_out_.outstanding());
  setup_.quiescence->report(setup_.index.value());
}

void Worker::idle(unsigned empty_polls) noexcept {
  const auto& sleep = setup_.idle_sleep;
  if (!sleep.enabled || empty_polls < sleep.after_empty_polls) {
    rte_pause();
    return;
  }
  counters_.sleeps.add(1);
  std::this_thread::sleep_for(std::chrono::microseconds(sleep.sleep_us));
  last_tsc_ = rte_rdtsc();  // asleep is not busy, whatever the next poll finds
}

void Worker::run(const std::atomic<bool>& stop) noexcept {
  setup_.quiescence->online(setup_.index.value());
  last_tsc_ = rte_rdtsc();
  unsigned empty_polls = 0;
  while (!stop.load(std::memory_order_relaxed)) {
    if (poll() != 0) {
      empty_polls = 0;
      continue;
    }
    ++empty_polls;
    idle(empty_polls);
  }
  drain();
  setup_.quiescence->offline(setup_.index.value());
}

unsigned Worker::drain() noexcept {
  unsigned total = 0;
  for (;;) {
    follow_moves();
    auto work = poll_peers() + serve_lanes() + collect_lanes();
    if (handover_.settled()) work += poll_control();
    engine_->flush();
    finish_iteration();
    total += work;
    if (work == 0) break;
  }
  while (!held_.empty()) {
    drop(static_cast<rte_mbuf*>(held_.pop().packet.cookie), DropReason::Stopping);
    ++total;
  }
  while (!coming_.empty()) {
    drop(coming_.pop().packet, DropReason::Stopping);
    ++total;
  }
  finish_iteration();
  return total;
}

}  // namespace phalanx::dataplane
