// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "phalanx/base/endian.hpp"
#include "phalanx/base/ids.hpp"
#include "phalanx/base/prefetch.hpp"
#include "phalanx/ipsec/algorithm.hpp"
#include "phalanx/ipsec/esp_packet.hpp"
#include "phalanx/ipsec/iv.hpp"
#include "phalanx/ipsec/lease_gate.hpp"
#include "phalanx/ipsec/packet_mode.hpp"
#include "phalanx/ipsec/replay_window.hpp"
#include "phalanx/ipsec/sa_counter.hpp"
#include "phalanx/net/ip.hpp"

namespace phalanx::ipsec {

class SaStore;
class EspEngine;
struct EspStages;  // src/ipsec: the burst functions of the engine

// Run-time state of an outbound SA; owned by SaStore, worked on by one worker (its owner: that of
// the SA's bucket). Two hot cache lines: what each packet changes, and what it only reads. In
// packet mode the owner gives out the numbers, and any worker encrypts; see packet_mode.hpp.
class alignas(base::kCacheLine) OutboundSa {
 public:
  // ---- any thread
  [[nodiscard]] std::uint64_t next_sequence() const noexcept { return next_sequence_.get(); }
  [[nodiscard]] std::uint64_t packets() const noexcept;
  [[nodiscard]] std::uint64_t bytes() const noexcept;  // inner packets
  [[nodiscard]] std::uint64_t errors(EspVerdict verdict) const noexcept;
  [[nodiscard]] LeaseGate& gate() noexcept { return gate_; }
  [[nodiscard]] const LeaseGate& gate() const noexcept { return gate_; }
  [[nodiscard]] base::Uid uid() const noexcept { return uid_; }
  [[nodiscard]] base::Spi spi() const noexcept { return base::Spi(spi_.host()); }
  [[nodiscard]] EspAlgorithm algorithm() const noexcept { return algorithm_; }
  [[nodiscard]] bool esn() const noexcept { return (flags_ & kEsn) != 0; }
  [[nodiscard]] bool packet_mode() const noexcept { return (flags_ & kPacketMode) != 0; }
  [[nodiscard]] bool outer_is_v6() const noexcept { return (flags_ & kOuterV6) != 0; }
  [[nodiscard]] std::uint32_t index() const noexcept { return index_; }  // in the list of SAs
  // Asks the cache for the hot lines.
  void prefetch() const noexcept {
    base::prefetch(this);
    base::prefetch(&key_);
  }
  // Largest outer packet; the control thread may change it while packets run.
  [[nodiscard]] std::uint16_t outer_mtu() const noexcept {
    return outer_mtu_.load(std::memory_order_relaxed);
  }
  void set_outer_mtu(std::uint16_t mtu) noexcept {
    outer_mtu_.store(mtu, std::memory_order_relaxed);
  }
  // Largest inner packet that still fits outer_mtu(): what an ICMP error has to tell the sender.
  [[nodiscard]] std::uint16_t inner_mtu() const noexcept;
  // Bytes that must be writable before and after an inner packet.
  [[nodiscard]] std::uint16_t headroom_needed() const noexcept;
  [[nodiscard]] std::uint16_t tailroom_needed() const noexcept;

  // ---- the data path's own, opaque here; set before workers run
  [[nodiscard]] std::uint32_t tx_hint() const noexcept {
    return tx_hint_.load(std::memory_order_relaxed);
  }
  void set_tx_hint(std::uint32_t hint) noexcept { tx_hint_.store(hint, std::memory_order_relaxed); }
  [[nodiscard]] base::BucketIndex bucket() const noexcept { return base::BucketIndex(bucket_); }
  void set_bucket(base::BucketIndex bucket) noexcept { bucket_ = bucket.value(); }

 private:
  friend class SaStore;
  friend class EspEngine;
  friend struct EspStages;
  friend struct SaLayout;

