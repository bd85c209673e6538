// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/host_counters.hpp"

namespace phalanx::control {
namespace {

using enum HostCounter;
using Group = HostCounterGroup;

constexpr std::array<HostCounterInfo, kNumHostCounters> kTable = {{
    {Punted, Group::Punted, "punted", "packets handed over by workers"},
    {ArpRequestAnswered, Group::Done, "arp_request_answered", "ARP requests for our addresses"},
    {ArpReplyUsed, Group::Done, "arp_reply_used", "ARP replies to our requests"},
    {ArpSeen, Group::Done, "arp_seen", "other ARP packets of neighbors that we know"},
    {SolicitationAnswered, Group::Done, "solicitation_answered",
     "neighbor solicitations for our addresses"},
    {AdvertisementUsed, Group::Done, "advertisement_used",
     "neighbor advertisements of neighbors that we know"},
    {MldQueryAnswered, Group::Done, "mld_query_answered", "queries for our multicast groups"},
    {EchoAnswered, Group::Done, "echo_answered", "echo requests to our addresses"},
    {ErrorWanted, Group::Done, "error_wanted", "packets not forwarded that ask for an ICMP error"},
    {NeighborWanted, Group::Done, "neighbor_wanted", "packets whose next hop had no MAC address"},
    {LeftToOthers, Group::Done, "left_to_others", "asked for us; another node answers"},
    {BadPunt, Group::Drop, "bad_punt", "no such port, or no packet"},
    {ArpMalformed, Group::Drop, "arp_malformed", "short, not Ethernet and IPv4, or bad operation"},
    {ArpNotForUs, Group::Drop, "arp_not_for_us", "neither to us nor of a neighbor that we know"},
    {OwnFrame, Group::Drop, "own_frame", "one of our own ARP or NDP packets came back"},
    {AddressConflict, Group::Drop, "address_conflict", "another host uses one of our addresses"},
    {NdpMalformed, Group::Drop, "ndp_malformed", "fails a check of RFC 4861 7.1"},
    {NdpNotForUs, Group::Drop, "ndp_not_for_us", "for none of our addresses or neighbors"},
    {RouterSolicitation, Group::Drop, "router_solicitation", "we advertise no prefixes"},
    {RouterAdvertisement, Group::Drop, "router_advertisement", "routes are configured, not learnt"},
    {Redirect, Group::Drop, "redirect", "routers ignore redirects"},
    {MldMalformed, Group::Drop, "mld_malformed", "multicast query that fails a check of RFC 3810"},
    {MldNotForUs, Group::Drop, "mld_not_for_us", "query for a group that we are not in"},
    {BadPacket, Group::Drop, "bad_packet", "IP packet that does not parse"},
    {NotOurAddress, Group::Drop, "not_our_address", "to an address that is not ours"},
    {SourceIsOurs, Group::Drop, "source_is_ours", "comes from one of our own addresses"},
    {FragmentToUs, Group::Drop, "fragment_to_us", "fragment addressed to us"},
    {IcmpMalformed, Group::Drop, "icmp_malformed", "ICMP too short or with a wrong checksum"},
    {EchoToGroup, Group::Drop, "echo_to_group", "echo request to a broadcast or multicast address"},
    {EchoTooBig, Group::Drop, "echo_too_big", "echo request larger than any port's MTU"},
    {IcmpNotSpoken, Group::Drop, "icmp_not_spoken", "ICMP message of a kind that we do not answer"},
    {IcmpErrorToUs, Group::Drop, "icmp_error_to_us", "ICMP error about one of our packets"},
    {EspToUs, Group::Drop, "esp_to_us", "ESP or AH that no SA takes"},
    {PortNotOpen, Group::Drop, "port_not_open", "TCP, UDP or SCTP to us"},
    {ProtocolNotSpoken, Group::Drop, "protocol_not_spoken", "another protocol to us"},
    {GroupPacketIgnored, Group::Drop, "group_packet_ignored",
     "to a broadcast or multicast address, not ICMP"},
    {AnswerNotSent, Group::Drop, "answer_not_sent", "the data path did not take our answer"},
    {HeldIn, Group::HeldIn, "held_in", "packets that came to wait for a neighbor"},
    {HeldSent, Group::HeldSent, "held_sent", "of these: sent"},
    {HeldUnreachable, Group::HeldDrop, "held_unreachable", "of these: no answer from the neighbor"},
    {HeldQueueOverflow, Group::HeldDrop, "held_queue_overflow",
     "of these: pushed out by newer packets for the neighbor"},
    {HeldTotalLimit, Group::HeldDrop, "held_total_limit", "of these: too many waited in all"},
    {HeldTableFull, Group::HeldDrop, "held_table_full", "of these: no room for the neighbor"},
    {HeldBadNextHop, Group::HeldDrop, "held_bad_next_hop", "of these: nobody has such an address"},
    {HeldShutdown, Group::HeldDrop, "held_shutdown", "of these: the daemon stopped"},
    {IcmpErrorSent, Group::IcmpError, "icmp_error_sent", "ICMP errors sent"},
    {IcmpErrorNotSent, Group::IcmpError, "icmp_error_not_sent",
     "ICMP errors that the data path did not take"},
    {IcmpErrorRateAll, Group::IcmpError, "icmp_error_rate_all", "suppressed: too many in all"},
    {IcmpErrorRateReceiver, Group::IcmpError, "icmp_error_rate_receiver",
     "suppressed: too many to one receiver"},
    {IcmpErrorAboutError, Group::IcmpError, "icmp_error_about_error",
     "suppressed: about an ICMP error"},
    {IcmpErrorAboutFragment, Group::IcmpError, "icmp_error_about_fragment",
     "suppressed: about a fragment that is not the first"},
    {IcmpErrorAboutGroup, Group::IcmpError, "icmp_error_about_group",
     "suppressed: about a broadcast or multicast packet"},
    {IcmpErrorBadSource, Group::IcmpError, "icmp_error_bad_source",
     "suppressed: the offending packet has no single sender, or us"},
    {IcmpErrorMalformed, Group::IcmpError, "icmp_error_malformed",
     "suppressed: the offending packet does not parse"},
    {IcmpErrorNoAddress, Group::IcmpError, "icmp_error_no_address",
     "suppressed: we have no address of that family to send it from"},
    {SolicitationSent, Group::Event, "solicitation_sent",
     "ARP requests and neighbor solicitations"},
    {SolicitationNotSent, Group::Event, "solicitation_not_sent",
     "the same, not sent: no address of that family, or not taken by the data path"},
    {AnnouncementSent, Group::Event, "announcement_sent",
     "gratuitous ARP and unsolicited advertisements"},
    {AnswerRelayed, Group::Event, "answer_relayed",
     "answers of neighbors that were passed on to the other nodes"},
    {AnswerNotRelayed, Group::Event, "answer_not_relayed",
     "the same, not sent: too many, too long, or not taken by the data path"},
    {MldReportSent, Group::Event, "mld_report_sent", "reports of our multicast groups"},
    {NeighborLearned, Group::Event, "neighbor_learned", "neighbors that became known"},
    {NeighborMoved, Group::Event, "neighbor_moved", "neighbors that changed their MAC address"},
    {NeighborEvicted, Group::Event, "neighbor_evicted", "unused neighbors forgotten for new ones"},
    {NeighborAged, Group::Event, "neighbor_aged", "neighbors forgotten after long disuse"},
    {NeighborFailed, Group::Event, "neighbor_failed", "neighbors that did not answer"},
    {NeighborRefused, Group::Event, "neighbor_refused", "neighbors for which there was no room"},
    {NeighborNotPublished, Group::Event, "neighbor_not_published",
     "answers of neighbors that there was no memory for"},
}};

constexpr bool rows_in_order() noexcept {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].counter) != i) return false;
  }
  return true;
}
static_assert(rows_in_order());

}  // namespace

const std::array<HostCounterInfo, kNumHostCounters>& host_counter_table() noexcept {
  return kTable;
}

std::uint64_t HostCounters::sum(HostCounterGroup group) const noexcept {
  std::uint64_t total = 0;
  for (const auto& row : kTable) {
    if (row.group == group) total += get(row.counter);
  }
  return total;
}

}  // namespace phalanx::control
