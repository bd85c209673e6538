// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "phalanx/base/ids.hpp"
#include "phalanx/dataplane/packet_lane.hpp"
#include "phalanx/ipsec/esp_packet.hpp"

namespace phalanx::dataplane {

// Restores the order of what one worker has given out in one direction: remembers in runs who has
// which packets, and hands them back in that order. Keeps what only the dispatcher needs of each
// packet, so that it does not travel. Bounded in packets (a lane holds so many, and kMaxOutstanding
// in all) and in time (the caller skips a run that blocks for too long; its packets are then
// delivered when they come). Used by the dispatcher only.
class EgressOrder {
 public:
  static constexpr std::uint32_t kMaxOutstanding = 2048;

  // lanes: by worker; nullptr for the dispatcher itself.
  EgressOrder(base::WorkerIndex self, std::vector<PacketLane*> lanes);

  // How many more packets a worker may be given.
  [[nodiscard]] std::uint32_t room(std::uint8_t worker) const noexcept;
  // Packets given to a worker, the dispatcher itself included, and not taken back.
  [[nodiscard]] std::uint32_t outstanding(std::uint8_t worker) const noexcept {
    return given_[worker];
  }
  [[nodiscard]] std::uint32_t outstanding() const noexcept { return outstanding_; }

  // The next `count` packets of the order are this worker's. Not more than it has room for.
  void give(std::uint8_t worker, std::uint32_t count) noexcept;
  // After give(): sends packets to another worker. flags: see LanePacket, by packet.
  template <typename Flags>
  void send(std::uint8_t worker, std::span<const ipsec::EspPacket> packets,
            const Flags& flags) noexcept {
    auto& queue = queues_[worker];
    // The lane has as many slots as room() allows packets.
    lanes_[worker]->work.push_each(
        static_cast<std::uint32_t>(packets.size()), [&](std::uint32_t i, LanePacket& slot) {
          const auto& packet = packets[i];
          queue.packets[queue.end++ & (queue.packets.size() - 1)] = packet;
          slot.data = packet.data;
          slot.in_sa = packet.in_sa;
          slot.sequence = packet.sequence;
          slot.length = static_cast<std::uint16_t>(packet.length);
          slot.headroom = packet.headroom;
          slot.tailroom = packet.tailroom;
          slot.traffic_class = packet.traffic_class;
          slot.flags = flags(packet);
        });
  }
  // After give(): the dispatcher's own packets, finished.
  // ports: of each, see LaneResult.
  void finish_own(std::span<const ipsec::EspPacket> packets, const std::uint8_t* ports) noexcept;
  // After give(): true when nothing but these `count` packets of the dispatcher itself is out; they
  // are then forgotten and may go at once.
  [[nodiscard]] bool alone(std::uint32_t count) noexcept;

  // The next packets whose turn it is; and those that came back after their turn.
  // At most `most`, a burst; how many.
  std::uint32_t take(LaneBurst& out, std::uint32_t most = LaneBurst::kPackets) noexcept;
  // Gives up waiting for the run whose turn it is; how many packets are out of order now.
  std::uint32_t skip() noexcept;

  // A mark for "all given so far", and whether all of that was taken or skipped.
  [[nodiscard]] std::uint64_t mark() const noexcept { return given_total_; }
  [[nodiscard]] bool passed(std::uint64_t mark) const noexcept { return passed_total_ >= mark; }

 private:
  struct Run {
    std::uint32_t count = 0;
    std::uint8_t worker = 0;
  };
  // What a worker has, in the order in which it got it; the dispatcher's own packets are finished.
  // As many places as packets can be out, a power of two.
  struct Queue {
    std::vector<ipsec::EspPacket> packets;
    std::vector<std::uint8_t> ports;  // the dispatcher's own
    std::uint32_t first = 0;
    std::uint32_t end = 0;
  };
  // Each run holds at least one packet.
  static constexpr std::uint32_t kMask = kMaxOutstanding - 1;

  std::uint32_t take_late(LaneBurst& out, std::uint32_t most) noexcept;
  // Into the places from `begin` to before `end`.
  std::uint32_t take_own(LaneBurst& out, std::uint32_t begin, std::uint32_t end) noexcept;
  std::uint32_t take_done(std::uint8_t worker, LaneBurst& out, std::uint32_t begin,
                          std::uint32_t end) noexcept;
  void taken(std::uint8_t worker, std::uint32_t count) noexcept {
    given_[worker] -= count;
    outstanding_ -= count;
  }

  std::uint8_t self_;
  std::uint8_t num_workers_;
  std::uint32_t outstanding_ = 0;
  std::uint32_t first_run_ = 0;
  std::uint32_t end_run_ = 0;
  std::uint32_t num_late_ = 0;
  std::uint64_t given_total_ = 0;
  std::uint64_t passed_total_ = 0;
  std::array<std::uint32_t, base::kMaxWorkers> given_{};
  std::array<std::uint32_t, base::kMaxWorkers> late_{};  // skipped, not back yet
  std::vector<PacketLane*> lanes_;
  std::vector<Run> runs_;
  std::vector<Queue> queues_;  // by worker
};

}  // namespace phalanx::dataplane
