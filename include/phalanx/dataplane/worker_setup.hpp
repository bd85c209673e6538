// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/base/result.hpp"
#include "phalanx/base/spsc_ring.hpp"
#include "phalanx/dataplane/capture_filter.hpp"
#include "phalanx/dataplane/config.hpp"
#include "phalanx/dataplane/node_moves.hpp"
#include "phalanx/dataplane/packet_lane.hpp"
#include "phalanx/dataplane/tables.hpp"
#include "phalanx/dpdk/quiescence.hpp"
#include "phalanx/dpdk/ring.hpp"

// What a worker is made of and from: its queues to devices, to other workers and to the control
// thread.
namespace phalanx::dataplane {

// A receive queue that a worker polls.
struct RxQueue {
  std::uint16_t device_port = 0;  // DPDK's number
  std::uint16_t queue = 0;
  std::uint8_t device = 0;  // position in Tables::devices
};

// How a worker sends by a device: a queue of its own, or by another worker that has one.
struct TxPath {
  bool own_queue = true;
  std::uint16_t device_port = 0;
  std::uint16_t queue = 0;
  std::uint8_t worker = 0;  // without an own queue
};

// Requests for a higher lease on their way to the control thread: direction and position of the SA
// in one pointer-sized word. One producer, one consumer; as many slots as there are SAs.
class RaiseRing {
 public:
  static base::Result<RaiseRing, std::string> create(const std::string& name, std::uint32_t sas);
  bool push(ipsec::Direction direction, std::uint32_t index) noexcept {
    const auto word = (std::uintptr_t{index} << 2) | static_cast<std::uintptr_t>(direction);
    return rte_ring_sp_enqueue(ring_.get(), reinterpret_cast<void*>(word)) == 0;
  }
  bool pop(ipsec::Direction& direction, std::uint32_t& index) noexcept {
    void* slot = nullptr;
    if (rte_ring_sc_dequeue(ring_.get(), &slot) != 0) return false;
    const auto word = reinterpret_cast<std::uintptr_t>(slot);
    direction = static_cast<ipsec::Direction>(word & 3);
    index = static_cast<std::uint32_t>(word >> 2);
    return true;
  }

 private:
  struct Free {
    void operator()(rte_ring* ring) const noexcept { rte_ring_free(ring); }
  };
  std::unique_ptr<rte_ring, Free> ring_;
};

// Packets from one worker to another, to be finished there.
using PeerRing = base::SpscRing<rte_mbuf*>;
inline constexpr std::uint32_t kPeerRingSlots = 2048;

// What a worker noted of buckets that leave, for the control thread.
using PassedRing = base::SpscRing<PassedNote>;
inline constexpr std::uint32_t kPassedRingSlots = 8192;

// All queues from one worker to another.
struct PeerLink {
  PeerRing packets{kPeerRingSlots};
  PacketLane inbound;   // packet mode: to be decrypted
  PacketLane outbound;  // packet mode: to be encrypted
};

// What one worker is given when it is made.
struct WorkerSetup {
  base::WorkerIndex index;
  Tables* tables = nullptr;
  dpdk::Quiescence* quiescence = nullptr;
  const base::Clock* clock = nullptr;
  const CaptureSwitch* capture = nullptr;
  rte_mempool* pool = nullptr;          // for fragments
  rte_mempool* capture_pool = nullptr;  // copies for the capture
  std::vector<RxQueue> rx_queues;
  std::vector<TxPath> tx_paths;  // by device
  dpdk::PacketRing* to_control = nullptr;
  dpdk::PacketRing* from_control = nullptr;
  dpdk::PacketRing* to_capture = nullptr;
  RaiseRing* raises = nullptr;
  PassedRing* passed = nullptr;     // nullptr: there are no other nodes
  std::vector<PeerLink*> to_peers;  // by worker; nullptr for itself
  std::vector<PeerLink*> from_peers;
  std::uint16_t encrypts = 0;  // workers that take packets to encrypt, a bit each
  Limits limits;
  base::Duration coming_hold{};  // as Config's
  IdleSleep idle_sleep;
  bool tell_discarded = false;  // as Config's
  std::uint64_t flow_seed = 0;
};

}  // namespace phalanx::dataplane
