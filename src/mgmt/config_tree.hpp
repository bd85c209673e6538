// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config_text.hpp"

namespace phalanx::mgmt {

enum class NodeKind : std::uint8_t { Group, List, Array, Number, String, Boolean };

// One setting of the file, or one element of a list. The tree owns everything below it.
struct Node {
  NodeKind kind = NodeKind::Group;
  std::string name;  // empty: element of a list or array
  std::uint32_t line = 0;
  bool boolean = false;
  SecretText text;             // Number: as written; String: its value
  std::vector<Node> children;  // Group, List, Array
};

// libconfig's view of `text`, with the literals put back; the error has at most one element's
// worth of news, since libconfig stops at the first syntax error.
[[nodiscard]] base::Result<Node, TextProblem> parse_config_tree(std::string_view text);

}  // namespace phalanx::mgmt
