// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <intel-ipsec-mb.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "bench_plan.hpp"

namespace phalanx::bench {

struct FreeManager {
  void operator()(IMB_MGR* manager) const noexcept { free_mb_mgr(manager); }
};
using Manager = std::unique_ptr<IMB_MGR, FreeManager>;
// With the widest instructions of this CPU. Null without memory.
[[nodiscard]] Manager make_manager();

// Expanded keys of all SAs of one direction, back to back in memory of the DPDK heap (huge pages
// when there are any), as a program that does nothing else would lay them out.
class KeyTable {
 public:
  KeyTable(IMB_MGR& manager, ipsec::EspAlgorithm algorithm, ipsec::Direction direction,
           std::uint32_t sas);

  // GCM: gcm_key_data. ChaCha20: the key. CBC: CbcKey.
  [[nodiscard]] const std::uint8_t* key(std::uint32_t sa) const noexcept {
    return memory_.get() + std::size_t{sa} * stride_;
  }
  [[nodiscard]] std::uint32_t salt(std::uint32_t sa) const noexcept { return salts_[sa]; }
  [[nodiscard]] ipsec::EspAlgorithm algorithm() const noexcept { return algorithm_; }

  struct CbcKey {
    alignas(16) std::array<std::uint8_t, 240> encrypt;
    alignas(16) std::array<std::uint8_t, 240> decrypt;
    alignas(16) std::array<std::uint8_t, 64> inner;  // hash state after the key xor ipad
    alignas(16) std::array<std::uint8_t, 64> outer;  // and after the key xor opad
  };

 private:
  struct Free {
    void operator()(std::uint8_t* memory) const noexcept;
  };

  ipsec::EspAlgorithm algorithm_;
  std::size_t stride_ = 0;
  std::unique_ptr<std::uint8_t, Free> memory_;
  std::vector<std::uint32_t> salts_;
};

// One ESP packet in memory: header, IV, `cipher_bytes` of payload and trailer, ICV.
struct EspItem {
  std::uint32_t sa = 0;
  std::uint8_t* esp = nullptr;
  std::uint32_t cipher_bytes = 0;
};

// Nonce (RFC 4106 4: salt, IV) of a counter mode and computed ICV of one packet in flight.
struct JobScratch {
  alignas(16) std::array<std::uint8_t, 16> nonce;
  alignas(16) std::array<std::uint8_t, 64> tag;
};

// Describes the packet to the library, with 32-bit sequence numbers: the ESP header is the AAD.
// Encrypting writes the ICV behind the packet, decrypting writes it into the scratch.
void fill_job(IMB_JOB& job, const KeyTable& keys, const EspItem& item, bool encrypt,
              JobScratch& scratch) noexcept;
// Whether the ICV that decryption computed is the one behind the packet.
[[nodiscard]] bool tag_matches(const KeyTable& keys, const EspItem& item,
                               const JobScratch& scratch) noexcept;

// Encrypts or decrypts in place; false when a job failed or, decrypting, an ICV was wrong.
[[nodiscard]] bool run_jobs(IMB_MGR& manager, const KeyTable& keys, std::span<const EspItem> items,
                            bool encrypt);

}  // namespace phalanx::bench
