// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <algorithm>

#include "esp_stages.hpp"

// What differs for SAs in packet mode: numbers come from the owner, everything that is written per
// packet belongs to this worker or to the bucket's context.

namespace phalanx::ipsec {

bool EspStages::claim_striped(Impl& engine, EspPacket& packet, Sealing& out) noexcept {
  auto& sa = *packet.out_sa;
  auto& shard = sa.shards_->shards[engine.worker];
  if (!take_iv(sa, shard.iv_next)) [[unlikely]] {
    refuse(engine, packet, sa, EspVerdict::IvExhausted);
    return false;
  }
  out.iv = shard.iv_next++ ^ shard.iv_base;
  out.sequence = packet.sequence;
  shard.packets.add(1);
  shard.bytes.add(packet.length);
  return true;
}

ReplayVerdict EspStages::check_striped(Impl& engine, EspPacket& packet,
                                       std::uint32_t wire) noexcept {
  const auto& sa = *packet.in_sa;
  const auto& context = sa.striped_->contexts[packet.bucket];
  packet.sequence = wire;
  if ((sa.flags_ & InboundSa::kEsn) != 0) {
    // The bucket is computed from the low half, so all numbers that one wire number can mean have
    // this context. Its top lags behind that of the SA by what other buckets carried since; the
    // worker's own top mends that, and together they are never 2^31 behind.
    const auto top = sa.striped_->shards[engine.worker].top.get();
    packet.sequence = guess_sequence(std::max(top, context.top()), wire);
  }
  return context.check(packet.sequence, sa.stripe_shift_);
}

ReplayVerdict EspStages::accept_striped(Impl& engine, const EspPacket& packet) noexcept {
  auto& sa = *packet.in_sa;
  auto& striped = *sa.striped_;
  const auto verdict = striped.contexts[packet.bucket].accept(packet.sequence, sa.stripe_shift_);
  auto& shard = striped.shards[engine.worker];
  if (verdict == ReplayVerdict::Fresh && packet.sequence > shard.top.get()) {
    shard.top.set(packet.sequence);
  }
  return verdict;
}

void EspStages::count_striped(Impl& engine, InboundSa& sa, std::uint32_t bytes) noexcept {
  auto& shard = sa.striped_->shards[engine.worker];
  shard.packets.add(1);
  shard.bytes.add(bytes);
}

void EspStages::prefetch_striped(const EspPacket& packet) noexcept {
  packet.in_sa->striped_->contexts[packet.bucket].prefetch();
}

namespace {

// Combined modes are done; CBC+HMAC ones are made to be, and take the places they were given from.
// What else the manager finishes with them stays to be collected.
void settle(CbcRing& ring, std::span<EspPacket> packets) noexcept {
  // The newest ones submitted, in order; nothing was collected since.
  auto position = ring.submitted;
  for (auto packet = packets.rbegin(); packet != packets.rend(); ++packet) {
    if (packet->verdict != EspVerdict::InFlight) continue;
    *packet = ring.at(--position).packet;
  }
  ring.submitted = ring.completed = ring.settled = position;
}

bool any_in_flight(std::span<const EspPacket> packets) noexcept {
  return std::any_of(packets.begin(), packets.end(), [](const EspPacket& packet) {
    return packet.verdict == EspVerdict::InFlight;
  });
}

}  // namespace

void EspEngine::encrypt_shared(std::span<EspPacket> packets) noexcept {
  EspStages::encrypt<SaMode::Packet>(*impl_, packets);
  if (!any_in_flight(packets)) [[likely]]
    return;
  EspStages::flush(*impl_);
  settle(impl_->out_ring, packets);
}

void EspEngine::decrypt_shared(std::span<EspPacket> packets) noexcept {
  for (const auto& packet : packets) EspStages::prefetch_striped(packet);
  EspStages::decrypt<SaMode::Packet>(*impl_, packets);
  if (!any_in_flight(packets)) [[likely]]
    return;
  EspStages::flush(*impl_);
  settle(impl_->in_ring, packets);
}

}  // namespace phalanx::ipsec
