// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <pwd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "config_draft.hpp"

namespace phalanx::mgmt {
namespace {

constexpr std::size_t kMaxNameBytes = 63;
// sockaddr_un holds 107 bytes; "/control.sock" is ours.
constexpr std::size_t kMaxRunDirBytes = 94;

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

constexpr char kNameRule[] = "1 to 63 of a-z, A-Z, 0-9, \"-\", \"_\", \".\"";

void read_directory(Group& group, std::string_view key, std::size_t most, std::string& out) {
  if (!group.string(key, out) || !group.has(key)) return;
  if (!out.starts_with('/') || out.size() > most) {
    group.error(key, quoted(out) + " cannot be used",
                "an absolute path of at most " + std::to_string(most) + " bytes");
  }
}

bool user_exists(const std::string& name) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(16384);
  return ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) == 0 &&
         found != nullptr;
}

std::string cpu_list(const std::vector<std::uint16_t>& cpus) {
  std::string text;
  for (std::size_t i = 0; i < cpus.size();) {
    std::size_t last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    text.append(text.empty() ? "" : ",").append(std::to_string(cpus[i]));
    if (last > i) text.append("-").append(std::to_string(cpus[last]));
    i = last + 1;
  }
  return text;
}

void read_cpu(Group& group, const std::vector<std::uint16_t>& cpus, std::uint16_t& out) {
  if (!group.number("cpu", 0, UINT16_MAX, out)) return;
  if (std::find(cpus.begin(), cpus.end(), out) == cpus.end()) {
    group.error("cpu", "CPU " + std::to_string(out) + " is not there or not ours to use",
                cpu_list(cpus));
  }
}

void read_role(Group& group, dataplane::WorkerConfig& worker) {
  constexpr std::array<std::string_view, 3> kRoles = {"both", "rx_tx", "crypto"};
  std::size_t role = 0;
  if (group.word("role", kRoles, role)) worker.role = static_cast<dataplane::WorkerRole>(role);
  group.number("share", 1, 100, worker.share);
  if (!worker.encrypts() && group.find("share") != nullptr) {
    group.error("share", "a worker that only receives and sends owns no buckets", "leave it out");
  }
}

void check_roles(Group& root, const Draft& draft) {
  const auto& workers = draft.config.dataplane.workers;
  if (workers.empty() || !root.good("workers")) return;
  const auto count = [&](bool (dataplane::WorkerConfig::*does)() const noexcept) {
    return std::count_if(workers.begin(), workers.end(),
                         [&](const auto& worker) { return (worker.*does)(); });
  };
  if (count(&dataplane::WorkerConfig::receives) == 0) {
    root.error("workers", "no worker receives and sends", "one with role \"both\" or \"rx_tx\"");
  }
  if (count(&dataplane::WorkerConfig::encrypts) == 0) {
    root.error("workers", "no worker encrypts", "one with role \"both\" or \"crypto\"");
  }
}

void read_rebalance(Group& root, Draft& draft) {
  auto found = root.group("rebalance");
  if (!found) return;
  auto& rebalance = draft.config.dataplane.rebalance;
  found->boolean("enabled", rebalance.enabled);
  found->number("elephant_percent", 1, 100, rebalance.elephant_percent);
  found->finish();
}

struct LimitRow {
  std::string_view key;
  std::uint32_t dataplane::Limits::*field;
  std::uint64_t low;
  std::uint64_t high;
  bool power_of_two;
};

constexpr LimitRow kLimits[] = {
    {"mbufs", &dataplane::Limits::mbufs, 512, 4194304, false},
    {"flow_cache_entries", &dataplane::Limits::flow_cache_entries, 256, 16777216, true},
    {"neighbors", &dataplane::Limits::neighbors, 16, 65536, false},
    {"neighbor_queue", &dataplane::Limits::neighbor_queue, 1, 256, false},
    {"hold_packets", &dataplane::Limits::hold_packets, 64, 16384, false},
    {"hold_packets_per_sa", &dataplane::Limits::hold_packets_per_sa, 16, 4096, false},
    {"punt_queue", &dataplane::Limits::punt_queue, 64, 65536, true},
    {"icmp_errors_per_second", &dataplane::Limits::icmp_errors_per_second, 1, 1000000, false},
};

void warn_shared_cpus(Draft& draft) {
  const auto& plane = draft.config.dataplane;
  if (plane.idle_sleep.enabled) return;
  for (std::size_t i = 0; i < plane.workers.size(); ++i) {
    const auto cpu = plane.workers[i].cpu;
    const bool shared =
        cpu == plane.control_cpu ||
        std::any_of(plane.workers.begin(), plane.workers.end(), [&](const auto& other) {
          return &other != &plane.workers[i] && other.cpu == cpu;
        });
    if (!shared || !draft.workers[i].good("cpu")) continue;
    draft.workers[i].warn("cpu",
                          "CPU " + std::to_string(cpu) +
                              " is shared by threads that never sleep: each waits for the others",
                          "a CPU of its own, or idle_sleep");
  }
}

}  // namespace

