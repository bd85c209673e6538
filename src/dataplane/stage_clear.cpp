// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <rte_mbuf.h>

#include <bit>

#include "phalanx/dataplane/worker.hpp"
#include "phalanx/net/ip.hpp"
#include "ttl.hpp"

namespace phalanx::dataplane {
namespace {

FlowVerdict drop_verdict(DropReason reason) noexcept {
  FlowVerdict verdict;
  verdict.action = FlowAction::Drop;
  verdict.drop = reason;
  return verdict;
}

net::IpAddress source_of(const ipsec::FlowKey& key) noexcept {
  return key.family == 4 ? net::IpAddress::v4_from(key.source.data())
                         : net::IpAddress::v6_from(key.source.data());
}
net::IpAddress destination_of(const ipsec::FlowKey& key) noexcept {
  return key.family == 4 ? net::IpAddress::v4_from(key.destination.data())
                         : net::IpAddress::v6_from(key.destination.data());
}

}  // namespace

base::BucketIndex Worker::bucket_of(const ClearPacket& clear) const noexcept {
  const auto source = source_of(clear.key);
  const auto destination = destination_of(clear.key);
  const auto& hash = *tables_.bucket_hash;
  if (clear.facts.fragment) return hash.fragment(source, destination, clear.fragment_id);
  if (clear.key.has_ports != 0) {
    return hash.flow(source, destination, clear.key.protocol, clear.key.source_port,
                     clear.key.destination_port);
  }
  if (clear.key.is_echo()) return hash.icmp(source, destination, clear.key.source_port);
  return hash.other(source, destination, clear.key.protocol);
}

void Worker::process_clear() noexcept {
  for (auto& clear : clear_.span()) {
    const auto* known = flows_.lookup(clear.key, clear.hash);
    if (known != nullptr) [[likely]] {
      apply_verdict(clear, *known);
      continue;
    }
    const auto* destination = clear.key.destination.data();
    if (clear.key.family == 4 ? tables_.local.wants4(destination)
                              : tables_.local.wants6(destination)) {
      const auto offset = static_cast<std::uint16_t>(
          clear.l3 - rte_pktmbuf_mtod(clear.packet, const std::uint8_t*));
      punt(clear.packet, PuntReason::Local, clear.from.port, offset, clear.from.from_tunnel);
      continue;
    }
    counters_.flow_misses.add(1);
    auto verdict = decide(clear);
    verdict.bucket = bucket_of(clear);
    // What our own packets may do depends on more than their key.
    if (!clear.from.own) flows_.insert(clear.key, clear.hash, verdict);
    apply_verdict(clear, verdict);
  }
  clear_.count = 0;
}

FlowVerdict Worker::from_policy(std::uint32_t position, bool inbound) noexcept {
  if (position == ipsec::Spd::kNoPolicy) return drop_verdict(DropReason::PolicyNone);
  const auto& policy = tables_.spd->policies()[position];
  FlowVerdict verdict;
  switch (policy.action) {
    case ipsec::PolicyAction::Discard: return drop_verdict(DropReason::PolicyDiscard);
    case ipsec::PolicyAction::Bypass: verdict.action = FlowAction::Bypass; return verdict;
    case ipsec::PolicyAction::Protect: break;
  }
  // RFC 4301 5.2 step 3: what should have come by ESP and did not is discarded.
  if (inbound) return drop_verdict(DropReason::ClearOnPublic);
  if (policy.out_sa == ipsec::Policy::kNoSa) return drop_verdict(DropReason::ProtectWithoutSa);
  verdict.action = FlowAction::Protect;
  verdict.sa = tables_.sas->outbound(policy.out_sa);
  if (verdict.sa->packet_mode()) verdict.lane = lane_for(policy);
  return verdict;
}

FlowVerdict Worker::decide(const ClearPacket& clear) noexcept {
  const auto destination = destination_of(clear.key);
  if (destination.is_multicast() || destination.is_link_local() ||
      source_of(clear.key).is_link_local() || source_of(clear.key).is_unspecified()) {
    return drop_verdict(DropReason::NotForwardable);
  }
  const auto& spd = *tables_.spd;
  constexpr auto kNone = ipsec::Spd::kNoPolicy;
  switch (static_cast<PacketSide>(clear.key.side)) {
    case PacketSide::Private:
    case PacketSide::Tunnel:
      return from_policy(spd.lookup(ipsec::Direction::Outbound, clear.key), false);
    case PacketSide::Public:
      return from_policy(spd.lookup(ipsec::Direction::Inbound, clear.key), true);
    case PacketSide::Both: {
      // One wire for both sides: the first policy that knows the packet in either direction.
      const auto outbound = spd.lookup(ipsec::Direction::Outbound, clear.key);
      const auto inbound = spd.lookup(ipsec::Direction::Inbound, clear.key);
      return inbound < outbound ? from_policy(inbound, true) : from_policy(outbound, false);
    }
    case PacketSide::TunnelBoth: {
      // Decrypted, for a host on the wire it came in by: in clear unless a policy protects it.
      const auto outbound = spd.lookup(ipsec::Direction::Outbound, clear.key);
      if (outbound != kNone) return from_policy(outbound, false);
      FlowVerdict verdict;
      verdict.action = FlowAction::Bypass;
      return verdict;
    }
    case PacketSide::Own: break;
  }
  // An ICMP error may quote what came out of a tunnel: it leaves by a public port encrypted, or
  // in clear by the very port where the quoted packet was in clear already.
  const auto outbound = from_policy(spd.lookup(ipsec::Direction::Outbound, clear.key), false);
  if (outbound.action == FlowAction::Protect) return outbound;
  if (clear.from.clear_port != clear.from.port) return drop_verdict(DropReason::WouldLeakClear);
  FlowVerdict verdict;
  verdict.action = FlowAction::Bypass;
  return verdict;
}

// Whether another node deals with the packet, or it waits: then it is not in our hands any more.
bool Worker::is_for_others(const ClearPacket& clear, const FlowVerdict& verdict,
                           base::BucketIndex bucket) noexcept {
  const bool foreign = is_foreign(clear, verdict, bucket);
  const bool by_sa = verdict.action == FlowAction::Protect;
  const auto decides = by_sa ? verdict.sa->bucket() : bucket;
  if (moving_ || !coming_.empty()) [[unlikely]] {
    if (hold_clear(clear, decides, foreign)) return true;
    if (!foreign && has_passed(clear, decides)) {
      drop(clear.packet, DropReason::NotOurBucket);
      return true;
    }
    if (!foreign) note_passed(clear, decides);
  }
  if (!foreign) return false;
  remember_foreign(clear, decides);
  if (hands_on_ && is_off_the_wire(clear)) {
    hand_on(clear.packet, clear.from.port, tables_.distribution.owner(decides));
  } else {
    drop(clear.packet, DropReason::NotOurBucket);
  }
  return true;
}

void Worker::apply_verdict(ClearPacket& clear, const FlowVerdict& verdict) noexcept {
  // Fragments of one flow share its verdict, but each datagram has a bucket of its own.
  const auto bucket = clear.facts.fragment ? bucket_of(clear) : verdict.bucket;
  if (tables_.distribution.shared() && is_for_others(clear, verdict, bucket)) [[unlikely]]
    return;
  counters_.clear_bucket_packets[bucket.value()].add(1);
  switch (verdict.action) {
    case FlowAction::Protect: protect(clear, *verdict.sa, verdict.lane, false); return;
    case FlowAction::Bypass:
      forward_.push({clear.packet, clear.l3, clear.facts.total_length, clear.from.port,
                     clear.from.from_tunnel, clear.from.own, true, clear.from.clear_port});
      return;
    case FlowAction::Drop: break;
  }
  const bool discarded =
      verdict.drop == DropReason::PolicyDiscard || verdict.drop == DropReason::PolicyNone;
  if (setup_.tell_discarded && discarded && side_of(clear.from) == PacketSide::Private) {
    const auto offset =
        static_cast<std::uint16_t>(clear.l3 - rte_pktmbuf_mtod(clear.packet, const std::uint8_t*));
    punt(clear.packet, PuntReason::AdminProhibited, clear.from.port, offset, false);
    return;
  }
  drop(clear.packet, verdict.drop);
}

void Worker::protect(ClearPacket& clear, ipsec::OutboundSa& sa, std::uint8_t lane,
                     bool handed) noexcept {
  auto* packet = clear.packet;
  const auto* start = rte_pktmbuf_mtod(packet, const std::uint8_t*);
  const auto offset = static_cast<std::uint16_t>(clear.l3 - start);
  if (!handover_.mine(sa.bucket()) && !handed) [[unlikely]] {
    auto& meta = meta_of(packet);
    meta.task = PacketTask::Encrypt;
    meta.out_sa = &sa;
    meta.port = clear.from.port;
    meta.l3_offset = offset;
    meta.from_tunnel = clear.from.from_tunnel;
    meta.own = clear.from.own;
    meta.lane = lane;
    hand_to_peer(packet, handover_.owner(sa.bucket().value()));
    return;
  }
  if (!clear.from.own) [[likely]] {
    if (clear.facts.ttl <= 1) [[unlikely]] {
      punt(packet, PuntReason::TtlExceeded,
           clear.from.from_tunnel ? private_port_ : clear.from.port, offset,
           clear.from.from_tunnel);
      return;
    }
    // In packet mode whoever encrypts does it: the packet's lines stay where they are until then.
    if (!sa.packet_mode()) decrement_ttl(clear.l3, clear.facts.version);
  }
  sa.prefetch();
  if (sa.packet_mode()) [[unlikely]] {
    auto& entry = striped_out_.items[striped_out_.count++];
    entry.place = lane;
    describe(clear, sa, entry);
    return;
  }
  describe(clear, sa, esp_out_.items[esp_out_.count++]);
}

inline void Worker::describe(const ClearPacket& clear, ipsec::OutboundSa& sa,
                             ipsec::EspPacket& esp) noexcept {
  auto* packet = clear.packet;
  esp.data = clear.l3;
  esp.length = clear.facts.total_length;
  esp.headroom =
      static_cast<std::uint16_t>(clear.l3 - static_cast<std::uint8_t*>(packet->buf_addr));
  esp.tailroom =
      static_cast<std::uint16_t>(packet->buf_len - esp.headroom - clear.facts.total_length);
  esp.out_sa = &sa;
  esp.cookie = packet;
  esp.family = clear.facts.version;
  esp.traffic_class = clear.facts.traffic_class;
  esp.dont_fragment = clear.facts.dont_fragment;
  esp.tag = std::bit_cast<std::uint32_t>(clear.from);
}

}  // namespace phalanx::dataplane
