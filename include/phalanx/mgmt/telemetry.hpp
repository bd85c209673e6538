// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "phalanx/base/result.hpp"
#include "phalanx/mgmt/view.hpp"

namespace phalanx::mgmt {

// Makes views readable on DPDK's telemetry socket, as long as it lives. The request
//   /phalanx/NAME[,OFFSET]
// is answered by a dictionary {total, offset, count, rows}; `rows` holds a dictionary for each row,
// named by its position: {"0": {...}, "1": {...}}. A reply has at most 16 KiB, so it holds few
// rows: ask again from offset + count until there are `total`. Texts (the config) are answered as
// {total, offset, count, text}, an array of pieces, offsets in bytes. One at a time in a process:
// DPDK knows no context for its callbacks, and cannot forget them.
class Telemetry {
 public:
  struct Text {
    std::string name;
    std::string help;
    std::string content;
  };

  static base::Result<std::unique_ptr<Telemetry>, std::string> start(std::vector<View> views,
                                                                     std::vector<Text> texts);
  ~Telemetry();
  Telemetry(const Telemetry&) = delete;
  Telemetry& operator=(const Telemetry&) = delete;

 private:
  Telemetry() = default;
};

}  // namespace phalanx::mgmt
