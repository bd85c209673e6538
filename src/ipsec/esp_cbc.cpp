// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "cbc_iv.hpp"
#include "esp_encapsulate.hpp"
#include "phalanx/base/prefetch.hpp"

// AES-CBC + HMAC-SHA2 (RFC 3602, RFC 4868) through the job interface: the manager interleaves the
// packets of many SAs over its lanes and keeps those that do not fill them yet. Jobs go in one by
// one: the burst calls of 1.3 lose all jobs when the queue runs full, and miscount it when it
// wraps.

namespace phalanx::ipsec {
namespace {

constexpr std::uint32_t kIvBytes = 16;
constexpr std::uint32_t kFrontBytes = sizeof(net::EspHeader) + kIvBytes;

IMB_HASH_ALG hash_of(EspAlgorithm algorithm) noexcept {
  constexpr IMB_HASH_ALG kHashes[3] = {IMB_AUTH_HMAC_SHA_256, IMB_AUTH_HMAC_SHA_384,
                                       IMB_AUTH_HMAC_SHA_512};
  const auto first = static_cast<unsigned>(EspAlgorithm::Aes128CbcSha256);
  return kHashes[(static_cast<unsigned>(algorithm) - first) % 3];
}
static_assert(static_cast<unsigned>(EspAlgorithm::Aes256CbcSha256) ==
              static_cast<unsigned>(EspAlgorithm::Aes128CbcSha256) + 3);

// What both directions have in common.
void fill_job(IMB_JOB& job, EspAlgorithm algorithm, const CbcKeyBlock& key,
              CbcSlot& slot) noexcept {
  const auto& facts = info(algorithm);
  job.key_len_in_bytes = facts.key_bytes;
  job.src = slot.esp;
  job.dst = slot.esp + kFrontBytes;
  job.cipher_start_src_offset_in_bytes = kFrontBytes;
  job.msg_len_to_cipher_in_bytes = slot.body_bytes;
  job.hash_start_src_offset_in_bytes = 0;
  job.iv = slot.esp + sizeof(net::EspHeader);
  job.iv_len_in_bytes = kIvBytes;
  job.auth_tag_output_len_in_bytes = facts.icv_bytes;
  job.u.HMAC._hashed_auth_key_xor_ipad = key.inner_state.data();
  job.u.HMAC._hashed_auth_key_xor_opad = key.outer_state.data();
  job.cipher_mode = IMB_CIPHER_CBC;
  job.hash_alg = hash_of(algorithm);
  job.user_data = &slot;
}

// RFC 4303 2.2.1: with 64-bit numbers the ICV covers the high half as well, as if it stood after
// the body. It is written where the ICV stands and is gone when the ICV comes.
std::uint32_t hashed_bytes(const CbcSlot& slot, bool esn) noexcept {
  const auto bytes = kFrontBytes + slot.body_bytes;
  if (!esn) return bytes;
  const base::be32 high(static_cast<std::uint32_t>(slot.packet.sequence >> 32));
  std::memcpy(slot.esp + bytes, &high, sizeof(high));
  return bytes + static_cast<std::uint32_t>(sizeof(high));
}

// Without telling by its time how many bytes agree. ICVs have 16, 24 or 32 bytes.
bool equal_icvs(const std::uint8_t* a, const std::uint8_t* b, std::size_t icv_bytes) noexcept {
  std::uint64_t differences = 0;
  for (std::size_t at = 0; at < icv_bytes; at += 8) differences |= load64(a + at) ^ load64(b + at);
  return differences == 0;
}

void prefetch_key(const CbcKeyBlock& key, bool outbound) noexcept {
  const auto* first = key.cipher.data();
  const std::size_t bytes = outbound ? sizeof(CbcKeyBlock) : offsetof(CbcKeyBlock, iv_cipher);
  for (std::size_t at = 0; at < bytes; at += base::kCacheLine) base::prefetch(first + at);
}

}  // namespace

void EspStages::verify_and_finish(Impl& engine, CbcSlot& slot) noexcept {
  auto& packet = slot.packet;
  auto& sa = *packet.in_sa;
  auto* body = slot.esp + kFrontBytes;
  auto* icv = body + slot.body_bytes;
  if ((sa.flags_ & InboundSa::kEsn) != 0) {
    std::memcpy(icv, slot.icv_start.data(), slot.icv_start.size());
  }
  if (packet.verdict == EspVerdict::CryptoError) [[unlikely]] {
    refuse(engine, packet, sa, EspVerdict::CryptoError);
  } else if (!equal_icvs(icv, engine.in_ring.tag(slot).data(), info(sa.algorithm_).icv_bytes))
      [[unlikely]] {
    refuse(engine, packet, sa, EspVerdict::AuthFailed);
  } else if (sa.packet_mode()) {
    finish<SaMode::Packet>(engine, packet, body, slot.body_bytes);
  } else {
    finish<SaMode::Session>(engine, packet, body, slot.body_bytes);
  }
}

namespace {

// A job of the manager is done: notes in the slot whether the library did it.
void on_job(CbcRing& ring, const IMB_JOB& job) noexcept {
  auto& slot = *static_cast<CbcSlot*>(job.user_data);
  ++ring.completed;
  slot.packet.verdict =
      job.status == IMB_STATUS_COMPLETED ? EspVerdict::Done : EspVerdict::CryptoError;
}

// Hands over the job that get_next_job() gave. When the queue runs full it finishes the oldest.
void submit(CbcRing& ring, IMB_MGR& manager) noexcept {
  const auto* finished = manager.submit_job_nocheck(&manager);
  if (finished != nullptr) on_job(ring, *finished);
}

// What the lanes have finished meanwhile.
void take_finished(CbcRing& ring, IMB_MGR& manager) noexcept {
  while (const auto* job = manager.get_completed_job(&manager)) on_job(ring, *job);
}

}  // namespace

// Packets that the manager is done with get their final verdict, well after their last bytes were
// written: read at once, they would still be in the store buffer.
void EspStages::settle_encrypted(Impl& engine) noexcept {
  auto& ring = engine.out_ring;
  for (; ring.settled != ring.completed; ++ring.settled) {
    auto& packet = ring.at(ring.settled).packet;
    if (packet.verdict == EspVerdict::CryptoError) [[unlikely]] {
      refuse(engine, packet, *packet.out_sa, EspVerdict::CryptoError);
    }
  }
}

void EspStages::settle_decrypted(Impl& engine) noexcept {
  auto& ring = engine.in_ring;
  for (; ring.settled != ring.completed; ++ring.settled) {
    verify_and_finish(engine, ring.at(ring.settled));
  }
}

template <SaMode kMode>
void EspStages::submit_encrypt(Impl& engine, std::span<EspPacket* const> packets) noexcept {
  auto& ring = engine.out_ring;
  const auto first = ring.submitted;
  std::array<CbcIvOp, EspEngine::kBurst> ivs{};
  std::size_t count = 0;
  for (auto* packet : packets) {
    auto& sa = *packet->out_sa;
    const auto& key = *static_cast<const CbcKeyBlock*>(sa.key_);
    prefetch_key(key, true);
    if (ring.full()) [[unlikely]] {
      refuse(engine, *packet, sa, EspVerdict::CryptoError);
      continue;
    }
    Sealing sealing;
    if (!encapsulate<kMode, kIvBytes, 16>(engine, *packet, info(sa.algorithm_).icv_bytes,
                                          sealing)) {
      continue;
    }
    packet->verdict = EspVerdict::InFlight;
    auto& slot = ring.at(ring.submitted++);
    slot.packet = *packet;
    slot.esp = sealing.esp;
    slot.body_bytes = sealing.body_bytes;
    ivs[count++] = {key.iv_cipher.data(), sealing.iv, sealing.esp + sizeof(net::EspHeader)};
  }
  // RFC 3602 3: IVs must be unpredictable.
  write_cbc_ivs(ivs.data(), count);

  auto& manager = *engine.cbc_out;
  for (std::size_t i = 0; i < count; ++i) {
    auto& slot = ring.at(first + static_cast<std::uint32_t>(i));
    const auto& sa = *slot.packet.out_sa;
    const auto& key = *static_cast<const CbcKeyBlock*>(sa.key_);
    auto& job = *manager.get_next_job(&manager);
    fill_job(job, sa.algorithm_, key, slot);
    job.enc_keys = key.cipher.data();
    job.auth_tag_output = slot.esp + kFrontBytes + slot.body_bytes;
    job.msg_len_to_hash_in_bytes = hashed_bytes(slot, (sa.flags_ & OutboundSa::kEsn) != 0);
    job.cipher_direction = IMB_DIR_ENCRYPT;
    job.chain_order = IMB_ORDER_CIPHER_HASH;
    submit(ring, manager);
  }
  take_finished(ring, manager);
  settle_encrypted(engine);
}

template <SaMode kMode>
void EspStages::submit_decrypt(Impl& engine, std::span<EspPacket* const> packets) noexcept {
  auto& ring = engine.in_ring;
  const auto first = ring.submitted;
  for (auto* packet : packets) {
    auto& sa = *packet->in_sa;
    const std::uint32_t icv_bytes = info(sa.algorithm_).icv_bytes;
    const auto fixed = kFrontBytes + icv_bytes;
    prefetch_key(*static_cast<const CbcKeyBlock*>(sa.key_), false);
    if (packet->length < fixed + 16 || (packet->length - fixed) % 16 != 0) [[unlikely]] {
      refuse(engine, *packet, sa, EspVerdict::Malformed);
      continue;
    }
    if (!admit<kMode>(engine, *packet)) continue;
    if (ring.full()) [[unlikely]] {
      refuse(engine, *packet, sa, EspVerdict::CryptoError);
      continue;
    }
    if constexpr (kMode == SaMode::Session) sa.window_.prefetch(packet->sequence);
    packet->verdict = EspVerdict::InFlight;
    auto& slot = ring.at(ring.submitted++);
    slot.packet = *packet;
    slot.esp = packet->data;
    slot.body_bytes = packet->length - fixed;
  }

  auto& manager = *engine.cbc_in;
  for (auto position = first; position != ring.submitted; ++position) {
    auto& slot = ring.at(position);
    const auto& sa = *slot.packet.in_sa;
    const auto& key = *static_cast<const CbcKeyBlock*>(sa.key_);
    const bool esn = (sa.flags_ & InboundSa::kEsn) != 0;
    if (esn) {
      std::memcpy(slot.icv_start.data(), slot.esp + kFrontBytes + slot.body_bytes,
                  slot.icv_start.size());
    }
    auto& job = *manager.get_next_job(&manager);
    fill_job(job, sa.algorithm_, key, slot);
    job.dec_keys = key.cipher.data();
    job.auth_tag_output = ring.tag(slot).data();
    job.msg_len_to_hash_in_bytes = hashed_bytes(slot, esn);
    job.cipher_direction = IMB_DIR_DECRYPT;
    job.chain_order = IMB_ORDER_HASH_CIPHER;
    submit(ring, manager);
  }
  take_finished(ring, manager);
  settle_decrypted(engine);
}

template void EspStages::submit_encrypt<SaMode::Session>(Impl&,
                                                         std::span<EspPacket* const>) noexcept;
template void EspStages::submit_encrypt<SaMode::Packet>(Impl&,
                                                        std::span<EspPacket* const>) noexcept;
template void EspStages::submit_decrypt<SaMode::Session>(Impl&,
                                                         std::span<EspPacket* const>) noexcept;
template void EspStages::submit_decrypt<SaMode::Packet>(Impl&,
                                                        std::span<EspPacket* const>) noexcept;

void EspStages::flush(Impl& engine) noexcept {
  const auto drain = [](CbcRing& ring, IMB_MGR& manager) {
    while (const auto* job = manager.flush_job(&manager)) on_job(ring, *job);
  };
  drain(engine.out_ring, *engine.cbc_out);
  drain(engine.in_ring, *engine.cbc_in);
  settle_encrypted(engine);
  settle_decrypted(engine);
}

}  // namespace phalanx::ipsec
