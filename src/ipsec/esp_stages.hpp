// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "imb.hpp"
#include "key_block.hpp"
#include "phalanx/base/endian.hpp"
#include "phalanx/base/prefetch.hpp"
#include "phalanx/ipsec/esp_engine.hpp"
#include "phalanx/ipsec/sa_mode.hpp"
#include "phalanx/net/packet_parser.hpp"

namespace phalanx::ipsec {

inline constexpr std::uint8_t kOuterHopLimit = 64;
// How many packets before its turn a packet's key is asked for, 5 to 16 lines. Of the lines of more
// keys at once the core forgets some.
inline constexpr std::size_t kKeysAhead = 4;
// 2^64 - 1 is kept free, so that the next number always exists.
inline constexpr std::uint64_t kLastSequence64 = ~std::uint64_t{0} - 1;

[[nodiscard]] constexpr bool is_combined(EspAlgorithm algorithm) noexcept {
  return algorithm <= EspAlgorithm::ChaCha20Poly1305;
}
static_assert([] {
  for (const auto& row : kEspAlgorithms) {
    if (row.combined() != is_combined(row.algorithm)) return false;
    if (row.combined() && (row.iv_bytes != 8 || row.icv_bytes != 16 || row.block_bytes != 4)) {
      return false;
    }
    if (!row.combined() && (row.iv_bytes != 16 || row.block_bytes != 16)) return false;
  }
  return true;
}());

// One combined-mode packet of a burst between its two passes: what the crypto call needs.
struct AeadOp {
  // One word, stored as one: a core commits one store a cycle.
  struct Shape {
    std::uint32_t body_bytes;
    std::uint8_t aad_bytes;
    EspAlgorithm algorithm;
    bool refused;  // inbound: the library did not do it
    std::uint8_t unused;
  };
  static_assert(sizeof(Shape) == sizeof(std::uint64_t));

  EspPacket* packet;
  const void* key;
  std::uint8_t* body;  // first byte after the IV
  const std::uint8_t* aad;
  Shape shape;
  std::array<std::uint8_t, 12> nonce;  // salt | IV
  std::array<std::uint8_t, 12>
      esn_aad;                       // SPI | high | low: RFC 4106 5, when 64-bit numbers are used
  std::array<std::uint8_t, 16> tag;  // inbound: the computed one
};

inline void set_shape(AeadOp& op, EspAlgorithm algorithm, std::uint32_t body_bytes,
                      bool esn) noexcept {
  op.shape = std::bit_cast<AeadOp::Shape>(body_bytes | std::uint64_t{esn ? 12U : 8U} << 32 |
                                          static_cast<std::uint64_t>(algorithm) << 40);
}

// RFC 4106 5, RFC 7634 2.1: SPI and number as they stand in the packet, or with the high bits.
inline void set_aad(AeadOp& op, const std::uint8_t* esp, bool esn,
                    std::uint64_t sequence) noexcept {
  if (!esn) {
    op.aad = esp;
    return;
  }
  const base::be64 number(sequence);
  std::memcpy(op.esn_aad.data(), esp, 4);
  std::memcpy(op.esn_aad.data() + 4, &number, 8);
  op.aad = op.esn_aad.data();
}

// A CBC+HMAC packet while the multi-buffer manager has it, and until it is collected.
struct alignas(base::kCacheLine) CbcSlot {
  EspPacket packet;
  std::uint8_t* esp;         // ESP header
  std::uint32_t body_bytes;  // ciphertext without IV and ICV
  // Inbound with 64-bit numbers: the first bytes of the received ICV, in whose place the high half
  // of the number stands meanwhile.
  std::array<std::uint8_t, 4> icv_start;
};
static_assert(sizeof(CbcSlot) == base::kCacheLine);
// Inbound: the computed ICV.
using CbcTag = std::array<std::uint8_t, 32>;

// The packets of one direction in the order in which they were submitted. The manager returns jobs
// in that order too, so four positions tell all: collected <= settled <= completed <= submitted.
struct CbcRing {
  static constexpr std::uint32_t kMask = EspEngine::kMaxPending - 1;
  static_assert((EspEngine::kMaxPending & kMask) == 0);

  std::array<CbcSlot, EspEngine::kMaxPending> slots{};
  std::array<CbcTag, EspEngine::kMaxPending> tags{};  // inbound only
  std::uint32_t submitted = 0;
  std::uint32_t completed = 0;  // the manager is done with it
  std::uint32_t settled = 0;    // it has its final verdict
  std::uint32_t collected = 0;

