// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "bench_crypto.hpp"

#include <rte_malloc.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace phalanx::bench {
namespace {

using ipsec::EspAlgorithm;

// The three hashes of RFC 4868, as the library names them.
struct HmacHash {
  IMB_HASH_ALG algorithm;
  std::size_t block_bytes;
  hash_one_block_t one_block;
};

HmacHash hmac_hash(const IMB_MGR& manager, EspAlgorithm algorithm) {
  switch (ipsec::info(algorithm).auth_key_bytes) {
    case 32: return {IMB_AUTH_HMAC_SHA_256, 64, manager.sha256_one_block};
    case 48: return {IMB_AUTH_HMAC_SHA_384, 128, manager.sha384_one_block};
    default: return {IMB_AUTH_HMAC_SHA_512, 128, manager.sha512_one_block};
  }
}

IMB_HASH_ALG hmac_algorithm(std::uint8_t auth_key_bytes) noexcept {
  switch (auth_key_bytes) {
    case 32: return IMB_AUTH_HMAC_SHA_256;
    case 48: return IMB_AUTH_HMAC_SHA_384;
    default: return IMB_AUTH_HMAC_SHA_512;
  }
}

bool is_gcm(EspAlgorithm algorithm) noexcept {
  const auto& row = ipsec::info(algorithm);
  return row.combined() && algorithm != EspAlgorithm::ChaCha20Poly1305;
}

void expand_gcm(IMB_MGR& manager, std::uint8_t key_length, const std::uint8_t* key,
                std::uint8_t* to) {
  auto* expanded = new (to) gcm_key_data;
  if (key_length == 16) IMB_AES128_GCM_PRE(&manager, key, expanded);
  if (key_length == 24) IMB_AES192_GCM_PRE(&manager, key, expanded);
  if (key_length == 32) IMB_AES256_GCM_PRE(&manager, key, expanded);
}

void expand_cbc(IMB_MGR& manager, EspAlgorithm algorithm, const std::uint8_t* key,
                std::uint8_t* to) {
  auto* expanded = new (to) KeyTable::CbcKey{};
  const auto& row = ipsec::info(algorithm);
  if (row.key_bytes == 16) {
    IMB_AES_KEYEXP_128(&manager, key, expanded->encrypt.data(), expanded->decrypt.data());
  } else {
    IMB_AES_KEYEXP_256(&manager, key, expanded->encrypt.data(), expanded->decrypt.data());
  }
  const auto hash = hmac_hash(manager, algorithm);
  std::array<std::uint8_t, 128> block{};
  const auto fill = [&](std::uint8_t pad) {
    block.fill(pad);
    for (std::size_t i = 0; i < row.auth_key_bytes; ++i) {
      block[i] = static_cast<std::uint8_t>(key[row.key_bytes + i] ^ pad);
    }
  };
  fill(0x36);  // RFC 2104 2
  hash.one_block(block.data(), expanded->inner.data());
  fill(0x5c);
  hash.one_block(block.data(), expanded->outer.data());
}

}  // namespace

Manager make_manager() {
  Manager manager(alloc_mb_mgr(0));
  if (manager) init_mb_mgr_auto(manager.get(), nullptr);
  return manager;
}

void KeyTable::Free::operator()(std::uint8_t* memory) const noexcept {
  rte_free(memory);
}

KeyTable::KeyTable(IMB_MGR& manager, EspAlgorithm algorithm, ipsec::Direction direction,
                   std::uint32_t sas)
    : algorithm_(algorithm), salts_(sas) {
  const auto& row = ipsec::info(algorithm);
  const std::size_t bytes = is_gcm(algorithm) ? sizeof(gcm_key_data)
                            : row.combined()  ? row.key_bytes
                                              : sizeof(CbcKey);
  stride_ = (bytes + 63) / 64 * 64;
  memory_.reset(static_cast<std::uint8_t*>(rte_zmalloc("bench_keys", stride_ * sas, 64)));
  if (!memory_) throw std::bad_alloc();
  for (std::uint32_t sa = 0; sa < sas; ++sa) {
    const auto raw = key_bytes(direction, sa);
    std::uint8_t* to = memory_.get() + std::size_t{sa} * stride_;
    if (is_gcm(algorithm)) {
      expand_gcm(manager, row.key_bytes, raw.data(), to);
    } else if (row.combined()) {
      std::memcpy(to, raw.data(), row.key_bytes);
    } else {
      expand_cbc(manager, algorithm, raw.data(), to);
    }
    std::memcpy(&salts_[sa], raw.data() + row.key_bytes, row.salt_bytes);
  }
}

