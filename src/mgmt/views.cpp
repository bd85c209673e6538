// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/mgmt/views.hpp"

#include <algorithm>
#include <map>
#include <string_view>

#include "config_names.hpp"
#include "phalanx/control/host_counters.hpp"
#include "phalanx/dataplane/drop_reason.hpp"

namespace phalanx::mgmt {
namespace {

using dataplane::Dataplane;

std::string text(std::string_view view) {
  return std::string(view);
}

std::string_view role_name(dataplane::PortRole role) noexcept {
  switch (role) {
    case dataplane::PortRole::Public: return "public";
    case dataplane::PortRole::Private: return "private";
    case dataplane::PortRole::Both: return "both";
    case dataplane::PortRole::Cluster: return "cluster";
  }
  return "";
}

std::string_view action_name(ipsec::PolicyAction action) noexcept {
  switch (action) {
    case ipsec::PolicyAction::Protect: return "protect";
    case ipsec::PolicyAction::Bypass: return "bypass";
    case ipsec::PolicyAction::Discard: return "discard";
  }
  return "";
}

std::string port_range(const ipsec::PortRange& range) {
  if (range.any()) return "any";
  if (range.low == range.high) return std::to_string(range.low);
  return std::to_string(range.low) + "-" + std::to_string(range.high);
}

// Rows [offset, offset + limit) of `total`, each made by `make(position)`.
template <typename MakeRow>
Page page_of(std::size_t total, std::size_t offset, std::size_t limit, MakeRow make) {
  Page page;
  page.total = total;
  const auto end = offset < total ? std::min(total, offset + limit) : offset;
  for (auto i = offset; i < end; ++i) page.rows.push_back(make(i));
  return page;
}

Page list_ports(const Dataplane& dataplane, std::size_t offset, std::size_t limit) {
  const auto& ports = dataplane.tables().ports;
  return page_of(ports.size(), offset, limit, [&](std::size_t i) {
    const auto& port = ports[i];
    std::uint64_t rx = 0, rx_bytes = 0, tx = 0, tx_bytes = 0;
    for (std::size_t worker = 0; worker < dataplane.num_workers(); ++worker) {
      const auto& counters = dataplane.worker(worker).counters().ports[i];
      rx += counters.rx_packets.get();
      rx_bytes += counters.rx_bytes.get();
      tx += counters.tx_packets.get();
      tx_bytes += counters.tx_bytes.get();
    }
    const auto& device = dataplane.devices()[port.device];
    const auto hardware = device.hardware_stats();
    std::string addresses;
    for (const auto& address : port.addresses) {
      addresses += (addresses.empty() ? "" : " ") + net::to_string(address);
    }
    return Row{{"name", port.name},
               {"role", text(role_name(port.role))},
               {"link", text(device.link_up() ? "up" : "down")},
               {"mac", net::to_string(port.mac)},
               {"vlan", std::uint64_t{port.vlan}},
               {"mtu", std::uint64_t{port.mtu}},
               {"addresses", addresses},
               {"rx_packets", rx},
               {"rx_bytes", rx_bytes},
               {"tx_packets", tx},
               {"tx_bytes", tx_bytes},
               {"rx_missed", hardware.rx_missed},
               {"rx_errors", hardware.rx_errors},
               {"rx_no_buffer", hardware.rx_no_buffer},
               {"tx_errors", hardware.tx_errors}};
  });
}

Row worker_row(const dataplane::WorkerCounters& counters, std::size_t index) {
  std::uint64_t rx = 0, rx_bytes = 0, tx = 0, tx_bytes = 0, drops = 0;
  for (const auto& port : counters.ports) {
    rx += port.rx_packets.get();
    rx_bytes += port.rx_bytes.get();
    tx += port.tx_packets.get();
    tx_bytes += port.tx_bytes.get();
  }
  for (const auto& drop : counters.drops) drops += drop.get();
  return Row{{"worker", std::uint64_t{index}},
             {"rx", rx},
             {"rx_bytes", rx_bytes},
             {"tx", tx},
             {"tx_bytes", tx_bytes},
             {"drops", drops},
             {"to_control", counters.to_control.get()},
             {"from_control", counters.from_control.get()},
             {"to_peer", counters.to_peer.get()},
             {"from_peer", counters.from_peer.get()},
             {"fragmented", counters.fragmented.get()},
             {"fragments", counters.fragments.get()},
             {"held", counters.held.get()},
             {"in_crypto", counters.in_crypto.get()},
             {"in_lanes", counters.in_lanes.get()},
             {"lane_served", counters.lane_served.get()},
             {"lane_late", counters.lane_late.get()},
             {"hold_released", counters.hold_released.get()},
             {"coming_released", counters.coming_released.get()},
             {"handed_on", counters.handed_on.get()},
             {"notes_lost", counters.notes_lost.get()},
             {"flow_misses", counters.flow_misses.get()},
             {"polls", counters.polls.get()},
             {"busy_polls", counters.busy_polls.get()},
             {"sleeps", counters.sleeps.get()},
             {"captured", counters.captured.get()},
             {"capture_lost", counters.capture_lost.get()}};
}

std::uint64_t drops_of(const Dataplane& dataplane, std::size_t reason) {
  std::uint64_t count = 0;
  for (std::size_t worker = 0; worker < dataplane.num_workers(); ++worker) {
    count += dataplane.worker(worker).counters().drops[reason].get();
  }
  return count;
}

Page list_drops(const Dataplane& dataplane, std::size_t offset, std::size_t limit) {
  return page_of(dataplane::kNumDropReasons, offset, limit, [&](std::size_t i) {
    return Row{{"reason", text(dataplane::kDropReasons[i].name)},
               {"packets", drops_of(dataplane, i)},
               {"help", text(dataplane::kDropReasons[i].help)}};
  });
}

template <typename Sa>
std::uint64_t errors_of(const Sa& sa) {
  std::uint64_t count = 0;
  for (std::size_t verdict = 0; verdict < ipsec::kNumEspVerdicts; ++verdict) {
    count += sa.errors(static_cast<ipsec::EspVerdict>(verdict));
  }
  return count;
}

Row sa_row(const Config& config, const Dataplane& dataplane, std::size_t i) {
  const auto& sas = *dataplane.tables().sas;
  const auto& params = config.sas[i];
  const auto index = static_cast<std::uint32_t>(i);
  const auto* in = sas.inbound(index);
  const auto* out = sas.outbound(index);
  Row row{{"name", params.name},
          {"direction", text(in != nullptr ? "in" : "out")},
          {"spi", std::uint64_t{params.spi.value()}},
          {"local", net::to_string(params.local)},
          {"remote", net::to_string(params.remote)},
          {"algorithm", text(ipsec::info(params.algorithm).name)},
          {"esn", std::uint64_t{params.esn ? 1U : 0U}},
          {"mode", text(name_of(params.mode))}};
  const auto add = [&row](const char* name, std::uint64_t value) { row.emplace_back(name, value); };
  using Verdict = ipsec::EspVerdict;
  if (in != nullptr) {
    add("packets", in->packets());
    add("bytes", in->bytes());
    add("sequence", in->top_sequence());
    add("lease", in->gate().limit());
    add("window", in->window_size());
    add("errors", errors_of(*in));
    add("replay", in->errors(Verdict::ReplayDuplicate) + in->errors(Verdict::ReplayTooOld));
    add("auth_failed", in->errors(Verdict::AuthFailed));
    add("bucket", in->bucket().value());
    add("worker", dataplane.owner(in->bucket()).value());
  } else {
    add("packets", out->packets());
    add("bytes", out->bytes());
    add("sequence", out->next_sequence() - 1);
    add("lease", out->gate().limit());
    add("inner_mtu", out->inner_mtu());
    add("errors", errors_of(*out));
    add("bucket", out->bucket().value());
    add("worker", dataplane.owner(out->bucket()).value());
  }
  return row;
}

Page list_policies(const Config& config, std::size_t offset, std::size_t limit) {
  return page_of(config.policies.size(), offset, limit, [&](std::size_t i) {
    const auto& policy = config.policies[i];
    const auto& selector = policy.selector;
    std::string in_sas;
    for (const auto sa : policy.in_sas) in_sas += (in_sas.empty() ? "" : " ") + config.sas[sa].name;
    const bool has_out = policy.out_sa != ipsec::Policy::kNoSa;
    return Row{{"name", policy.name},
               {"action", text(action_name(policy.action))},
               {"local", net::to_string(selector.local)},
               {"remote", net::to_string(selector.remote)},
               {"protocol", selector.protocol == 0 ? "any" : std::to_string(selector.protocol)},
               {"local_ports", port_range(selector.local_ports)},
               {"remote_ports", port_range(selector.remote_ports)},
               {"out_sa", has_out ? config.sas[policy.out_sa].name : ""},
               {"in_sas", in_sas}};
  });
}

Page list_routes(const Config& config, std::size_t offset, std::size_t limit) {
  struct Line {
    std::string to, via, port;
  };
  std::vector<Line> lines;
  for (const auto& port : config.dataplane.ports) {
    for (const auto& address : port.addresses) {
      lines.push_back({net::to_string(address.subnet()), "connected", port.name});
    }
  }
  for (const auto& route : config.dataplane.routes) {
    const bool on_link = route.via.is_unspecified();
    lines.push_back({net::to_string(route.to), on_link ? "on link" : net::to_string(route.via),
                     config.dataplane.ports[route.port].name});
  }
  return page_of(lines.size(), offset, limit, [&](std::size_t i) {
    return Row{{"to", lines[i].to}, {"via", lines[i].via}, {"port", lines[i].port}};
  });
}

Page list_neighbors(const Dataplane& dataplane, control::ControlLoop& loop, std::size_t offset,
                    std::size_t limit) {
  std::vector<control::NeighborInfo> neighbors;
  const auto now = base::SteadyClock().now();
  if (!loop.call([&] { neighbors = loop.host().neighbors().list(now); })) return {};
  return page_of(neighbors.size(), offset, limit, [&](std::size_t i) {
    const auto& neighbor = neighbors[i];
    return Row{{"address", net::to_string(neighbor.key.address)},
               {"port", dataplane.tables().ports[neighbor.key.port.value()].name},
               {"mac", neighbor.mac ? net::to_string(*neighbor.mac) : ""},
               {"state", text(control::to_string(neighbor.state))},
               {"permanent", std::uint64_t{neighbor.permanent ? 1U : 0U}},
               {"waiting", std::uint64_t{neighbor.held}},
               {"age_ms", static_cast<std::uint64_t>(neighbor.age.count() / 1000000)}};
  });
}

Page list_buckets(const Dataplane& dataplane, std::size_t offset, std::size_t limit) {
  struct Sum {
    std::uint64_t in_packets = 0, in_bytes = 0, out_packets = 0, out_bytes = 0, sas = 0;
  };
  std::vector<Sum> sums(base::kNumBuckets);
  for (const auto& sa : dataplane.tables().sas->inbound()) {
    auto& sum = sums[sa.bucket().value()];
    sum.in_packets += sa.packets();
    sum.in_bytes += sa.bytes();
    ++sum.sas;
  }
  for (const auto& sa : dataplane.tables().sas->outbound()) {
    auto& sum = sums[sa.bucket().value()];
    sum.out_packets += sa.packets();
    sum.out_bytes += sa.bytes();
    ++sum.sas;
  }
  return page_of(sums.size(), offset, limit, [&](std::size_t i) {
    std::uint64_t clear = 0;
    for (std::size_t worker = 0; worker < dataplane.num_workers(); ++worker) {
      clear += dataplane.worker(worker).counters().clear_bucket_packets[i].get();
    }
    return Row{
        {"bucket", std::uint64_t{i}},
        {"worker",
         std::uint64_t{dataplane.owner(base::BucketIndex(static_cast<std::uint8_t>(i))).value()}},
        {"sas", sums[i].sas},
        {"esp_in_packets", sums[i].in_packets},
        {"esp_in_bytes", sums[i].in_bytes},
        {"esp_out_packets", sums[i].out_packets},
        {"esp_out_bytes", sums[i].out_bytes},
        {"clear_packets", clear}};
  });
}

// Elephants are SAs in session mode that fill the configured share of a worker.
Page list_elephants(const Config& config, const Dataplane& dataplane, control::ControlLoop& loop,
                    std::size_t offset, std::size_t limit) {
  std::vector<control::Elephant> elephants;
  if (!loop.call([&] { elephants = loop.load().elephants(); })) return {};
  return page_of(elephants.size(), offset, limit, [&](std::size_t i) {
    const auto& sas = *dataplane.tables().sas;
    const auto index = elephants[i].sa;
    const auto bucket = sas.inbound(index) != nullptr ? sas.inbound(index)->bucket()
                                                      : sas.outbound(index)->bucket();
    return Row{{"sa", config.sas[index].name},
               {"worker", std::uint64_t{dataplane.owner(bucket).value()}},
               {"percent", std::uint64_t{elephants[i].percent}}};
  });
}

Page list_load(const Config& config, const Dataplane& dataplane, control::ControlLoop& loop,
               std::size_t offset, std::size_t limit) {
  control::LoadSample sample;
  if (!loop.call([&] { sample = loop.load().sample(); })) return {};
  return page_of(sample.workers.size(), offset, limit, [&](std::size_t i) {
    const auto buckets = std::count(sample.owner.begin(), sample.owner.end(), i);
    const auto& counters = dataplane.worker(i).counters();
    return Row{{"worker", std::uint64_t{i}},
               {"role", text(name_of(config.dataplane.workers[i].role))},
               {"buckets", static_cast<std::uint64_t>(buckets)},
               {"busy_percent", static_cast<std::uint64_t>(sample.workers[i].busy * 100)},
               {"lane_served", counters.lane_served.get()},
               {"lane_late", counters.lane_late.get()},
               {"moves", counters.moves.get()}};
  });
}

Page list_control(const Dataplane& dataplane, control::ControlLoop& loop, std::size_t offset,
                  std::size_t limit) {
  std::vector<std::pair<std::string, std::uint64_t>> lines;
  const auto& io = loop.io().counters();
  lines.emplace_back("punted", io.punted.get());
  lines.emplace_back("sent_frames", io.sent_frames.get());
  lines.emplace_back("routed", io.routed.get());
  lines.emplace_back("held_sent", io.held_sent.get());
  lines.emplace_back("held_dropped", io.held_dropped.get());
  lines.emplace_back("no_buffer", io.no_buffer.get());
  lines.emplace_back("queue_full", io.queue_full.get());
  lines.emplace_back("hosts_full", io.hosts_full.get());
  lines.emplace_back("waiting_for_neighbors", io.waiting.get());
  lines.emplace_back("buffers", dataplane.pool().size());
  lines.emplace_back("buffers_in_use", dataplane.pool().in_use());
  for (std::size_t i = 0; i < control::kNumHostCounters; ++i) {
    const auto counter = static_cast<control::HostCounter>(i);
    lines.emplace_back("host_" + text(control::host_counter_table()[i].name),
                       loop.host().counters().get(counter));
  }
  return page_of(lines.size(), offset, limit, [&](std::size_t i) {
    return Row{{"name", lines[i].first}, {"value", lines[i].second}};
  });
}

}  // namespace

std::vector<View> make_views(const Config& config, const Dataplane& dataplane,
                             control::ControlLoop& loop) {
  using Size = std::size_t;
  return {
      {"ports", "Ports with their counters.",
       [&dataplane](Size offset, Size limit) { return list_ports(dataplane, offset, limit); }},
      {"workers", "Workers with their counters.",
       [&dataplane](Size offset, Size limit) {
         return page_of(dataplane.num_workers(), offset, limit,
                        [&](Size i) { return worker_row(dataplane.worker(i).counters(), i); });
       }},
      {"drops", "Dropped packets by reason.",
       [&dataplane](Size offset, Size limit) { return list_drops(dataplane, offset, limit); }},
      {"sa", "Security associations.",
       [&config, &dataplane](Size offset, Size limit) {
         return page_of(config.sas.size(), offset, limit,
                        [&](Size i) { return sa_row(config, dataplane, i); });
       }},
      {"policies", "Security policies, in order of matching.",
       [&config](Size offset, Size limit) { return list_policies(config, offset, limit); }},
      {"routes", "Routes.",
       [&config](Size offset, Size limit) { return list_routes(config, offset, limit); }},
      {"neighbors", "Neighbors of all ports.",
       [&dataplane, &loop](Size offset, Size limit) {
         return list_neighbors(dataplane, loop, offset, limit);
       }},
      {"buckets", "Distribution buckets with their traffic.",
       [&dataplane](Size offset, Size limit) { return list_buckets(dataplane, offset, limit); }},
      {"load", "Workers with their buckets and how busy they are.",
       [&config, &dataplane, &loop](Size offset, Size limit) {
         return list_load(config, dataplane, loop, offset, limit);
       }},
      {"elephants", "SAs that fill a worker.",
       [&config, &dataplane, &loop](Size offset, Size limit) {
         return list_elephants(config, dataplane, loop, offset, limit);
       }},
      {"control", "Counters of the control thread.",
       [&dataplane, &loop](Size offset, Size limit) {
         return list_control(dataplane, loop, offset, limit);
       }},
  };
}

}  // namespace phalanx::mgmt
