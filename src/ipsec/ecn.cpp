// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "ecn.hpp"

#include "phalanx/base/bytes.hpp"
#include "phalanx/net/checksum.hpp"

namespace phalanx::ipsec {

void write_ecn(std::uint8_t* ip, std::uint8_t version, std::uint8_t ecn) noexcept {
  if (version == 6) {
    // Traffic class: low half of byte 0 and high half of byte 1; ECN is its low two bits.
    ip[1] = static_cast<std::uint8_t>((ip[1] & ~(net::kEcnMask << 4)) | (ecn << 4));
    return;
  }
  auto* header = base::wire_at<net::Ipv4Header>(ip);
  const auto word = [&] {
    return static_cast<std::uint16_t>((header->version_ihl << 8) | header->type_of_service);
  };
  const auto before = word();
  header->type_of_service =
      static_cast<std::uint8_t>((header->type_of_service & ~net::kEcnMask) | ecn);
  header->checksum = base::be16(net::checksum_update(header->checksum.host(), before, word()));
}

}  // namespace phalanx::ipsec
