// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "eal_setup.hpp"

#include <algorithm>

namespace phalanx {
namespace {

// Virtual devices are made, PCI devices are allowed. A driver name begins with its class.
bool is_virtual(const std::string& device) {
  return device.starts_with("net_") || device.starts_with("eth_");
}

std::string lcore_map(const mgmt::Config& config) {
  std::string map = "0@" + std::to_string(config.dataplane.control_cpu);
  unsigned lcore = 1;
  for (const auto& worker : config.dataplane.workers) {
    map += "," + std::to_string(lcore++) + "@" + std::to_string(worker.cpu);
  }
  return map;
}

}  // namespace

std::string file_prefix(const mgmt::Config& config) {
  return config.eal.file_prefix.empty() ? "phalanx-" + config.node.name : config.eal.file_prefix;
}

std::vector<std::string> eal_arguments(const mgmt::Config& config,
                                       const std::vector<std::string>& extra) {
  std::vector<std::string> arguments{"phalanxd",
                                     "--lcores",
                                     lcore_map(config),
                                     "--main-lcore",
                                     "0",
                                     "-m",
                                     std::to_string(config.eal.memory_mb),
                                     "--file-prefix",
                                     file_prefix(config)};
  if (config.eal.hugepages) {
    arguments.emplace_back("--in-memory");
  } else {
    arguments.emplace_back("--no-huge");
    arguments.emplace_back("--no-shconf");
  }
  // Without a PCI device of ours EAL must not touch the machine's others.
  const auto& ports = config.dataplane.ports;
  const bool no_pci = std::all_of(ports.begin(), ports.end(),
                                  [](const auto& port) { return is_virtual(port.device); });
  if (!config.eal.pci || no_pci) arguments.emplace_back("--no-pci");
  for (const auto& plugin : config.eal.plugins) {
    arguments.emplace_back("-d");
    arguments.push_back(plugin);
  }
  std::vector<std::string> seen;
  for (const auto& port : ports) {
    if (std::find(seen.begin(), seen.end(), port.device) != seen.end()) continue;
    seen.push_back(port.device);
    arguments.emplace_back(is_virtual(port.device) ? "--vdev" : "-a");
    arguments.push_back(port.device);
  }
  arguments.insert(arguments.end(), config.eal.extra.begin(), config.eal.extra.end());
  arguments.insert(arguments.end(), extra.begin(), extra.end());
  return arguments;
}

}  // namespace phalanx
