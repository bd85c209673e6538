// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "esp_encapsulate.hpp"

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
std::uint32_t hashed_bytes(CbcSlot& slot, bool esn) noexcept {
  const auto bytes = kFrontBytes + slot.body_bytes;
  if (!esn) return bytes;
  const base::be32 high(static_cast<std::uint32_t>(slot.packet.sequence >> 32));
  std::memcpy(slot.esp + bytes, &high, sizeof(high));
  return bytes + static_cast<std::uint32_t>(sizeof(high));
}

}  // namespace

void EspStages::on_encrypted(Impl& engine, const IMB_JOB& job) noexcept {
  auto& slot = *static_cast<CbcSlot*>(job.user_data);
  ++engine.out_ring.completed;
  if (job.status == IMB_STATUS_COMPLETED) [[likely]] {
    slot.packet.verdict = EspVerdict::Done;
  } else {
    refuse(slot.packet, *slot.packet.out_sa, EspVerdict::CryptoError);
  }
}

void EspStages::on_decrypted(Impl& engine, const IMB_JOB& job) noexcept {
  auto& slot = *static_cast<CbcSlot*>(job.user_data);
  auto& packet = slot.packet;
  ++engine.in_ring.completed;
  auto* body = slot.esp + kFrontBytes;
  // Whatever follows, a capture shows the packet as it came.
  const std::size_t icv_bytes = info(packet.in_sa->algorithm_).icv_bytes;
  std::memcpy(body + slot.body_bytes, slot.received_icv.data(), icv_bytes);
  if (job.status != IMB_STATUS_COMPLETED) [[unlikely]] {
    refuse(packet, *packet.in_sa, EspVerdict::CryptoError);
    return;
  }
  // Constant time; both arrays are zero beyond the ICV.
  std::uint8_t differences = 0;
  for (std::size_t i = 0; i < slot.computed_icv.size(); ++i) {
    differences |= static_cast<std::uint8_t>(slot.received_icv[i] ^ slot.computed_icv[i]);
  }
  if (differences != 0) [[unlikely]] {
    refuse(packet, *packet.in_sa, EspVerdict::AuthFailed);
    return;
  }
  finish(engine, packet, body, slot.body_bytes);
}

namespace {

using OnJob = void (*)(EspEngine::Impl&, const IMB_JOB&) noexcept;

// Hands over the job that get_next_job() gave. When the queue runs full it finishes the oldest.
void submit(EspEngine::Impl& engine, IMB_MGR& manager, OnJob on_job) noexcept {
  const auto* finished = manager.submit_job_nocheck(&manager);
  if (finished != nullptr) on_job(engine, *finished);
}

// What the lanes have finished meanwhile.
void take_finished(EspEngine::Impl& engine, IMB_MGR& manager, OnJob on_job) noexcept {
  while (const auto* job = manager.get_completed_job(&manager)) on_job(engine, *job);
}

}  // namespace

void EspStages::submit_encrypt(Impl& engine, std::span<EspPacket* const> packets) noexcept {
  auto& manager = *engine.cbc_out;
  auto& ring = engine.out_ring;
  for (auto* packet : packets) {
    auto& sa = *packet->out_sa;
    const auto icv_bytes = info(sa.algorithm_).icv_bytes;
    if (ring.full()) [[unlikely]] {
      refuse(*packet, sa, EspVerdict::CryptoError);
      continue;
    }
    Sealing sealing;
    if (!encapsulate<kIvBytes, 16>(engine, *packet, icv_bytes, sealing)) continue;
    const auto& key = *static_cast<const CbcKeyBlock*>(sa.key_);
    // RFC 3602 3: the IV must be unpredictable. One block of AES over the counter; CFB over zeros
    // is the block cipher itself.
    alignas(16) std::array<std::uint8_t, 16> counter{};
    constexpr std::array<std::uint8_t, 16> kZeros{};
    store64(counter.data(), __builtin_bswap64(sealing.iv));
    auto* iv = sealing.esp + sizeof(net::EspHeader);
    engine.one_shot->aes128_cfb_one(iv, kZeros.data(), counter.data(), key.iv_cipher.data(), 16);

    auto& slot = ring.at(ring.submitted++);
    packet->verdict = EspVerdict::InFlight;
    slot.packet = *packet;
    slot.esp = sealing.esp;
    slot.body_bytes = sealing.body_bytes;
    auto& job = *manager.get_next_job(&manager);
    fill_job(job, sa.algorithm_, key, slot);
    job.enc_keys = key.cipher.data();
    job.auth_tag_output = slot.esp + kFrontBytes + slot.body_bytes;
    job.msg_len_to_hash_in_bytes = hashed_bytes(slot, (sa.flags_ & OutboundSa::kEsn) != 0);
    job.cipher_direction = IMB_DIR_ENCRYPT;
    job.chain_order = IMB_ORDER_CIPHER_HASH;
    submit(engine, manager, &on_encrypted);
  }
  take_finished(engine, manager, &on_encrypted);
}

void EspStages::submit_decrypt(Impl& engine, std::span<EspPacket* const> packets) noexcept {
  auto& manager = *engine.cbc_in;
  auto& ring = engine.in_ring;
  for (auto* packet : packets) {
    auto& sa = *packet->in_sa;
    const std::uint32_t icv_bytes = info(sa.algorithm_).icv_bytes;
    const auto fixed = kFrontBytes + icv_bytes;
    if (packet->length < fixed + 16 || (packet->length - fixed) % 16 != 0) [[unlikely]] {
      refuse(*packet, sa, EspVerdict::Malformed);
      continue;
    }
    if (!admit(*packet)) continue;
    if (ring.full()) [[unlikely]] {
      refuse(*packet, sa, EspVerdict::CryptoError);
      continue;
    }
    sa.window_.prefetch(packet->sequence);
    const auto& key = *static_cast<const CbcKeyBlock*>(sa.key_);
    auto& slot = ring.at(ring.submitted++);
    packet->verdict = EspVerdict::InFlight;
    slot.packet = *packet;
    slot.esp = packet->data;
    slot.body_bytes = packet->length - fixed;
    slot.received_icv = {};
    slot.computed_icv = {};
    std::memcpy(slot.received_icv.data(), slot.esp + kFrontBytes + slot.body_bytes, icv_bytes);
    auto& job = *manager.get_next_job(&manager);
    fill_job(job, sa.algorithm_, key, slot);
    job.dec_keys = key.cipher.data();
    job.auth_tag_output = slot.computed_icv.data();
    job.msg_len_to_hash_in_bytes = hashed_bytes(slot, (sa.flags_ & InboundSa::kEsn) != 0);
    job.cipher_direction = IMB_DIR_DECRYPT;
    job.chain_order = IMB_ORDER_HASH_CIPHER;
    submit(engine, manager, &on_decrypted);
  }
  take_finished(engine, manager, &on_decrypted);
}

void EspStages::flush(Impl& engine) noexcept {
  const auto drain = [&](IMB_MGR& manager, OnJob on_job) {
    while (const auto* job = manager.flush_job(&manager)) on_job(engine, *job);
  };
  drain(*engine.cbc_out, &on_encrypted);
  drain(*engine.cbc_in, &on_decrypted);
}

}  // namespace phalanx::ipsec
