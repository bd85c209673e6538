// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "phalanx/base/ids.hpp"
#include "phalanx/net/address.hpp"
#include "phalanx/net/grounds.hpp"

namespace phalanx::net {

// Keyed hash of a packet's grounds into one of 256 buckets. The key is the cluster's birth key:
// whoever does not know it cannot aim traffic at a node. AES-128-CBC-MAC over the class byte and
// the class's fixed-length grounds, zero-padded to whole blocks; the bucket is the first byte of
// the tag. Each class has one input length, so the classes are prefix-free. Frozen; see docs/abi.md
// and tests/vectors/bucket_hash.txt.
class BucketHash {
 public:
  using Key = std::array<std::uint8_t, 16>;
  // Needs cpu_has_aes(). The expanded key is wiped with the object.
  explicit BucketHash(const Key& key) noexcept;
  ~BucketHash();
  BucketHash(const BucketHash&) noexcept = default;
  BucketHash& operator=(const BucketHash&) noexcept = default;

  [[nodiscard]] base::BucketIndex esp_session(base::Spi spi) const noexcept;
  [[nodiscard]] base::BucketIndex esp_packet(base::Spi spi, std::uint32_t stripe) const noexcept;
  [[nodiscard]] base::BucketIndex ike(std::uint64_t ike_spi) const noexcept;
  // TCP, UDP, SCTP: both directions of a flow share a bucket. Ports in host order. Here and below
  // both addresses are of one family.
  [[nodiscard]] base::BucketIndex flow(const IpAddress& a, const IpAddress& b,
                                       std::uint8_t protocol, std::uint16_t port_a,
                                       std::uint16_t port_b) const noexcept;
  [[nodiscard]] base::BucketIndex icmp(const IpAddress& a, const IpAddress& b,
                                       std::uint16_t identifier) const noexcept;
  [[nodiscard]] base::BucketIndex other(const IpAddress& a, const IpAddress& b,
                                        std::uint8_t protocol) const noexcept;
  [[nodiscard]] base::BucketIndex fragment(const IpAddress& source, const IpAddress& destination,
                                           std::uint32_t identification) const noexcept;
  // The buckets of a burst's first `count` packets, many at a time.
  void burst(const GroundsBurst& grounds, std::size_t count,
             base::BucketIndex* buckets) const noexcept;

 private:
  alignas(16) std::array<std::array<std::uint8_t, 16>, 11> round_keys_;
};

// Whether this CPU has what BucketHash needs (AES-NI). Checked once at start.
[[nodiscard]] bool cpu_has_aes() noexcept;

}  // namespace phalanx::net