  static constexpr std::uint8_t kEsn = 1;
  static constexpr std::uint8_t kOuterV6 = 2;
  static constexpr std::uint8_t kDfCopy = 4;  // outer DF = inner DF
  static constexpr std::uint8_t kDfSet = 8;   // outer DF = 1; neither: 0
  static constexpr std::uint8_t kPacketMode = 16;

  // Outer header without what changes per packet. An IPv4 header has length, TOS, identification
  // and fragment word 0 and the checksum of the rest (not complemented) in its place, and is
  // followed by the SPI; of an IPv6 header only the addresses are kept.
  union OuterTemplate {
    struct {
      net::Ipv4Header header;
      base::be32 spi;
    } v4;
    struct {
      std::array<std::uint8_t, 16> source;
      std::array<std::uint8_t, 16> destination;
    } v6;
  };

  // ---- line 0: writer: owning worker (gate: see LeaseGate)
  SaCounter next_sequence_;
  LeaseGate gate_;
  std::uint64_t iv_next_ = 0;  // counter of the next IV; a multiple of kIvBlock: take a block first
  std::uint64_t iv_base_ = 0;  // node | boot | 0, for counter modes xor the mask; constant
  SaCounter packets_;
  SaCounter bytes_;
  // ---- line 1: read only, but for outer_mtu_ and tx_hint_ (writer: control thread)
  OuterTemplate outer_{.v6 = {}};
  base::be32 spi_;
  std::array<std::uint8_t, 4> salt_{};
  const void* key_ = nullptr;  // expanded, laid out by algorithm
  std::atomic<std::uint32_t> tx_hint_{0};
  std::uint32_t index_ = 0;
  std::atomic<std::uint16_t> outer_mtu_{0};
  EspAlgorithm algorithm_ = EspAlgorithm::Aes128Gcm16;
  std::uint8_t flags_ = 0;
  std::uint8_t class_keep_ = 0xff;  // outer class = (inner class & class_keep_) | class_set_
  std::uint8_t class_set_ = 0;
  std::uint8_t bucket_ = 0;
  std::uint8_t stripe_shift_ = 0;
  // ---- cold
  alignas(base::kCacheLine) base::Uid uid_;
  IvCounter* iv_counter_ = nullptr;
  OutboundShards* shards_ = nullptr;  // packet mode only
  SaErrorCounters errors_;            // writer: owning worker
};

// Bytes of IPv6 or IPv4 addresses under a mask, as two words. For IPv4 the second is 0.
struct MaskedAddress {
  std::array<std::uint64_t, 2> mask{};
  std::array<std::uint64_t, 2> value{};
};

// What one selector admits into an inbound SA, ready to compare.
struct InboundSelector {
  MaskedAddress source;
  MaskedAddress destination;
  std::uint16_t source_port_low = 0;
  std::uint16_t source_port_span = 0xffff;  // high - low
  std::uint16_t destination_port_low = 0;
  std::uint16_t destination_port_span = 0xffff;
  std::uint8_t family = 4;
  std::uint8_t protocol = 0;  // 0: any
  bool wants_ports = false;
};

// Run-time state of an inbound SA; owned by SaStore, worked on by one worker. Two hot cache lines.
// In packet mode the window and the counters of the SA rest, and `striped_` stands for them.
class alignas(base::kCacheLine) InboundSa {
 public:
  // ---- any thread
  [[nodiscard]] std::uint64_t top_sequence() const noexcept;
  [[nodiscard]] std::uint64_t packets() const noexcept;
  [[nodiscard]] std::uint64_t bytes() const noexcept;  // inner packets
  [[nodiscard]] std::uint64_t errors(EspVerdict verdict) const noexcept;
  [[nodiscard]] LeaseGate& gate() noexcept { return gate_; }
  [[nodiscard]] const LeaseGate& gate() const noexcept { return gate_; }
  [[nodiscard]] std::uint32_t window_size() const noexcept { return window_size_; }
  [[nodiscard]] std::uint64_t floor() const noexcept { return floor_; }
  // Not while a worker uses the SA, but for top() and size().
  [[nodiscard]] const ReplayWindow& window() const noexcept { return window_; }
  [[nodiscard]] base::Uid uid() const noexcept { return uid_; }
  [[nodiscard]] base::Spi spi() const noexcept { return base::Spi(spi_.host()); }
  [[nodiscard]] EspAlgorithm algorithm() const noexcept { return algorithm_; }
  [[nodiscard]] bool esn() const noexcept { return (flags_ & kEsn) != 0; }
  [[nodiscard]] bool packet_mode() const noexcept { return (flags_ & kPacketMode) != 0; }
  [[nodiscard]] std::uint8_t stripe_shift() const noexcept { return stripe_shift_; }
  [[nodiscard]] std::uint32_t index() const noexcept { return index_; }  // in the list of SAs
  // Asks the cache for the hot lines.
  void prefetch() const noexcept {
    base::prefetch(this);
    base::prefetch(&key_);
  }

