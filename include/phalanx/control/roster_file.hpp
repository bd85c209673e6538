// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "phalanx/base/result.hpp"
#include "phalanx/control/cluster_roster.hpp"
#include "phalanx/control/state_dir.hpp"
#include "phalanx/control/state_store.hpp"

namespace phalanx::control {

// What operators said of members, as the bytes of file `roster` (docs/abi.md).
[[nodiscard]] std::vector<std::byte> write_roster_file(const RosterEntries& entries,
                                                       const StateId& id);
// nullopt: damaged, of another directory, or of a later version.
[[nodiscard]] std::optional<RosterEntries> parse_roster_file(std::span<const std::byte> bytes,
                                                             const StateId& id);

// File `roster` of the state directory. Control thread; store() waits for the disk.
class RosterFile {
 public:
  RosterFile(std::shared_ptr<StateDir> dir, const StateStore& store) noexcept
      : dir_(std::move(dir)), store_(store) {}

  // Nothing was said when there is no file.
  [[nodiscard]] base::Result<RosterEntries, StateError> load();
  // Durable when it returns.
  [[nodiscard]] FileResult store(const RosterEntries& entries);

 private:
  std::shared_ptr<StateDir> dir_;
  const StateStore& store_;
};

}  // namespace phalanx::control
