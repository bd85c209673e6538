// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "esp_encapsulate.hpp"

namespace phalanx::ipsec {

// Why an SA has no number for its next packet, of which nothing has changed.
[[gnu::noinline, gnu::cold]] EspVerdict EspStages::why_no_number(Impl& engine,
                                                                 OutboundSa& sa) noexcept {
  const auto sequence = sa.next_sequence_.get();
  if (sequence > last_sequence(sa)) return EspVerdict::SequenceExhausted;
  raise_if_due(engine, sa, sequence);
  return EspVerdict::Held;
}

template <SaMode kMode>
void EspStages::encrypt(Impl& engine, std::span<EspPacket> packets) noexcept {
  std::array<AeadOp, EspEngine::kBurst> ops;
  std::array<EspPacket*, EspEngine::kBurst> cbc;
  std::size_t num_ops = 0;
  std::size_t num_cbc = 0;
  for (auto& packet : packets) {
    auto& sa = *packet.out_sa;
    if (!is_combined(sa.algorithm_)) {
      cbc[num_cbc++] = &packet;
      continue;
    }
    Sealing sealing;
    if (!encapsulate<kMode, 8, 4>(engine, packet, 16, sealing)) continue;
    auto& op = ops[num_ops++];
    op.packet = &packet;
    op.key = sa.key_;
    op.body = sealing.esp + 16;
    const bool esn = (sa.flags_ & OutboundSa::kEsn) != 0;
    set_shape(op, sa.algorithm_, sealing.body_bytes, esn);
    engine.prefetch_key_early(ops.data(), num_ops - 1);
    const auto iv = __builtin_bswap64(sealing.iv);
    std::memcpy(op.nonce.data(), sa.salt_.data(), 4);
    store64(op.nonce.data() + 4, iv);
    store64(sealing.esp + 8, iv);
    set_aad(op, sealing.esp, esn, sealing.sequence);
    packet.verdict = EspVerdict::Done;
  }

  for (std::size_t i = 0; i < num_ops; ++i) {
    engine.prefetch_key_late(ops.data(), i, num_ops);
    const auto& op = ops[i];
    auto* tag = op.body + op.shape.body_bytes;
    const auto gcm = engine.seal[static_cast<std::size_t>(op.shape.algorithm)];
    if (gcm != nullptr) [[likely]] {
      gcm(static_cast<const gcm_key_data*>(op.key), &engine.gcm_context, op.body, op.body,
          op.shape.body_bytes, op.nonce.data(), op.aad, op.shape.aad_bytes, tag, 16);
    } else if (!chacha_seal(engine, op, tag)) {
      refuse(engine, *op.packet, *op.packet->out_sa, EspVerdict::CryptoError);
    }
  }
  if (num_cbc != 0) submit_encrypt<kMode>(engine, std::span(cbc).first(num_cbc));
}

template void EspStages::encrypt<SaMode::Session>(Impl&, std::span<EspPacket>) noexcept;
template void EspStages::encrypt<SaMode::Packet>(Impl&, std::span<EspPacket>) noexcept;

}  // namespace phalanx::ipsec
