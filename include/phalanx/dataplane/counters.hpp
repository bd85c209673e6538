// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstdint>

#include "phalanx/base/counter.hpp"
#include "phalanx/base/ids.hpp"
#include "phalanx/dataplane/drop_reason.hpp"

namespace phalanx::dataplane {

using base::Counter;

inline constexpr std::size_t kMaxPorts = 16;

struct PortCounters {
  Counter rx_packets;
  Counter rx_bytes;  // frames without FCS
  Counter tx_packets;
  Counter tx_bytes;
};

// Counters of one worker. writer: that worker; readers: telemetry. The balance, once a worker is
// quiet:
//   rx + from_control + from_peer + fragments =
//       tx + to_control + to_peer + fragmented + sum(drops) + held + in_crypto + in_lanes
struct alignas(base::kCacheLine) WorkerCounters {
  std::array<PortCounters, kMaxPorts> ports;
  std::array<Counter, kNumDropReasons> drops;
  std::array<Counter, base::kNumBuckets> clear_bucket_packets;  // clear packets, by their flow
  // Inbound packets of SAs in packet mode that this worker decrypted as the owner of the bucket.
  std::array<Counter, base::kNumBuckets> striped_bucket_packets;
  Counter from_control;     // packets the control thread handed in
  Counter to_control;       // punted
  Counter from_peer;        // handed in by other workers
  Counter to_peer;          // handed to other workers
  Counter fragmented;       // IPv4 packets cut into pieces
  Counter fragments;        // the pieces
  Counter held;             // gauge: waiting for a lease
  Counter in_crypto;        // gauge: in a multi-buffer manager
  Counter in_lanes;         // gauge: given to workers in packet mode, this one included
  Counter hold_released;    // packets that waited and went on
  Counter coming_released;  // those that waited for their bucket
  Counter handed_on;        // packets of other nodes, sent on to them
  Counter notes_lost;       // packets of a leaving bucket that its next owner will not know of
  Counter lane_served;      // packets of other workers encrypted or decrypted
  Counter lane_late;        // packets that left after their turn, because their worker was stuck
  Counter moves;            // versions of the bucket table adopted
  Counter polls;            // iterations of the loop
  Counter emptied;          // those that left nothing in the receive queues
  Counter busy_polls;       // those that found packets
  Counter busy_cycles;      // TSC cycles in these
  Counter sleeps;
  Counter flow_misses;   // clear packets whose flow was not cached
  Counter captured;      // copies handed to the capture thread
  Counter capture_lost;  // copies that found no buffer or a full queue
};

}  // namespace phalanx::dataplane
