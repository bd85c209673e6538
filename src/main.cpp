// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <cstdio>
#include <exception>
#include <new>

#include "gateway.hpp"
#include "options.hpp"
#include "phalanx/base/log.hpp"
#include "phalanx/control/process.hpp"
#include "phalanx/mgmt/config_loader.hpp"
#include "phalanx/net/bucket_hash.hpp"

namespace phalanx {
namespace {

int print_problems(const std::vector<mgmt::ConfigProblem>& problems) {
  for (const auto& problem : problems) {
    std::fprintf(stderr, "%s\n", mgmt::to_string(problem).c_str());
  }
  return kExitUsage;
}

int run(const Options& options) {
  std::vector<mgmt::ConfigProblem> warnings;
  auto config = mgmt::load_config(options.config_path, {{}, &warnings});
  if (!config) return print_problems(config.error());
  const auto refused = mgmt::check_eal_arguments(options.eal_arguments, *config, "command line");
  if (!refused.empty()) return print_problems(refused);
  for (const auto& warning : warnings) base::log_warn("config", mgmt::to_string(warning));
  if (options.check_config) {
    std::printf("%s: good\n", options.config_path.c_str());
    return kExitOk;
  }
  if (!net::cpu_has_aes()) {
    base::log_error("phalanxd", "this CPU has no AES instructions (AES-NI)");
    return kExitFailure;
  }
  const auto& stop = control::catch_stop_signals();
  auto gateway = Gateway::start(std::move(*config), {options.new_state, options.new_cluster},
                                options.eal_arguments);
  if (!gateway) {
    base::log_error("phalanxd", gateway.error());
    return kExitFailure;
  }
  const bool wanted = (*gateway)->run(stop);
  return (*gateway)->shutdown() && wanted ? kExitOk : kExitFailure;
}

}  // namespace
}  // namespace phalanx

int main(int argc, char** argv) {
  using namespace phalanx;
  control::protect_memory();
  const auto options = parse_options(argc, argv);
  if (!options) {
    std::fprintf(stderr, "phalanxd: %s\n%s", options.error().c_str(), usage_text());
    return kExitUsage;
  }
  if (options->help) {
    std::fputs(usage_text(), stdout);
    return kExitOk;
  }
  if (options->version) {
    std::printf("phalanxd %s\n", PHALANX_VERSION);
    return kExitOk;
  }
  base::set_log_level(options->log_level);
  try {
    return run(*options);
  } catch (const std::bad_alloc&) {
    base::log_error("phalanxd", "out of memory");
  } catch (const std::exception& error) {
    base::log_error("phalanxd", error.what());
  }
  return kExitFailure;
}