  [[nodiscard]] bool full() const noexcept {
    return submitted - collected == EspEngine::kMaxPending;
  }
  [[nodiscard]] CbcSlot& at(std::uint32_t position) noexcept { return slots[position & kMask]; }
  [[nodiscard]] CbcTag& tag(const CbcSlot& slot) noexcept {
    return tags[static_cast<std::size_t>(&slot - slots.data())];
  }
};

struct EspEngine::Impl {
  Manager one_shot;  // GCM, ChaCha20-Poly1305 and IVs: everything that is done at once
  Manager cbc_out;
  Manager cbc_in;
  GcmKeyLines key_lines;
  // By algorithm; nullptr for those that are not GCM.
  std::array<aes_gcm_enc_dec_t, kNumEspAlgorithms> seal{};
  std::array<aes_gcm_enc_dec_t, kNumEspAlgorithms> open{};
  alignas(base::kCacheLine) gcm_context_data gcm_context{};
  CbcRing out_ring;
  CbcRing in_ring;
  // As many as can ask in between two bursts: raises of a burst and of what it completed.
  std::array<LeaseRaise, 4 * kBurst> raise_list{};
  std::size_t num_raises = 0;
  std::uint8_t worker = 0;  // whose shards of SAs in packet mode it writes

  Impl(Manager one_shot_manager, Manager out_manager, Manager in_manager) noexcept;

  // For packet `at` of a burst, when its key is known; and again before packet `at`'s turn. The key
  // of the packet before has been asked for.
  void prefetch_key_early(const AeadOp* ops, std::size_t at) const noexcept {
    if (at < kKeysAhead) prefetch_new_key(ops, at);
  }
  void prefetch_key_late(const AeadOp* ops, std::size_t at, std::size_t num_ops) const noexcept {
    if (at + kKeysAhead < num_ops) prefetch_new_key(ops, at + kKeysAhead);
  }
  void prefetch_new_key(const AeadOp* ops, std::size_t at) const noexcept {
    if (at == 0 || ops[at].key != ops[at - 1].key) prefetch_key(ops[at]);
  }
  void prefetch_key(const AeadOp& op) const noexcept {
    if (op.shape.algorithm == EspAlgorithm::ChaCha20Poly1305) {
      base::prefetch(op.key);
      return;
    }
    // AES-128, 192 and 256 have 10, 12 and 14 rounds.
    key_lines.prefetch(*static_cast<const gcm_key_data*>(op.key),
                       10 + 2 * static_cast<std::uint32_t>(op.shape.algorithm),
                       op.shape.body_bytes);
  }
};

// The burst functions of the engine, one direction or class of algorithm a file.
struct EspStages {
  using Impl = EspEngine::Impl;

  // All packets of a burst have SAs of one mode.
  template <SaMode kMode>
  static void encrypt(Impl& engine, std::span<EspPacket> packets) noexcept;
  template <SaMode kMode>
  static void decrypt(Impl& engine, std::span<EspPacket> packets) noexcept;

  // CBC+HMAC. The packets carry SAs of such algorithms; each leaves with a verdict.
  template <SaMode kMode>
  static void submit_encrypt(Impl& engine, std::span<EspPacket* const> packets) noexcept;
  template <SaMode kMode>
  static void submit_decrypt(Impl& engine, std::span<EspPacket* const> packets) noexcept;
  static void flush(Impl& engine) noexcept;
  static void settle_encrypted(Impl& engine) noexcept;
  static void settle_decrypted(Impl& engine) noexcept;
  static void verify_and_finish(Impl& engine, CbcSlot& slot) noexcept;

  // ChaCha20-Poly1305; the tag is 16 bytes. False: the library refused.
  static bool chacha_seal(Impl& engine, const AeadOp& op, std::uint8_t* tag) noexcept;
  static bool chacha_open(Impl& engine, const AeadOp& op, std::uint8_t* tag) noexcept;

  // Outbound: claims number and IV of one packet and writes everything around the payload but the
  // IV and the ICV. False: the verdict says why.
  struct Sealing {
    std::uint8_t* esp;  // ESP header; followed by kIvBytes and the body
    std::uint32_t body_bytes;
    std::uint64_t sequence;
    std::uint64_t iv;  // node | boot | counter, masked for counter modes
  };
  template <SaMode kMode, std::uint32_t kIvBytes, std::uint32_t kBlockBytes>
  static bool encapsulate(Impl& engine, EspPacket& packet, std::uint32_t icv_bytes,
                          Sealing& out) noexcept;
  static bool claim(Impl& engine, EspPacket& packet, Sealing& out) noexcept;
  static EspVerdict why_no_number(Impl& engine, OutboundSa& sa) noexcept;
  // RFC 4303 3.3.3: the counter must not cycle.
  static std::uint64_t last_sequence(const OutboundSa& sa) noexcept {
    return (sa.flags_ & OutboundSa::kEsn) != 0 ? kLastSequence64 : 0xffffffff;
  }
  // Sees to it that counter `next` may be used; false: there are no more IVs.
  static bool take_iv(const OutboundSa& sa, std::uint64_t& next) noexcept {
    if ((next & (kIvBlock - 1)) != 0) [[likely]]
      return true;
    const auto first = sa.iv_counter_->take_block();
    if (first == kIvCounterEnd) return false;
    next = first;
    return true;
  }
  static std::uint8_t* write_outer(const OutboundSa& sa, const EspPacket& packet, std::uint8_t* esp,
                                   std::uint32_t outer_bytes, std::uint64_t sequence) noexcept;