  // ---- the data path's own, opaque here; set before workers run
  [[nodiscard]] base::BucketIndex bucket() const noexcept { return base::BucketIndex(bucket_); }
  void set_bucket(base::BucketIndex bucket) noexcept { bucket_ = bucket.value(); }

 private:
  friend class SaStore;
  friend class EspEngine;
  friend struct EspStages;
  friend struct SaLayout;

  static constexpr std::uint8_t kEsn = 1;
  static constexpr std::uint8_t kPacketMode = 2;

  // ---- line 0: writer: owning worker (gate: see LeaseGate)
  ReplayWindow window_;
  LeaseGate gate_;
  SaCounter packets_;
  SaCounter bytes_;
  // ---- line 1: read only
  // A single IPv4 selector without ports stands here: source and destination of the inner header as
  // one word. Anything else is in selectors_.
  std::uint64_t inline_mask_ = 0;
  std::uint64_t inline_value_ = 1;  // with mask 0 this matches nothing
  const InboundSelector* selectors_ = nullptr;
  const void* key_ = nullptr;  // expanded, laid out by algorithm
  std::array<std::uint8_t, 4> salt_{};
  base::be32 spi_;
  std::uint32_t index_ = 0;
  std::uint16_t num_selectors_ = 0;
  std::uint8_t inline_protocol_ = 0;  // 0: any
  EspAlgorithm algorithm_ = EspAlgorithm::Aes128Gcm16;
  std::uint8_t flags_ = 0;
  std::uint8_t bucket_ = 0;  // packet mode: of the SA as an entry, not of its packets
  std::uint8_t stripe_shift_ = 0;
  StripedInbound* striped_ = nullptr;  // packet mode only
  // ---- cold
  alignas(base::kCacheLine) base::Uid uid_;
  std::uint64_t floor_ = 1;  // numbers below were refused from the start
  std::uint32_t window_size_ = 0;
  SaErrorCounters errors_;  // writer: owning worker
};

// The layout the packet path counts on.
struct SaLayout {
  static_assert(alignof(OutboundSa) == base::kCacheLine && alignof(InboundSa) == base::kCacheLine);
  static_assert(offsetof(OutboundSa, next_sequence_) == 0);
  static_assert(offsetof(OutboundSa, outer_) == base::kCacheLine);
  static_assert(offsetof(OutboundSa, stripe_shift_) == 2 * base::kCacheLine - 1);
  static_assert(offsetof(OutboundSa, uid_) == 2 * base::kCacheLine);
  static_assert(offsetof(InboundSa, window_) == 0);
  static_assert(offsetof(InboundSa, inline_mask_) == base::kCacheLine);
  static_assert(offsetof(InboundSa, striped_) < 2 * base::kCacheLine);
  static_assert(offsetof(InboundSa, uid_) == 2 * base::kCacheLine);
};

}  // namespace phalanx::ipsec