void fill_job(IMB_JOB& job, const KeyTable& keys, const EspItem& item, bool encrypt,
              JobScratch& scratch) noexcept {
  const auto& row = ipsec::info(keys.algorithm());
  const std::size_t header = 8u + row.iv_bytes;
  std::uint8_t* payload = item.esp + header;
  job.cipher_direction = encrypt ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
  job.chain_order = encrypt ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
  job.key_len_in_bytes = row.key_bytes;
  job.src = item.esp;
  job.dst = payload;
  job.cipher_start_src_offset_in_bytes = header;
  job.msg_len_to_cipher_in_bytes = item.cipher_bytes;
  job.auth_tag_output = encrypt ? payload + item.cipher_bytes : scratch.tag.data();
  job.auth_tag_output_len_in_bytes = row.icv_bytes;
  if (row.combined()) {
    const std::uint32_t salt = keys.salt(item.sa);
    std::memcpy(scratch.nonce.data(), &salt, sizeof(salt));
    std::memcpy(scratch.nonce.data() + sizeof(salt), item.esp + 8, 8);
    job.iv = scratch.nonce.data();
    job.iv_len_in_bytes = 12;
    job.hash_start_src_offset_in_bytes = header;
    job.msg_len_to_hash_in_bytes = item.cipher_bytes;
    job.enc_keys = job.dec_keys = keys.key(item.sa);
    if (is_gcm(keys.algorithm())) {
      job.cipher_mode = IMB_CIPHER_GCM;
      job.hash_alg = IMB_AUTH_AES_GMAC;
      job.u.GCM.aad = item.esp;
      job.u.GCM.aad_len_in_bytes = 8;
    } else {
      job.cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
      job.hash_alg = IMB_AUTH_CHACHA20_POLY1305;
      job.u.CHACHA20_POLY1305.aad = item.esp;
      job.u.CHACHA20_POLY1305.aad_len_in_bytes = 8;
    }
    return;
  }
  const auto* key = reinterpret_cast<const KeyTable::CbcKey*>(keys.key(item.sa));
  job.cipher_mode = IMB_CIPHER_CBC;
  job.hash_alg = hmac_algorithm(row.auth_key_bytes);
  job.enc_keys = key->encrypt.data();
  job.dec_keys = key->decrypt.data();
  job.iv = item.esp + 8;
  job.iv_len_in_bytes = row.iv_bytes;
  job.msg_len_to_hash_in_bytes = header + item.cipher_bytes;
  job.u.HMAC._hashed_auth_key_xor_ipad = key->inner.data();
  job.u.HMAC._hashed_auth_key_xor_opad = key->outer.data();
}

bool tag_matches(const KeyTable& keys, const EspItem& item, const JobScratch& scratch) noexcept {
  const auto& row = ipsec::info(keys.algorithm());
  return std::memcmp(scratch.tag.data(), item.esp + 8 + row.iv_bytes + item.cipher_bytes,
                     row.icv_bytes) == 0;
}

bool run_jobs(IMB_MGR& manager, const KeyTable& keys, std::span<const EspItem> items,
              bool encrypt) {
  constexpr std::size_t kChunk = 64;  // well below the library's queue of 256 jobs
  std::array<JobScratch, kChunk> scratch;
  std::size_t completed = 0;
  const auto count = [&](const IMB_JOB* job) {
    if (job != nullptr && job->status == IMB_STATUS_COMPLETED) ++completed;
  };
  bool good = true;
  for (std::size_t first = 0; first < items.size(); first += kChunk) {
    const auto chunk = items.subspan(first, std::min(kChunk, items.size() - first));
    for (std::size_t i = 0; i < chunk.size(); ++i) {
      fill_job(*IMB_GET_NEXT_JOB(&manager), keys, chunk[i], encrypt, scratch[i]);
      for (const IMB_JOB* job = IMB_SUBMIT_JOB(&manager); job != nullptr;
           job = IMB_GET_COMPLETED_JOB(&manager)) {
        count(job);
      }
    }
    for (const IMB_JOB* job = IMB_FLUSH_JOB(&manager); job != nullptr;
         job = IMB_FLUSH_JOB(&manager)) {
      count(job);
    }
    for (std::size_t i = 0; !encrypt && i < chunk.size(); ++i) {
      good = good && tag_matches(keys, chunk[i], scratch[i]);
    }
  }
  return good && completed == items.size();
}

}  // namespace phalanx::bench
