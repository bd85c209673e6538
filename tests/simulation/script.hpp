// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <string>
#include <vector>

#include "world.hpp"

namespace phalanx::simulation {

// A story told to the simulator, one command a line, with what came of each below it:
//
//   crash 1
//   ----
//   node 1 stops: crash
//
// Everything up to the next empty line is the expected output. Delays are fixed and nothing is left
// to chance that the story does not ask for.
class Script {
 public:
  // Runs a file and prints what differs. With `rewrite` the file takes what came out.
  [[nodiscard]] static bool run_file(const std::string& path, bool rewrite);

 private:
  using Words = std::vector<std::string>;
  [[nodiscard]] std::vector<std::string> execute(const Words& words);
  void cluster(const Words& words);
  void change(const Words& words);
  [[nodiscard]] std::vector<std::string> show();
  [[nodiscard]] std::vector<std::string> traffic();
  [[nodiscard]] std::vector<std::string> floors();

  std::unique_ptr<World> world_;
  std::map<std::string, std::uint64_t> seen_;  // traffic at the last look
};

}  // namespace phalanx::simulation
