// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <bit>

#include "phalanx/net/ip.hpp"
#include "worker_inline.hpp"

namespace phalanx::dataplane {
namespace {

// The design bounds the wait for a quorum to 5 ms; a lease on disk takes as long as one
// fdatasync, which on a busy disk is tens of milliseconds.
constexpr auto kHoldTime = std::chrono::milliseconds(100);

rte_mbuf* mbuf_of(const ipsec::EspPacket& packet) noexcept {
  return static_cast<rte_mbuf*>(packet.cookie);
}

}  // namespace

void Worker::process_esp_in() noexcept {
  std::array<ipsec::InboundSa*, kBurst> sas;
  tables_.sad->lookup_bulk(esp_spis_.data(), esp_in_.count, sas.data());
  unsigned mine = 0;
  for (unsigned i = 0; i < esp_in_.count; ++i) {
    auto& entry = esp_in_.items[i];
    auto* packet = mbuf_of(entry);
    auto* sa = sas[i];
    if (sa == nullptr) [[unlikely]] {
      drop(packet, DropReason::EspUnknownSpi);
      continue;
    }
    if (sa->packet_mode()) [[unlikely]] {
      entry.in_sa = sa;
      striped_in_.push(entry);
      continue;
    }
    if (!handover_.mine(sa->bucket()) && !handed_) [[unlikely]] {
      auto& meta = meta_of(packet);
      meta.task = PacketTask::Decrypt;
      meta.l4_offset =
          static_cast<std::uint16_t>(entry.data - rte_pktmbuf_mtod(packet, const std::uint8_t*));
      meta.length = static_cast<std::uint16_t>(entry.length);
      meta.traffic_class = entry.traffic_class;
      hand_to_peer(packet, handover_.owner(sa->bucket().value()));
      continue;
    }
    entry.in_sa = sa;
    if (mine != i) esp_in_.items[mine] = entry;
    ++mine;
  }
  esp_in_.count = mine;
  if (mine != 0) decrypt_session();
  dispatch_in();
}

void Worker::decrypt_session() noexcept {
  engine_->decrypt(esp_in_.span());
  pass_raises();
  const auto decrypted = esp_in_.span();
  esp_in_.count = 0;
  finish_decrypted(decrypted);
}

void Worker::finish_decrypted(std::span<ipsec::EspPacket> packets) noexcept {
  for (auto& entry : packets) {
    if (entry.verdict == ipsec::EspVerdict::Done) [[likely]] {
      if (must_queue(entry.in_sa->index())) [[unlikely]] {
        hold(entry, true);
        continue;
      }
      if (capturing_) [[unlikely]]
        capture_sa(entry, entry.in_sa->index());
      forward_.push({mbuf_of(entry), entry.data, entry.length, private_port_, true, false, false,
                     PacketMeta::kNoPort});
    } else if (entry.verdict == ipsec::EspVerdict::Held) {
      hold(entry, true);
    } else if (entry.verdict == ipsec::EspVerdict::InFlight) {
      submitted_ = true;
    } else {
      drop(mbuf_of(entry), to_drop_reason(entry.verdict));
    }
  }
}

// Packets of an SA whose earlier ones wait for a lease wait with them, so that their order stays.
void Worker::queue_behind_held() noexcept {
  unsigned left = 0;
  for (unsigned i = 0; i < esp_out_.count; ++i) {
    const auto entry = esp_out_.items[i];
    if (must_queue(entry.out_sa->index())) {
      hold(entry, false);
    } else {
      esp_out_.items[left++] = entry;
    }
  }
  esp_out_.count = left;
}

void Worker::process_esp_out() noexcept {
  if (striped_out_.count != 0) {
    const auto striped = striped_out_.span();
    striped_out_.count = 0;
    if (capturing_) [[unlikely]] {
      for (const auto& entry : striped) capture_sa(entry, entry.out_sa->index());
    }
    dispatch_out(striped);
  }
  if (!held_.empty() && !releasing_) [[unlikely]]
    queue_behind_held();
  if (esp_out_.count == 0) return;
  if (capturing_) [[unlikely]] {
    for (const auto& entry : esp_out_.span()) capture_sa(entry, entry.out_sa->index());
  }
  const auto packets = esp_out_.span();
  engine_->encrypt(packets);
  pass_raises();
  esp_out_.count = 0;
  finish_encrypted(packets);
}

void Worker::finish_encrypted(std::span<ipsec::EspPacket> packets) noexcept {
  auto index = kNoAdjacency;
  const Adjacency* adjacency = nullptr;
  for (auto& entry : packets) {
    if (entry.verdict == ipsec::EspVerdict::Done) [[likely]] {
      // Neighbouring packets often have one next hop.
      const AdjacencyIndex wanted(entry.out_sa->tx_hint());
      if (wanted != index) {
        index = wanted;
        adjacency = tables_.adjacencies->lookup(index);
      }
      if (adjacency != nullptr) [[likely]] {
        frame_and_send(mbuf_of(entry), entry.data, entry.length, *adjacency);
      } else {
        trim(mbuf_of(entry), entry.data, entry.length);
        // ESP is our own: nobody hears of it when its peer cannot be reached.
        send_adjacent(mbuf_of(entry), index, {private_port_, true});
      }
    } else if (entry.verdict == ipsec::EspVerdict::Held) {
      hold(entry, false);
    } else if (entry.verdict == ipsec::EspVerdict::TooBig) {
      too_big(entry);
    } else if (entry.verdict == ipsec::EspVerdict::InFlight) {
      submitted_ = true;
    } else {
      drop(mbuf_of(entry), to_drop_reason(entry.verdict));
    }
  }
}

void Worker::collect_crypto() noexcept {
  // Everything that finished while other packets were submitted, in bursts that the lists can take.
  if (engine_->pending() == 0) return;
  std::array<ipsec::EspPacket, kBurst> done;
  while (const auto count = engine_->collect_encrypted(done)) {
    finish_encrypted({done.data(), count});
  }
  while (const auto count = engine_->collect_decrypted(done)) {
    finish_decrypted({done.data(), count});
    run_lists();
  }
}

void Worker::too_big(const ipsec::EspPacket& entry) noexcept {
  auto* packet = mbuf_of(entry);
  trim(packet, entry.data, entry.length);
  const auto mtu = entry.out_sa->inner_mtu();
  if (entry.family != 4 || entry.dont_fragment) {
    const auto from = std::bit_cast<ClearOrigin>(entry.tag);
    if (from.own) {
      drop(packet, DropReason::EspTooBig);
      return;
    }
    punt(packet, PuntReason::PacketTooBig, from.from_tunnel ? private_port_ : from.port, 0,
         from.from_tunnel, mtu);
    return;
  }
  // RFC 4301 8.2.1: a packet that may be fragmented is, before encryption, so that the other end
  // need not reassemble ESP.
  Fragments fragments;
  const auto count = fragment(packet, mtu, fragments);
  std::array<ipsec::EspPacket, kMaxFragments> entries;
  for (unsigned i = 0; i < count; ++i) {
    auto* piece = fragments[i];
    entries[i] = entry;
    entries[i].data = rte_pktmbuf_mtod(piece, std::uint8_t*);
    entries[i].length = piece->data_len;
    entries[i].headroom = piece->data_off;
    entries[i].tailroom = rte_pktmbuf_tailroom(piece);
    entries[i].cookie = piece;
    entries[i].dont_fragment = true;
  }
  if (count == 0) return;
  if (entry.out_sa->packet_mode()) {
    dispatch_out({entries.data(), count});
    return;
  }
  engine_->encrypt({entries.data(), count});
  pass_raises();
  finish_encrypted({entries.data(), count});
}

void Worker::hold(const ipsec::EspPacket& entry, bool inbound) noexcept {
  const auto sa = inbound ? entry.in_sa->index() : entry.out_sa->index();
  if (!held_.push({entry, setup_.clock->now() + kHoldTime, sa, inbound})) [[unlikely]] {
    drop(mbuf_of(entry), DropReason::HoldFull);
    return;
  }
}

namespace {

// SAs of which a packet had to stay in this round: a limit that rises meanwhile must not let the
// packets behind it overtake. Knows the first so many; with more, a race that lasts microseconds
// may put packets of one of the others out of order.
class Stayed {
 public:
  [[nodiscard]] bool has(std::uint32_t sa) const noexcept {
    return std::find(sas_.begin(), sas_.begin() + count_, sa) != sas_.begin() + count_;
  }
  void add(std::uint32_t sa) noexcept {
    if (count_ < sas_.size() && !has(sa)) sas_[count_++] = sa;
  }

