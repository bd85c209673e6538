// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "phalanx/base/ids.hpp"
#include "phalanx/base/line_table.hpp"

namespace phalanx::dataplane {

// Which node owns each bucket. Where every node sees every packet, a worker drops what is another
// node's as soon as it knows the bucket.
//
// writer: control thread, from the allocation; readers: workers, without locks. A change is seen by
// a worker at its next burst at the latest: what has to be true before a bucket may be served or
// after it is given up is up to the writer, see dpdk::Quiescence.
class DistributionTable {
 public:
  static constexpr base::NodeId kNobody{0};  // its packets are dropped by all nodes

  // Everything is ours until somebody else is named: a node alone, which needs no id.
  explicit DistributionTable(base::NodeId self = base::NodeId(1)) noexcept : self_(self) {
    take_all();
  }
  // Before the workers start: one of many, and nothing is ours yet.
  // hands_on: forward mode, in which we receive nothing but what is ours until we are told to.
  void join(base::NodeId self, bool hands_on = false) noexcept {
    self_ = self;
    hands_on_ = hands_on;
    receives_.store(!hands_on, std::memory_order_relaxed);
    for (auto& owner : owners_) owner.store(kNobody.value(), std::memory_order_relaxed);
    all_ours_.store(false, std::memory_order_relaxed);
    shared_ = true;
  }

  // ---- readers
  // Whether there are other nodes. Constant while workers run.
  [[nodiscard]] bool shared() const noexcept { return shared_; }
  [[nodiscard]] base::NodeId self() const noexcept { return self_; }
  // Packets of others are handed on, not dropped: others do not see them. Constant while workers
  // run.
  [[nodiscard]] bool hands_on() const noexcept { return hands_on_; }
  // Whether what is sent to the address that all nodes share is for us to look at.
  [[nodiscard]] bool receives() const noexcept { return receives_.load(std::memory_order_relaxed); }
  // Spray mode: whether what is sent to a node's next-hop address is for us to look at.
  [[nodiscard]] bool serves(base::NodeId node) const noexcept {
    return serves_[node.value()].load(std::memory_order_relaxed);
  }
  // Whether neighbors shall find that address here. For the control thread.
  [[nodiscard]] bool announces() const noexcept { return announces_; }
  // Nothing needs to be asked.
  [[nodiscard]] bool all_ours() const noexcept { return all_ours_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool is_ours(base::BucketIndex bucket) const noexcept {
    return owner(bucket) == self_;
  }
  [[nodiscard]] base::NodeId owner(base::BucketIndex bucket) const noexcept {
    return base::NodeId(owners_[bucket.value()].load(std::memory_order_relaxed));
  }

  // ---- writer
  void assign(base::BucketIndex bucket, base::NodeId owner) noexcept {
    owners_[bucket.value()].store(owner.value(), std::memory_order_relaxed);
    const bool all = std::all_of(owners_.begin(), owners_.end(), [this](const auto& one) {
      return one.load(std::memory_order_relaxed) == self_.value();
    });
    all_ours_.store(all, std::memory_order_relaxed);
  }
  // A node may go on receiving for a while when another one announces.
  void receive(bool receives, bool announces) noexcept {
    receives_.store(receives, std::memory_order_relaxed);
    announces_ = announces;
  }
  void serve(base::NodeId node, bool serves) noexcept {
    serves_[node.value()].store(serves, std::memory_order_relaxed);
  }
  void take_all() noexcept {
    for (auto& owner : owners_) owner.store(self_.value(), std::memory_order_relaxed);
    all_ours_.store(true, std::memory_order_relaxed);
  }

 private:
  alignas(base::kCacheLine) std::array<std::atomic<std::uint8_t>, base::kNumBuckets> owners_;
  std::atomic<bool> all_ours_{true};
  std::atomic<bool> receives_{true};
  std::array<std::atomic<bool>, 256> serves_{};  // by node
  bool announces_ = false;                       // forward mode
  bool hands_on_ = false;
  base::NodeId self_;
  bool shared_ = false;
};

// The SPIs of the cluster's inbound SAs in packet mode, with their stripe shift: what must be known
// of a packet's SA before its bucket can be computed, be it ours or not. At most kMaxPacketModeSas.
// writer: control thread; readers: workers.
class StripeTable {
 public:
  [[nodiscard]] bool is_ready() const noexcept { return shifts_.is_ready(); }
  [[nodiscard]] bool empty() const noexcept { return empty_.load(std::memory_order_relaxed); }
  // shifts[i]: of SPI i in host order; kSession when it is not in packet mode.
  void lookup_bulk(const std::uint32_t* spis, std::size_t n, std::uint32_t* shifts) const noexcept {
    shifts_.lookup_bulk(spis, n, shifts, [](std::uint32_t) noexcept {});
  }
  static constexpr std::uint32_t kSession = base::LineTable::kNone;

  // False without room. The SPI is not there yet.
  [[nodiscard]] bool insert(base::Spi spi, std::uint8_t stripe_shift) {
    if (!shifts_.insert(spi.value(), stripe_shift)) return false;
    empty_.store(false, std::memory_order_relaxed);
    return true;
  }
  void erase(base::Spi spi, std::uint8_t stripe_shift) noexcept {
    shifts_.erase(spi.value(), stripe_shift);
    empty_.store(shifts_.size() == 0, std::memory_order_relaxed);
  }

 private:
  base::LineTable shifts_;
  std::atomic<bool> empty_{true};
};

}  // namespace phalanx::dataplane
