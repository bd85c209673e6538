// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "phalanx/ipsec/esp_packet.hpp"
#include "phalanx/net/packet_parser.hpp"

namespace phalanx::dataplane {

// Why a worker dropped a packet. Every packet that is not sent or handed to the control thread is
// counted under exactly one of these.
enum class DropReason : std::uint8_t {
  MultiSegment,
  FrameTooShort,
  NotOurMac,
  UnknownVlan,
  UnknownEtherType,
  IpTruncated,
  IpBadVersion,
  IpBadHeader,
  IpBadChecksum,
  IpTooManyHeaders,
  IpBadAddress,
  NotForwardable,
  NotOurBucket,
  NotReceiver,
  HandedOnTwice,
  Fenced,
  EspFragment,
  EspUnknownSpi,
  EspMalformed,
  EspReplayDuplicate,
  EspReplayTooOld,
  EspAuthFailed,
  EspBadPadding,
  EspBadNextHeader,
  EspDummy,
  EspBadInnerPacket,
  EspSelectorMismatch,
  EspEcnIllegal,
  EspSequenceExhausted,
  EspIvExhausted,
  EspTooBig,
  EspNoRoom,
  EspCryptoError,
  PolicyDiscard,
  PolicyNone,
  ProtectWithoutSa,
  ClearOnPublic,
  WouldLeakClear,
  OwnNoRoute,
  NeighborFailed,
  NoBuffer,
  HoldFull,
  HoldTimeout,
  PuntQueueFull,
  HandoffQueueFull,
  TxQueueFull,
  Stopping,
};
inline constexpr std::size_t kNumDropReasons = 47;

struct DropReasonInfo {
  DropReason reason;
  std::string_view name;
  std::string_view help;
};

inline constexpr std::array<DropReasonInfo, kNumDropReasons> kDropReasons = {{
    {DropReason::MultiSegment, "multi_segment", "frame larger than a packet buffer"},
    {DropReason::FrameTooShort, "frame_too_short", "no whole Ethernet or VLAN header"},
    {DropReason::NotOurMac, "not_our_mac", "destination MAC address is another host's"},
    {DropReason::UnknownVlan, "unknown_vlan", "no port is configured for this VLAN"},
    {DropReason::UnknownEtherType, "unknown_ether_type", "neither IPv4, IPv6 nor ARP"},
    {DropReason::IpTruncated, "ip_truncated", "fewer bytes than the IP header says"},
    {DropReason::IpBadVersion, "ip_bad_version", "IP version does not fit the EtherType"},
    {DropReason::IpBadHeader, "ip_bad_header", "impossible IP header length"},
    {DropReason::IpBadChecksum, "ip_bad_checksum", "IPv4 header checksum is wrong"},
    {DropReason::IpTooManyHeaders, "ip_too_many_headers", "too many IPv6 extension headers"},
    {DropReason::IpBadAddress, "ip_bad_address", "source or destination may not be on a wire"},
    {DropReason::NotForwardable, "not_forwardable", "multicast, broadcast or link-local"},
    {DropReason::NotOurBucket, "not_our_bucket", "another node of the cluster owns the bucket"},
    {DropReason::NotReceiver, "not_receiver",
     "to the address that all nodes share, for which another one receives"},
    {DropReason::HandedOnTwice, "handed_on_twice",
     "came by two other nodes already, and is not ours either"},
    {DropReason::Fenced, "fenced", "no contact with a quorum of the cluster"},
    {DropReason::EspFragment, "esp_fragment", "fragment of an ESP packet"},
    {DropReason::EspUnknownSpi, "esp_unknown_spi", "no inbound SA has this SPI"},
    {DropReason::EspMalformed, "esp_malformed", "ESP packet too short or not whole blocks"},
    {DropReason::EspReplayDuplicate, "esp_replay_duplicate", "sequence number seen before"},
    {DropReason::EspReplayTooOld, "esp_replay_too_old", "number left of window or below floor"},
    {DropReason::EspAuthFailed, "esp_auth_failed", "integrity check value does not match"},
    {DropReason::EspBadPadding, "esp_bad_padding", "padding wrong after decryption"},
    {DropReason::EspBadNextHeader, "esp_bad_next_header", "neither IPv4 nor IPv6 inside"},
    {DropReason::EspDummy, "esp_dummy", "traffic flow confidentiality dummy packet"},
    {DropReason::EspBadInnerPacket, "esp_bad_inner_packet", "inner IP header does not parse"},
    {DropReason::EspSelectorMismatch, "esp_selector_mismatch", "inner packet not of this SA"},
    {DropReason::EspEcnIllegal, "esp_ecn_illegal", "CE outside but not ECN-capable inside"},
    {DropReason::EspSequenceExhausted, "esp_sequence_exhausted", "sequence numbers used up"},
    {DropReason::EspIvExhausted, "esp_iv_exhausted", "IVs of this key used up"},
    {DropReason::EspTooBig, "esp_too_big", "does not fit the MTU, and may not be cut"},
    {DropReason::EspNoRoom, "esp_no_room", "packet buffer has no room for ESP"},
    {DropReason::EspCryptoError, "esp_crypto_error", "the crypto library refused the job"},
    {DropReason::PolicyDiscard, "policy_discard", "a policy says discard"},
    {DropReason::PolicyNone, "policy_none", "no policy matches"},
    {DropReason::ProtectWithoutSa, "protect_without_sa", "policy protects, but there is no SA"},
    {DropReason::ClearOnPublic, "clear_on_public", "arrived in clear, policy wants ESP"},
    {DropReason::WouldLeakClear, "would_leak_clear", "own packet may not leave in clear"},
    {DropReason::OwnNoRoute, "own_no_route", "no route for a packet of our own"},
    {DropReason::NeighborFailed, "neighbor_failed", "next hop has no adjacency"},
    {DropReason::NoBuffer, "no_buffer", "no packet buffer for a fragment"},
    {DropReason::HoldFull, "hold_full", "too many packets wait for a lease"},
    {DropReason::HoldTimeout, "hold_timeout", "lease not raised in time"},
    {DropReason::PuntQueueFull, "punt_queue_full", "control thread is behind"},
    {DropReason::HandoffQueueFull, "handoff_queue_full", "another worker is behind"},
    {DropReason::TxQueueFull, "tx_queue_full", "device takes no more packets"},
    {DropReason::Stopping, "stopping", "in a queue when the gateway stopped"},
}};

namespace detail {
constexpr bool rows_in_order() noexcept {
  for (std::size_t i = 0; i < kNumDropReasons; ++i) {
    if (static_cast<std::size_t>(kDropReasons[i].reason) != i) return false;
  }
  return true;
}
}  // namespace detail
static_assert(detail::rows_in_order());

[[nodiscard]] DropReason to_drop_reason(net::IpFault fault) noexcept;
// Not for Done, InFlight and Held, which are not drops.
[[nodiscard]] DropReason to_drop_reason(ipsec::EspVerdict verdict) noexcept;

}  // namespace phalanx::dataplane
