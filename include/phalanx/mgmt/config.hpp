// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "phalanx/base/ids.hpp"
#include "phalanx/control/cluster_config.hpp"
#include "phalanx/dataplane/config.hpp"
#include "phalanx/ipsec/sa_params.hpp"
#include "phalanx/ipsec/selector.hpp"

namespace phalanx::mgmt {

// How the DPDK environment is started. Everything EAL needs comes from here; extra arguments that
// contradict it are refused.
struct EalConfig {
  std::uint32_t memory_mb = 512;     // 64..1 048 576
  bool hugepages = true;             // false: --no-huge, for labs and CI
  bool pci = true;                   // false: --no-pci
  std::string file_prefix;           // empty: "phalanx-" and the node's name
  std::vector<std::string> plugins;  // drivers to load, EAL -d
  std::vector<std::string> extra;    // further EAL arguments, then those of the command line
};

struct NodeConfig {
  base::NodeId id{1};
  std::string name = "phalanx";
  std::string state_dir = "/var/lib/phalanx";
  std::string run_dir = "/run/phalanx";  // command socket
  std::string user;                      // empty: stay the user we were started as
};

// The whole config file, checked: every cross reference resolved to a position in a list.
struct Config {
  NodeConfig node;
  EalConfig eal;
  dataplane::Config dataplane;
  control::ClusterConfig cluster;
  std::vector<ipsec::SaParams> sas;
  std::vector<ipsec::Policy> policies;
};

}  // namespace phalanx::mgmt
