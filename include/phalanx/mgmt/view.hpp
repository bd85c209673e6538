// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace phalanx::mgmt {

// One line of what operators see: names and values, in the order of columns. Names are lower-case
// words joined by underscores; texts of more than 120 bytes are cut on the telemetry socket.
using Value = std::variant<std::uint64_t, std::string>;
using Row = std::vector<std::pair<std::string, Value>>;

struct Page {
  std::size_t total = 0;  // rows there are
  std::vector<Row> rows;  // from the offset that was asked for
};

// One list that can be shown: at most `limit` rows from `offset` on. Called on the telemetry and on
// the command thread, at any time, so it reads only what those may.
using Lister = std::function<Page(std::size_t offset, std::size_t limit)>;

struct View {
  std::string name;  // "sa": /phalanx/sa on the telemetry socket, `phalanxctl show sa`
  std::string help;
  Lister list;
};

}  // namespace phalanx::mgmt
