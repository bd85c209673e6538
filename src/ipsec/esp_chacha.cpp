// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "esp_stages.hpp"

// ChaCha20-Poly1305 (RFC 7634) has no one-shot function in intel-ipsec-mb 1.3. A job of it is
// finished when submit returns, as nothing else is ever queued in this manager.

namespace phalanx::ipsec {
namespace {

bool run(IMB_MGR& manager, const AeadOp& op, std::uint8_t* tag,
         IMB_CIPHER_DIRECTION direction) noexcept {
  auto* job = manager.get_next_job(&manager);
  job->enc_keys = op.key;
  job->dec_keys = op.key;
  job->key_len_in_bytes = 32;
  job->src = op.body;
  job->dst = op.body;
  job->cipher_start_src_offset_in_bytes = 0;
  job->msg_len_to_cipher_in_bytes = op.shape.body_bytes;
  job->hash_start_src_offset_in_bytes = 0;
  job->msg_len_to_hash_in_bytes = op.shape.body_bytes;
  job->iv = op.nonce.data();
  job->iv_len_in_bytes = op.nonce.size();
  job->auth_tag_output = tag;
  job->auth_tag_output_len_in_bytes = 16;
  job->u.CHACHA20_POLY1305.aad = op.aad;
  job->u.CHACHA20_POLY1305.aad_len_in_bytes = op.shape.aad_bytes;
  job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
  job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
  job->cipher_direction = direction;
  job->chain_order = direction == IMB_DIR_ENCRYPT ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
  const auto* done = manager.submit_job_nocheck(&manager);
  return done != nullptr && done->status == IMB_STATUS_COMPLETED;
}

}  // namespace

bool EspStages::chacha_seal(Impl& engine, const AeadOp& op, std::uint8_t* tag) noexcept {
  return run(*engine.one_shot, op, tag, IMB_DIR_ENCRYPT);
}

bool EspStages::chacha_open(Impl& engine, const AeadOp& op, std::uint8_t* tag) noexcept {
  return run(*engine.one_shot, op, tag, IMB_DIR_DECRYPT);
}

}  // namespace phalanx::ipsec
