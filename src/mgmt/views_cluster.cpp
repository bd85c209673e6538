// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/mgmt/views_cluster.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <string_view>

#include "config_names.hpp"

namespace phalanx::mgmt {
namespace {

using control::ClusterService;

std::uint64_t milliseconds(base::Duration duration) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

std::string version_text(const cluster::Version& version) {
  return std::to_string(version.generation.value()) + "/" + std::to_string(version.term.value()) +
         "/" + std::to_string(version.epoch.value());
}

std::string member_name(const ClusterService& service, base::NodeId node) {
  const auto* member = service.driver().roster().find(node);
  return member == nullptr ? std::to_string(node.value()) : member->name;
}

// Rows that the control thread makes, then the part that was asked for.
template <typename MakeRows>
Lister lister(control::ControlLoop& loop, MakeRows make) {
  return [&loop, make](std::size_t offset, std::size_t limit) {
    Page page;
    std::vector<Row> rows;
    if (!loop.call([&] { rows = make(); })) return page;
    page.total = rows.size();
    for (auto i = offset; i < std::min(rows.size(), offset + limit); ++i) {
      page.rows.push_back(std::move(rows[i]));
    }
    return page;
  };
}

unsigned buckets_of(const ClusterService& service, base::NodeId node) {
  unsigned count = 0;
  for (const auto& owner : service.owners()) count += owner == node ? 1 : 0;
  return count;
}

std::vector<Row> status_rows(const ClusterService& service) {
  const auto now = base::SteadyClock().now();
  const auto& driver = service.driver();
  const auto& node = driver.node();
  const auto& stats = driver.stats();
  const auto& port = service.port().counters();
  std::vector<Row> rows;
  const auto add = [&rows](std::string_view name, Value value) {
    rows.push_back({{"name", std::string(name)}, {"value", std::move(value)}});
  };
  const auto until = node.forward_until(now);
  add("node", std::uint64_t{node.self().node.value()});
  add("boot", std::uint64_t{node.self().boot.value()});
  add("state", service.fatal().empty() ? std::string(node.levelled() ? "voter" : "learning")
                                       : service.fatal());
  add("master", service.master() == base::NodeId{} ? std::string("none")
                                                   : member_name(service, service.master()));
  add("ports", std::string(now <= until ? "open" : "closed: no contact with a quorum"));
  const auto mode = service.config().ingress;
  add("ingress", std::string(name_of(mode)));
  const auto receiver = service.receiver();
  add("receiver", !service.config().hands_on() ? std::string("all")
                  : receiver == base::NodeId{} ? std::string("none")
                                               : member_name(service, receiver));
  add("draining",
      std::string(service.driver().roster().entry(service.self()).drained ? "yes" : "no"));
  add("allocation", version_text(node.memory().committed));
  add("buckets", std::uint64_t{buckets_of(service, node.self().node)});
  add("loop_late", stats.late_rounds);
  add("loop_latest_ms", milliseconds(stats.latest));
  add("persisted", stats.persisted);
  add("buckets_opened", service.stats().opened);
  add("buckets_shut", service.stats().shut);
  add("buckets_closed", service.stats().closed);
  add("sas_installed", service.stats().installed);
  add("lease_writes", service.driver().stats().lease_writes);
  add("lease_raises", service.leases().stats().raises);
  add("lease_lowers", service.leases().stats().lowers);
  add("rx_frames", port.rx.get());
  add("tx_frames", port.tx.get());
  add("rx_foreign", port.foreign.get());
  add("no_buffer", port.no_buffer.get());
  add("queue_full", port.queue_full.get());
  add("data_rx_frames", port.data_rx.get());
  add("data_tx_frames", port.data_tx.get());
  add("data_foreign", port.data_foreign.get());
  add("data_overflow", port.data_overflow.get());
  add("copies", stats.copies);
  add("refused_forged", stats.forged);
  add("refused_replayed", stats.replayed);
  add("refused_malformed", stats.malformed);
  add("refused_stranger", stats.stranger);
  add("refused_no_session", stats.no_session);
  add("refused_bad_message", stats.bad_message);
  add("refused_handshakes", stats.handshakes_refused);
  return rows;
}

// What is between the member and this node, or what operators said of it.
std::string member_state(const ClusterService& service, base::NodeId id,
                         const control::MemberStatus* status) {
  const auto& driver = service.driver();
  switch (driver.roster().entry(id).membership) {
    case control::Membership::Leaving:
      return driver.node().voters().has_left(id) ? "has left" : "leaves";
    case control::Membership::Expelled:
      return driver.node().voters().has_left(id) ? "is expelled" : "is being expelled";
    case control::Membership::Member: break;
  }
  if (id == service.self()) return "this node";
  if (status == nullptr) return "never heard";
  return status->alive ? "alive" : status->session ? "lost" : "never heard";
}

std::string member_role(const ClusterService& service, const control::ClusterMember& member) {
  const bool votes = service.driver().node().voters().contains(member.id);
  if (member.witness) return votes ? "witness" : "learning witness";
  if (service.master() == member.id) return "master";
  return votes ? "node" : "learner";
}

std::vector<Row> node_rows(const ClusterService& service) {
  const auto now = base::SteadyClock().now();
  const auto& driver = service.driver();
  const auto statuses = driver.members(now);
  std::vector<Row> rows;
  for (const auto& member : driver.roster().members()) {
    const auto status = std::find_if(statuses.begin(), statuses.end(),
                                     [&](const auto& each) { return each.id == member.id; });
    const bool known = status != statuses.end();
    const control::MemberStatus seen = known ? *status : control::MemberStatus{};
    const auto share = driver.share_of(member.id);
    rows.push_back(
        {{"name", member.name},
         {"node", std::uint64_t{member.id.value()}},
         {"address", net::to_string(member.address)},
         {"role", member_role(service, member)},
         {"state", member_state(service, member.id, known ? &*status : nullptr)},
         {"heard_on", known ? seen.way : std::string()},
         {"weight", std::uint64_t{share.weight}},
         {"drained", std::string(share.duty == cluster::Duty::Drained ? "yes" : "no")},
         {"buckets", std::uint64_t{buckets_of(service, member.id)}},
         {"next_hop_at", member.next_hops.empty()
                             ? std::string()
                             : member_name(service, service.server_of(member.id))},
         {"silent_ms",
          seen.silence == base::Duration::max() ? std::uint64_t{0} : milliseconds(seen.silence)},
         {"sent", seen.counters.sent},
         {"sent_bytes", seen.counters.sent_bytes},
         {"received", seen.counters.received},
         {"received_bytes", seen.counters.received_bytes},
         {"handshakes", seen.counters.handshakes},
         {"not_sent", seen.counters.not_sent}});
  }
  return rows;
}

std::vector<Row> owner_rows(const ClusterService& service) {
  const auto owners = service.owners();
  std::vector<Row> rows;
  for (std::size_t i = 0; i < owners.size(); ++i) {
    const base::BucketIndex bucket(static_cast<std::uint8_t>(i));
    const auto& table = service.driver().node().memory().table.bucket(bucket);
    rows.push_back({{"bucket", std::uint64_t{i}},
                    {"owner", std::uint64_t{owners[i].value()}},
                    {"name", owners[i] == base::NodeId{} ? std::string("nobody")
                                                         : member_name(service, owners[i])},
                    {"here", std::string(service.phase_name(bucket))},
                    {"entries", std::uint64_t{table.entries.size()}}});
  }
  return rows;
}

std::vector<Row> lease_rows(const Config& config, const ClusterService& service) {
  const auto& node = service.driver().node();
  std::vector<Row> rows;
  for (std::uint32_t i = 0; i < config.sas.size(); ++i) {
    const auto& sa = config.sas[i];
    const auto bucket = service.bucket_of(i);
    const auto way = sa.direction == ipsec::Direction::Inbound ? std::size_t{0} : std::size_t{1};
    const auto& table = node.memory().table.bucket(bucket);
    const auto entry = table.entries.find(sa.uid);
    const bool known = entry != table.entries.end();
    const auto owner = table.owner.stream.node;
    rows.push_back(
        {{"name", sa.name},
         {"direction", std::string(name_of(sa.direction))},
         {"bucket", std::uint64_t{bucket.value()}},
         {"owner", owner == base::NodeId{} ? std::string("nobody") : member_name(service, owner)},
         {"floor", known ? entry->second.directions[way].floor : std::uint64_t{0}},
         {"lease", known ? entry->second.directions[way].lease.number : std::uint64_t{0}},
         {"usable_here", node.usable(sa.uid, static_cast<cluster::Direction>(way))}});
  }
  return rows;
}

// Who answers ARP and neighbor discovery, for each neighbor of ours, and why.
std::vector<Row> answer_rows(const Config& config, const ClusterService& service,
                             const control::ControlLoop& loop) {
  const auto now = base::SteadyClock().now();
  const auto owners = service.owners();
  const bool forward = service.config().hands_on();
  std::vector<Row> rows;
  for (const auto& neighbor : loop.host().neighbors().list(now)) {
    const auto& port = config.dataplane.ports[neighbor.key.port.value()];
    for (const auto& own : port.addresses) {
      if (own.address.family != neighbor.key.address.family) continue;
      const auto bucket = service.bucket_of_asker(neighbor.key.address, own.address);
      const auto owner = forward ? service.receiver() : owners[bucket.value()];
      const auto name =
          owner == base::NodeId{} ? std::string("nobody") : member_name(service, owner);
      rows.push_back({{"asker", net::to_string(neighbor.key.address)},
                      {"port", port.name},
                      {"address", net::to_string(own.address)},
                      {"answered_by", name},
                      {"why", forward ? std::string("receives for all nodes")
                                      : "owns bucket " + std::to_string(bucket.value()) +
                                            " of this asker and address"}});
    }
  }
  return rows;
}

std::string time_text(std::chrono::system_clock::time_point at) {
  const auto since_epoch_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
  const auto seconds = std::chrono::system_clock::to_time_t(at);
  std::tm parts{};
  std::array<char, 32> text{};
  if (gmtime_r(&seconds, &parts) == nullptr ||
      std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
    return "";
  }
  const auto fraction = std::to_string(1000 + since_epoch_ms % 1000);
  return text.data() + ("." + fraction.substr(1)) + "Z";
}

std::string_view level_name(base::LogLevel level) {
  switch (level) {
    case base::LogLevel::Debug: return "debug";
    case base::LogLevel::Info: return "info";
    case base::LogLevel::Warn: return "warning";
    case base::LogLevel::Error: return "error";
  }
  return "";
}

std::vector<Row> event_rows(const ClusterService& service) {
  std::vector<Row> rows;
  for (const auto& entry : service.driver().events().entries()) {
    rows.push_back({{"event", entry.number},
                    {"time", time_text(entry.at)},
                    {"level", std::string(level_name(entry.level))},
                    {"what", entry.text}});
  }
  return rows;
}

}  // namespace

std::vector<View> make_cluster_views(const Config& config, const ClusterService& cluster,
                                     control::ControlLoop& loop) {
  return {
      {"cluster", "State of this node in its cluster.",
       lister(loop, [&cluster] { return status_rows(cluster); })},
      {"nodes", "Members of the cluster as this node sees them.",
       lister(loop, [&cluster] { return node_rows(cluster); })},
      {"events", "What happened in the cluster, as this node saw it.",
       lister(loop, [&cluster] { return event_rows(cluster); })},
      {"owners", "Owner of each bucket.", lister(loop, [&cluster] { return owner_rows(cluster); })},
      {"leases", "Number leases of static SAs in the cluster.",
       lister(loop, [&config, &cluster] { return lease_rows(config, cluster); })},
      {"answers", "Which node answers neighbors that ask for the shared addresses.",
       lister(loop, [&config, &cluster, &loop] { return answer_rows(config, cluster, loop); })},
  };
}

}  // namespace phalanx::mgmt