  // Inbound: the packet's number, checked against the window (RFC 4303 3.4.3).
  template <SaMode kMode>
  static bool admit(Impl& engine, EspPacket& packet) noexcept;
  // Inbound, ICV verified: moves the window, takes trailer and padding off, checks the inner packet
  // and the lease, and leaves the final verdict. `body` is decrypted.
  template <SaMode kMode>
  static void finish(Impl& engine, EspPacket& packet, std::uint8_t* body,
                     std::uint32_t body_bytes) noexcept;
  static void open_op(Impl& engine, AeadOp& op) noexcept;
  template <SaMode kMode>
  static void verify_and_finish(Impl& engine, const AeadOp& op) noexcept;
  static void refuse_replay(Impl& engine, EspPacket& packet, InboundSa& sa,
                            ReplayVerdict verdict) noexcept;
  static bool admit_inner(Impl& engine, EspPacket& packet, InboundSa& sa,
                          std::span<const std::uint8_t> inner, std::uint8_t next_header,
                          std::uint8_t& inner_class) noexcept;
  static bool selected_plain(const InboundSa& sa, const net::PlainIpv4& inner) noexcept;
  static bool selected(const InboundSa& sa, const net::IpView& view,
                       const std::uint8_t* inner) noexcept;

  // Packet mode (esp_packet_mode.cpp).
  static bool number(Impl& engine, EspPacket& packet) noexcept {
    auto& sa = *packet.out_sa;
    const auto sequence = sa.next_sequence_.get();
    if (sequence > last_sequence(sa) || !sa.gate_.allows(sequence)) [[unlikely]] {
      refuse(engine, packet, sa, why_no_number(engine, sa));
      return false;
    }
    sa.next_sequence_.set(sequence + 1);
    packet.sequence = sequence;
    raise_if_due(engine, sa, sequence);
    return true;
  }
  static bool claim_striped(Impl& engine, EspPacket& packet, Sealing& out) noexcept;
  static ReplayVerdict check_striped(Impl& engine, EspPacket& packet, std::uint32_t wire) noexcept;
  static ReplayVerdict accept_striped(Impl& engine, const EspPacket& packet) noexcept;
  static void count_striped(Impl& engine, InboundSa& sa, std::uint32_t bytes) noexcept;
  static void prefetch_striped(const EspPacket& packet) noexcept;

  [[gnu::noinline, gnu::cold]] static void refuse(const Impl& engine, EspPacket& packet,
                                                  InboundSa& sa, EspVerdict verdict) noexcept {
    packet.verdict = verdict;
    auto& errors = sa.packet_mode() ? sa.striped_->shards[engine.worker].errors : sa.errors_;
    errors[static_cast<std::size_t>(verdict)].add(1);
  }
  [[gnu::noinline, gnu::cold]] static void refuse(const Impl& engine, EspPacket& packet,
                                                  OutboundSa& sa, EspVerdict verdict) noexcept {
    packet.verdict = verdict;
    auto& errors = sa.packet_mode() ? sa.shards_->shards[engine.worker].errors : sa.errors_;
    errors[static_cast<std::size_t>(verdict)].add(1);
  }

  // Notes that the lease of the SA is to be raised. Asks again later when the list is full.
  static void raise_if_due(Impl& engine, OutboundSa& sa, std::uint64_t number) noexcept {
    if (engine.num_raises < engine.raise_list.size() && sa.gate_.wants_raise(number)) [[unlikely]] {
      engine.raise_list[engine.num_raises++] = {Direction::Outbound, sa.index_, {.out_sa = &sa}};
    }
  }
  template <SaMode kMode>
  static void raise_if_due(Impl& engine, InboundSa& sa, std::uint64_t number) noexcept {
    if (engine.num_raises == engine.raise_list.size()) [[unlikely]]
      return;
    bool wanted;
    if constexpr (kMode == SaMode::Packet) {
      wanted = sa.gate_.wants_raise(number, sa.striped_->shards[engine.worker].asked_version);
    } else {
      wanted = sa.gate_.wants_raise(number);
    }
    if (wanted) [[unlikely]] {
      engine.raise_list[engine.num_raises++] = {Direction::Inbound, sa.index_, {.in_sa = &sa}};
    }
  }
};

}  // namespace phalanx::ipsec