void read_name(Group& group, std::string_view kind, std::size_t position, Names& names,
               std::string& out) {
  if (!group.require("name", kNameRule) || !group.string("name", out)) return;
  if (!is_name(out)) return group.error("name", quoted(out) + " cannot be a name", kNameRule);
  const auto [first, fresh] = names.emplace(out, static_cast<std::uint32_t>(position));
  if (fresh) return;
  group.error("name",
              "the " + std::string(kind) + " " + quoted(out) + " is there already, as number " +
                  std::to_string(first->second),
              "names that differ");
}

bool read_reference(Group& group, std::string_view key, std::string_view kind, const Names& names,
                    std::uint32_t& out) {
  std::string name;
  if (!group.string(key, name)) return false;
  if (!group.has(key)) return true;
  const auto found = names.find(name);
  if (found != names.end()) {
    out = found->second;
    return true;
  }
  std::vector<std::string> all;
  for (const auto& each : names) all.push_back(each.first);
  std::sort(all.begin(), all.end());
  const auto meant = closest(name, all);
  group.error(key,
              "there is no " + std::string(kind) + " " + quoted(name) +
                  (meant ? ", perhaps " + quoted(*meant) + " is meant" : ""),
              "the name of " + std::string(kind == "SA" ? "an " : "a ") + std::string(kind));
  return false;
}

void read_node(Group& root, Draft& draft) {
  auto found = root.group("node");
  if (!found) return;
  auto& group = *found;
  auto& node = draft.config.node;
  std::uint8_t id = node.id.value();
  group.number("id", 1, 255, id);
  node.id = base::NodeId(id);
  if (group.string("name", node.name) && !is_name(node.name)) {
    group.error("name", quoted(node.name) + " cannot be a name", kNameRule);
  }
  read_directory(group, "state_dir", 1024, node.state_dir);
  read_directory(group, "run_dir", kMaxRunDirBytes, node.run_dir);
  if (group.string("user", node.user) && !node.user.empty() && !user_exists(node.user)) {
    group.error("user", "there is no user " + quoted(node.user), "a user of this machine");
  }
  group.boolean("tell_discarded", draft.config.dataplane.tell_discarded);
  group.finish();
}

void read_eal(Group& root, Draft& draft) {
  auto found = root.group("eal");
  if (!found) return;
  auto& group = *found;
  auto& eal = draft.config.eal;
  group.number("memory_mb", 64, 1048576, eal.memory_mb);
  group.boolean("hugepages", eal.hugepages);
  group.boolean("pci", eal.pci);
  if (group.string("file_prefix", eal.file_prefix) && !eal.file_prefix.empty() &&
      !is_name(eal.file_prefix)) {
    group.error("file_prefix", quoted(eal.file_prefix) + " cannot be a file name", kNameRule);
  }
  group.strings("plugins", eal.plugins);
  group.strings("extra", eal.extra);
  group.finish();
}

void read_threads(Group& root, Draft& draft, const std::vector<std::uint16_t>& cpus) {
  auto& plane = draft.config.dataplane;
  plane.control_cpu = cpus.empty() ? std::uint16_t{0} : cpus.front();
  if (auto control = root.group("control")) {
    read_cpu(*control, cpus, plane.control_cpu);
    control->finish();
  }
  if (auto sleep = root.group("idle_sleep")) {
    // Who writes the section wants it.
    plane.idle_sleep.enabled = true;
    sleep->boolean("enabled", plane.idle_sleep.enabled);
    sleep->number("after_empty_polls", 1, 1000000, plane.idle_sleep.after_empty_polls);
    sleep->number("sleep_us", 1, 1000, plane.idle_sleep.sleep_us);
    sleep->finish();
  }
  read_rebalance(root, draft);
  root.require("workers", "a list of 1..16 groups { cpu = N; }");
  draft.workers = root.groups("workers");
  for (auto& group : draft.workers) {
    auto& worker = plane.workers.emplace_back();
    if (group.require("cpu", cpu_list(cpus))) read_cpu(group, cpus, worker.cpu);
    read_role(group, worker);
    group.finish();
  }
  if (root.has("workers") && root.good("workers") &&
      (plane.workers.empty() || plane.workers.size() > base::kMaxWorkers)) {
    root.error("workers", std::to_string(plane.workers.size()) + " workers", "1..16");
  }
  check_roles(root, draft);
  warn_shared_cpus(draft);
}

void read_limits(Group& root, Draft& draft) {
  auto& limits = draft.config.dataplane.limits;
  auto found = root.group("limits");
  if (!found) return;
  auto& group = *found;
  for (const auto& row : kLimits) {
    auto& value = limits.*row.field;
    if (!group.number(row.key, row.low, row.high, value) || !row.power_of_two) continue;
    if (!std::has_single_bit(value)) {
      group.error(row.key, std::to_string(value) + " is no power of two",
                  "a power of two, " + range_text(row.low, row.high));
    }
  }
  if (group.good("hold_packets") && group.good("hold_packets_per_sa") &&
      limits.hold_packets_per_sa > limits.hold_packets) {
    group.error("hold_packets_per_sa",
                std::to_string(limits.hold_packets_per_sa) + " is more than hold_packets, " +
                    std::to_string(limits.hold_packets),
                "16.." + std::to_string(std::min(limits.hold_packets, 4096U)));
  }
  group.finish();
}

}  // namespace phalanx::mgmt
