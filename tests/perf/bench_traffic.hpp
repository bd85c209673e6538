// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bench_crypto.hpp"
#include "bench_plan.hpp"

namespace phalanx::bench {

// Frames of one plan, and what has to come out of a gateway for them. One thread. Knows nothing of
// the code that is measured: packets are built and opened with intel-ipsec-mb directly.
class Traffic {
 public:
  explicit Traffic(const Plan& plan);

  // Length of every frame that goes in.
  [[nodiscard]] std::uint16_t frame_bytes() const noexcept { return frame_bytes_; }

  // Starts a round. Its packets belong to SAs in random order; none comes again before all others
  // had their turn, be it in this round or in later ones.
  void begin_round();
  [[nodiscard]] std::uint32_t sa_of(std::uint32_t packet) const noexcept {
    return order_[first_ + packet];
  }

  // Writes packet number `packet` of the round. Inbound ones are clear until seal().
  void write_frame(std::uint32_t packet, std::uint8_t* frame);
  // Inbound: encrypts what was written since the last call. Throws when the library fails.
  void seal();

  // Whether a frame that left the gateway is what its packet had to become: addresses, hop limit,
  // checksums, and outbound the ESP packet that a peer with the same key can open. Opens in place.
  [[nodiscard]] bool check(std::span<std::uint8_t> frame, std::uint32_t sa);

 private:
  void write_inner(std::uint8_t* to, std::uint32_t sa, std::uint8_t ttl) const;
  void write_esp(std::uint8_t* ip, std::uint32_t sa);
  [[nodiscard]] bool check_esp(std::span<std::uint8_t> ip, std::uint32_t sa);
  [[nodiscard]] bool inner_matches(const std::uint8_t* ip, std::uint32_t sa);

  Plan plan_;
  Manager manager_;
  KeyTable keys_;
  std::uint32_t cipher_bytes_;  // payload, padding and trailer
  std::uint16_t frame_bytes_;
  std::uint64_t random_ = 0x2545'f491'4f6c'dd1d;
  std::vector<std::uint32_t> order_;
  std::size_t first_;                    // of this round, in order_
  std::vector<std::uint32_t> sequence_;  // of each SA, the last one sent
  std::vector<EspItem> unsealed_;
  std::vector<std::uint8_t> pattern_;
  std::vector<std::uint8_t> expected_;
};

// Bytes that ESP encrypts for an inner packet: padded to a multiple of the block (at least 4),
// with pad length and next header, RFC 4303 2.4.
[[nodiscard]] std::uint32_t padded_bytes(ipsec::EspAlgorithm algorithm,
                                         std::uint32_t inner_bytes) noexcept;

}  // namespace phalanx::bench
