// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dpdk/frame_port.hpp"

#include <rte_ethdev.h>

#include <cstring>
#include <utility>

namespace phalanx::dpdk {
namespace {

constexpr std::uint16_t kQueue = 0;

}  // namespace

FramePort::~FramePort() {
  release();
  while (next_ < count_) rte_pktmbuf_free(burst_[next_++]);
}

void FramePort::release() noexcept {
  rte_pktmbuf_free(std::exchange(current_, nullptr));
}

FramePort::Sent FramePort::send(std::span<const std::byte> frame) noexcept {
  auto* packet = rte_pktmbuf_alloc(pool_);
  if (packet == nullptr || frame.size() > rte_pktmbuf_tailroom(packet)) {
    rte_pktmbuf_free(packet);
    return Sent::NoBuffer;
  }
  std::memcpy(rte_pktmbuf_mtod(packet, void*), frame.data(), frame.size());
  packet->data_len = static_cast<std::uint16_t>(frame.size());
  packet->pkt_len = packet->data_len;
  if (rte_eth_tx_burst(device_port_, kQueue, &packet, 1) == 1) return Sent::Ok;
  rte_pktmbuf_free(packet);
  return Sent::QueueFull;
}

std::optional<std::span<const std::byte>> FramePort::receive() noexcept {
  release();
  if (next_ == count_) {
    next_ = 0;
    count_ = rte_eth_rx_burst(device_port_, kQueue, burst_.data(), kBurst);
    if (count_ == 0) return std::nullopt;
  }
  current_ = burst_[next_++];
  if (current_->nb_segs != 1) return std::span<const std::byte>();
  return std::span(rte_pktmbuf_mtod(current_, const std::byte*), current_->data_len);
}

}  // namespace phalanx::dpdk
