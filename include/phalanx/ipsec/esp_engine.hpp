// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "phalanx/base/result.hpp"
#include "phalanx/ipsec/esp_packet.hpp"
#include "phalanx/ipsec/isa.hpp"
#include "phalanx/ipsec/sa.hpp"
#include "phalanx/ipsec/sa_params.hpp"

namespace phalanx::ipsec {

enum class EspEngineError : std::uint8_t { OutOfMemory, UnsupportedIsa };

// An SA whose lease is to be raised.
struct LeaseRaise {
  Direction direction;
  std::uint32_t index;  // of the SA in the list
  union {
    InboundSa* in_sa;
    OutboundSa* out_sa;
  };
};

// ESP tunnel mode (RFC 4303) over bursts of packets of many SAs, on intel-ipsec-mb. One per worker,
// used by its thread only; an SA is worked on by one engine, one in packet mode by all: each engine
// decrypts what belongs to its worker's buckets. Combined-mode packets are done when
// the call returns. CBC+HMAC packets may stay in the multi-buffer manager across bursts: they leave
// with EspVerdict::InFlight, the engine has its own copy of the EspPacket, and collect_*() hands it
// back with the final verdict, in the order in which they came. The buffer belongs to the engine
// until then.
class EspEngine {
 public:
  struct Impl;  // src/ipsec
  static constexpr std::size_t kBurst = 32;
  // Most packets in flight and not yet collected, per direction.
  static constexpr std::size_t kMaxPending = 512;

  // worker: whose engine it is; says which shard of an SA in packet mode it writes.
  static base::Result<std::unique_ptr<EspEngine>, EspEngineError> create(
      Isa isa = Isa::Best, base::WorkerIndex worker = {});
  ~EspEngine();
  EspEngine(const EspEngine&) = delete;
  EspEngine& operator=(const EspEngine&) = delete;

  // At most kBurst packets, SA pointers set. Each leaves with a verdict. Collect until nothing is
  // left after each call: a packet for which there is no place is dropped (CryptoError). Fastest
  // when the SAs were asked for (prefetch()) as soon as they were known.
  void encrypt(std::span<EspPacket> packets) noexcept;
  void decrypt(std::span<EspPacket> packets) noexcept;

  // The same for packets of SAs in packet mode only: outbound ones with their number, inbound ones
  // with their bucket, which this worker owns. Nothing of them is in flight afterwards.
  void encrypt_shared(std::span<EspPacket> packets) noexcept;
  void decrypt_shared(std::span<EspPacket> packets) noexcept;
  // Packet mode, outbound; the owner of the SAs. Gives each packet its SA's next number, to be
  // encrypted by any worker, up to the first that gets none: its verdict says why (Held: beyond the
  // lease). How many got one.
  [[nodiscard]] std::size_t number(std::span<EspPacket> packets) noexcept;

  // Packets that were in flight and are finished; how many were written to `out`.
  [[nodiscard]] std::size_t collect_encrypted(std::span<EspPacket> out) noexcept;
  [[nodiscard]] std::size_t collect_decrypted(std::span<EspPacket> out) noexcept;
  // Finishes all that is in flight; collect afterwards. When idle, and before SAs are unpublished.
  void flush() noexcept;
  // Packets in flight or not yet collected.
  [[nodiscard]] std::size_t pending() const noexcept;

  // SAs whose lease gate asked for a raise since the last clear_raises(): once per published limit.
  [[nodiscard]] std::span<const LeaseRaise> raises() const noexcept;
  void clear_raises() noexcept;

 private:
  explicit EspEngine(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace phalanx::ipsec
