// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
// rte_ipv4_fragment_copy_nonseg_packet: experimental in DPDK 22.11, which Debian 12 keeps.
#define ALLOW_EXPERIMENTAL_API
#include <rte_ip_frag.h>

#include "phalanx/dataplane/worker.hpp"
#include "phalanx/net/checksum.hpp"
#include "phalanx/net/ip.hpp"

namespace phalanx::dataplane {

unsigned Worker::fragment(rte_mbuf* packet, std::uint16_t mtu, Fragments& out) noexcept {
  const auto* original = rte_pktmbuf_mtod(packet, const net::Ipv4Header*);
  const auto header_length = static_cast<std::uint16_t>((original->version_ihl & 0x0f) * 4);
  // RFC 791 3.2: the data of all fragments but the last is a multiple of 8 bytes. The library wants
  // the sum of header and such data.
  if (mtu < header_length + 8) {
    drop(packet, DropReason::EspTooBig);
    return 0;
  }
  const auto piece_bytes = static_cast<std::uint16_t>(header_length + ((mtu - header_length) & ~7));
  const auto count = rte_ipv4_fragment_copy_nonseg_packet(packet, out.data(), kMaxFragments,
                                                          piece_bytes, setup_.pool);
  if (count <= 0) {
    drop(packet, DropReason::NoBuffer);
    return 0;
  }
  for (int i = 0; i < count; ++i) {
    // The library leaves the checksum to the device.
    out[static_cast<unsigned>(i)]->ol_flags = 0;
    auto* header = rte_pktmbuf_mtod(out[static_cast<unsigned>(i)], net::Ipv4Header*);
    header->checksum = {};
    header->checksum =
        base::be16(net::checksum({reinterpret_cast<const std::byte*>(header),
                                  static_cast<std::size_t>((header->version_ihl & 0x0f) * 4)}));
  }
  counters_.fragmented.add(1);
  counters_.fragments.add(static_cast<std::uint64_t>(count));
  rte_pktmbuf_free(packet);
  return static_cast<unsigned>(count);
}

}  // namespace phalanx::dataplane