 private:
  std::array<std::uint32_t, 32> sas_;
  std::size_t count_ = 0;
};

// waiting: outbound packets in the lists, which get their numbers first.
bool lease_allows(const HoldQueue::Entry& entry, unsigned waiting) noexcept {
  if (entry.inbound) return entry.packet.in_sa->gate().allows(entry.packet.sequence);
  return entry.packet.out_sa->gate().allows(entry.packet.out_sa->next_sequence() + waiting);
}

}  // namespace

void Worker::retry_held() noexcept {
  const auto version = tables_.lease_version.load(std::memory_order_acquire);
  const auto now = setup_.clock->now();
  if (version == seen_lease_version_ && held_.front().deadline > now) return;
  seen_lease_version_ = version;
  releasing_ = true;
  Stayed stayed;
  // One round: what has to wait again goes to the end, so that the order of each SA stays.
  for (auto left = held_.size(); left > 0; --left) {
    auto entry = held_.pop();
    auto* packet = mbuf_of(entry.packet);
    bool allowed =
        !stayed.has(entry.sa) && lease_allows(entry, esp_out_.count + striped_out_.count);
    if (allowed && !entry.inbound && entry.packet.out_sa->packet_mode() && !lanes_have_room()) {
      allowed = false;
      seen_lease_version_ = version - 1;  // another try with the next poll
    }
    if (!allowed) stayed.add(entry.sa);
    if (allowed) {
      counters_.hold_released.add(1);
      if (entry.inbound) {
        release_inbound(entry.packet);
      } else {
        (entry.packet.out_sa->packet_mode() ? striped_out_ : esp_out_).push(entry.packet);
      }
      if (esp_out_.count == kBurst || striped_out_.count == kBurst || forward_.count == kBurst) {
        run_lists();
      }
    } else if (entry.deadline <= now) {
      drop(packet, DropReason::HoldTimeout);
    } else if (!held_.push(entry)) {
      drop(packet, DropReason::HoldFull);
    }
  }
  run_lists();
  releasing_ = false;
}

void Worker::release_inbound(ipsec::EspPacket& packet) noexcept {
  if ((packet.tag & kFramed) == 0) {
    packet.verdict = ipsec::EspVerdict::Done;
    finish_decrypted({&packet, 1});
    return;
  }
  if (forward_.count != 0) run_lists();  // those were before it
  trim(mbuf_of(packet), packet.data, packet.length);
  transmit(mbuf_of(packet), static_cast<std::uint8_t>(packet.tag), packet.length);
}

void Worker::pass_raises() noexcept {
  for (const auto& raise : engine_->raises()) {
    // Cannot be full: it has a slot for each SA and direction, and each asks once a limit. The
    // lease service's scan would notice a lost request all the same.
    if (!setup_.raises->push(raise.direction, raise.index)) break;
  }
  engine_->clear_raises();
}

}  // namespace phalanx::dataplane
