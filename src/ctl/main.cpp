// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <cstdio>
#include <exception>

#include "commands.hpp"

namespace phalanx::ctl {
namespace {

Outcome run(const Options& options) {
  const bool command = options.action != Action::Show && options.action != Action::Watch;
  if (command && !options.control_socket.empty()) {
    return run_command(options, options.control_socket);
  }
  auto client = connect_to(options.target, runtime_directories());
  if (!client) return client.error();
  if (options.action == Action::Show) return run_show(options, *client);
  if (options.action == Action::Watch) return run_watch(options, *client);
  auto config = client->text("config");
  if (!config) return config.error();
  auto control = control_socket_in(*config);
  if (!control) return control.error();
  return run_command(options, *control);
}

}  // namespace
}  // namespace phalanx::ctl

int main(int argc, char** argv) {
  using namespace phalanx::ctl;
  try {
    const auto parsed = parse_options(argc, argv);
    if (const auto* code = std::get_if<int>(&parsed)) return *code;
    const auto outcome = run(std::get<Options>(parsed));
    if (outcome) return kExitOk;
    std::fprintf(stderr, "phalanxctl: %s\n", outcome.error().text.c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "phalanxctl: %s\n", error.what());
  }
  return kExitFailure;
}
