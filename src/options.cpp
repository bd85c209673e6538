// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "options.hpp"

#include <getopt.h>

#include <array>

namespace phalanx {

const char* usage_text() noexcept {
  return "usage: phalanxd --config FILE [--check-config] [--new-state] [--new-cluster]\n"
         "                [--log-level LEVEL] [--help] [--version] [-- EAL-ARGUMENTS...]\n"
         "\n"
         "  -c, --config FILE      configuration, see phalanx.conf(5)\n"
         "      --check-config     read and check it, then exit\n"
         "      --new-state        make a state directory where there is none\n"
         "      --new-cluster      --new-state on all members of a cluster that was never started\n"
         "      --log-level LEVEL  debug, info, warn or error; default info\n"
         "  -h, --help             this text\n"
         "      --version          version and build\n"
         "\n"
         "What follows \"--\" goes to the DPDK environment as it is.\n";
}

base::Result<Options, std::string> parse_options(int argc, char** argv) {
  enum Long : int { kCheck = 256, kNewState, kNewCluster, kLogLevel, kVersion };
  static constexpr std::array<option, 8> kLongOptions = {{
      {"config", required_argument, nullptr, 'c'},
      {"check-config", no_argument, nullptr, kCheck},
      {"new-state", no_argument, nullptr, kNewState},
      {"new-cluster", no_argument, nullptr, kNewCluster},
      {"log-level", required_argument, nullptr, kLogLevel},
      {"help", no_argument, nullptr, 'h'},
      {"version", no_argument, nullptr, kVersion},
      {nullptr, 0, nullptr, 0},
  }};
  Options options;
  opterr = 0;
  for (;;) {
    const int found = getopt_long(argc, argv, "+c:h", kLongOptions.data(), nullptr);
    if (found == -1) break;
    switch (found) {
      case 'c': options.config_path = optarg; break;
      case 'h': options.help = true; break;
      case kCheck: options.check_config = true; break;
      case kNewState: options.new_state = true; break;
      case kNewCluster: options.new_cluster = true; break;
      case kVersion: options.version = true; break;
      case kLogLevel:
        if (!base::parse_log_level(optarg, options.log_level)) {
          return "--log-level " + std::string(optarg) + ": not one of debug, info, warn, error";
        }
        break;
      default: return "unknown option or missing value: " + std::string(argv[optind - 1]);
    }
  }
  const bool separated = optind > 0 && std::string(argv[optind - 1]) == "--";
  if (optind < argc && !separated) {
    return "unexpected argument " + std::string(argv[optind]) +
           " (arguments for the DPDK environment follow \"--\")";
  }
  options.eal_arguments.assign(argv + optind, argv + argc);
  if (!options.help && !options.version && options.config_path.empty()) {
    return std::string("--config is missing");
  }
  return options;
}

}  // namespace phalanx
