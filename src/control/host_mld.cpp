// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <algorithm>

#include "phalanx/control/host_stack.hpp"
#include "phalanx/net/mld.hpp"

namespace phalanx::control {

HostCounter HostStack::on_mld_query(const LocalPacket& packet, base::TimePoint now) {
  const auto query = net::parse_mld_query(packet.packet, packet.view.l4_offset);
  if (!query || !packet.from) return HostCounter::MldMalformed;
  const auto& groups = addresses_.groups(packet.port);
  if (query->group && std::find(groups.begin(), groups.end(), *query->group) == groups.end()) {
    return HostCounter::MldNotForUs;
  }
  // RFC 3810 6.2: after a random part of the time allowed. One answer for all groups is in the
  // making at most, and a pending earlier one serves the new query too.
  auto& link = links_[packet.port.value()];
  std::uniform_int_distribution<std::int64_t> delay(0, query->max_delay.count());
  link.report_at = std::min(link.report_at, now + std::chrono::milliseconds(delay(random_)));
  link.report_version = query->version;
  return HostCounter::MldQueryAnswered;
}

void HostStack::report_groups(base::PortIndex port, std::uint8_t version, net::MldRecord record) {
  const auto mac = addresses_.port(port).mac;
  const auto& source = addresses_.link_local(port);
  std::span<const net::IpAddress> groups(addresses_.groups(port));
  const std::size_t at_once = version == 1 ? 1 : net::kMaxMldGroups;
  while (!groups.empty()) {
    const auto part = groups.first(std::min(at_once, groups.size()));
    const auto frame = version == 1 ? net::write_mld_report_v1(mac, source, part[0])
                                    : net::write_mld_report(mac, source, record, part);
    if (io_.transmit(port, frame.span())) counters_.add(HostCounter::MldReportSent);
    groups = groups.subspan(part.size());
  }
}

}  // namespace phalanx::control
