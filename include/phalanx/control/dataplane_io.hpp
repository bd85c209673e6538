// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <memory>

#include "phalanx/control/slow_path_io.hpp"
#include "phalanx/dataplane/counters.hpp"
#include "phalanx/dataplane/dataplane.hpp"

namespace phalanx::control {

// What became of packets between the control thread and the workers. writer: control thread.
//   punted (= sum of the workers' to_control) = handled + waiting for neighbors
struct ControlCounters {
  dataplane::Counter punted;        // taken from the workers
  dataplane::Counter sent_frames;   // ARP, NDP
  dataplane::Counter routed;        // own packets given to the SPD and routing
  dataplane::Counter held_sent;     // waited for a neighbor and went on
  dataplane::Counter held_dropped;  // waited for a neighbor in vain
  dataplane::Counter no_buffer;     // own packets lost for want of a buffer
  dataplane::Counter queue_full;    // own or held packets lost because a worker is behind
  dataplane::Counter hosts_full;  // neighbors without a place in the workers' table: always punted
  dataplane::Counter waiting;     // gauge: packets that wait for a neighbor
};

// SlowPathIo over the queues and tables of the data path. Control thread only.
class DataplaneIo final : public SlowPathIo {
 public:
  explicit DataplaneIo(dataplane::Dataplane& dataplane) : dataplane_(dataplane) {}

  [[nodiscard]] bool transmit(base::PortIndex port,
                              std::span<const std::byte> frame) noexcept override;
  [[nodiscard]] bool inject_l3(base::PortIndex port, Arrival arrival,
                               std::span<const std::byte> packet) noexcept override;
  void send_held(void* handle, dataplane::AdjacencyIndex adjacency) noexcept override;
  void drop_held(void* handle, HeldDrop reason) noexcept override;
  [[nodiscard]] HeldView held_view(void* handle) const noexcept override;
  [[nodiscard]] bool publish_adjacency(dataplane::AdjacencyIndex index, base::PortIndex port,
                                       const net::IpAddress& address,
                                       const net::MacAddress& mac) noexcept override;
  void withdraw_adjacency(dataplane::AdjacencyIndex index) noexcept override;
  [[nodiscard]] bool take_used(dataplane::AdjacencyIndex index) noexcept override;

  [[nodiscard]] ControlCounters& counters() noexcept { return counters_; }
  [[nodiscard]] const ControlCounters& counters() const noexcept { return counters_; }

 private:
  rte_mbuf* copy_of(std::span<const std::byte> bytes) noexcept;
  bool give(rte_mbuf* packet) noexcept;
  [[nodiscard]] bool announces_from(const dataplane::Port& port,
                                    const net::MacAddress& source) const noexcept;

  dataplane::Dataplane& dataplane_;
  ControlCounters counters_;
};

}  // namespace phalanx::control
