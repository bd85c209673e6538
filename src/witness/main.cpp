// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <new>
#include <string>

#include "phalanx/base/log.hpp"
#include "phalanx/control/process.hpp"
#include "phalanx/mgmt/witness_config.hpp"
#include "witness.hpp"

namespace phalanx {
namespace {

constexpr int kExitOk = 0;
constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;  // command line or configuration

struct Options {
  std::string config_path;
  bool check_config = false;
  control::ClusterBeginning beginning;
};

int run(const Options& options) {
  auto config = mgmt::load_witness_config(options.config_path);
  if (!config) {
    for (const auto& problem : config.error()) {
      std::fprintf(stderr, "%s\n", mgmt::to_string(problem).c_str());
    }
    return kExitUsage;
  }
  if (options.check_config) {
    std::printf("%s: good\n", options.config_path.c_str());
    return kExitOk;
  }
  const auto& stop = control::catch_stop_signals();
  auto witness = Witness::start(std::move(*config), options.beginning);
  if (!witness) {
    base::log_error("witness", witness.error());
    return kExitFailure;
  }
  return (*witness)->run(stop) ? kExitOk : kExitFailure;
}

int parse_and_run(int argc, char** argv) {
  CLI::App app("A member of a Phalanx cluster that votes and owns nothing.", "phalanx-witness");
  Options options;
  std::string level = "info";
  app.add_option("-c,--config", options.config_path, "configuration, see phalanx-witness(8)")
      ->required();
  app.add_flag("--check-config", options.check_config, "read and check it, then exit");
  app.add_flag("--new-state", options.beginning.new_state,
               "make a state directory where there is none");
  app.add_flag("--new-cluster", options.beginning.new_cluster,
               "--new-state on all members of a cluster that was never started");
  app.add_option("--log-level", level, "debug, info, warn or error; default info");
  app.set_version_flag("--version", std::string("phalanx-witness ") + PHALANX_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  base::LogLevel log_level{};
  if (!base::parse_log_level(level.c_str(), log_level)) {
    std::fprintf(stderr, "--log-level %s: not one of debug, info, warn, error\n", level.c_str());
    return kExitUsage;
  }
  base::set_log_level(log_level);
  return run(options);
}

}  // namespace
}  // namespace phalanx

int main(int argc, char** argv) {
  using namespace phalanx;
  control::protect_memory();
  try {
    return parse_and_run(argc, argv);
  } catch (const std::bad_alloc&) {
    base::log_error("witness", "out of memory");
  } catch (const std::exception& error) {
    base::log_error("witness", error.what());
  }
  return kExitFailure;
}
