// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/net/fragment.hpp"

#include <rte_mbuf.h>

#include "phalanx/dataplane/worker.hpp"

namespace phalanx::dataplane {

unsigned Worker::fragment(rte_mbuf* packet, std::uint16_t mtu, Fragments& out) noexcept {
  const std::span<const std::byte> whole(rte_pktmbuf_mtod(packet, const std::byte*),
                                         packet->data_len);
  const auto plan = net::Ipv4Fragments::plan(whole, mtu);
  if (!plan || plan->count() > kMaxFragments) {
    drop(packet, DropReason::EspTooBig);
    return 0;
  }
  const auto count = static_cast<unsigned>(plan->count());
  if (rte_pktmbuf_alloc_bulk(setup_.pool, out.data(), count) != 0) {
    drop(packet, DropReason::NoBuffer);
    return 0;
  }
  for (unsigned i = 0; i < count; ++i) {
    auto* piece = out[i];
    const std::span room(rte_pktmbuf_mtod(piece, std::byte*), rte_pktmbuf_tailroom(piece));
    piece->data_len = static_cast<std::uint16_t>(plan->write(i, room));
    piece->pkt_len = piece->data_len;
  }
  counters_.fragmented.add(1);
  counters_.fragments.add(count);
  rte_pktmbuf_free(packet);
  return count;
}

}  // namespace phalanx::dataplane
