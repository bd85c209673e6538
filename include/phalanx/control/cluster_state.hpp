// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "phalanx/base/result.hpp"
#include "phalanx/cluster/node_config.hpp"
#include "phalanx/control/state_dir.hpp"
#include "phalanx/control/state_store.hpp"

namespace phalanx::control {

// What a voter keeps on disk, as bytes: file `cluster` of the state directory (docs/abi.md).
[[nodiscard]] std::vector<std::byte> write_cluster_state(const cluster::DiskState& state,
                                                         const StateId& id);
// nullopt: damaged, of another directory, or of a later version.
[[nodiscard]] std::optional<cluster::DiskState> parse_cluster_state(
    std::span<const std::byte> bytes, const StateId& id);

// Whether a node of a cluster has used this directory.
[[nodiscard]] bool is_of_cluster(StateDir& dir);
// None has, as far as anybody will know: for an operator's --new-state.
[[nodiscard]] FileResult forget_cluster(StateDir& dir);

// The file. Control thread; store() waits for the disk.
class ClusterStateFile {
 public:
  explicit ClusterStateFile(std::shared_ptr<StateDir> dir, StateStore& store) noexcept
      : dir_(std::move(dir)), store_(store) {}

  // nullopt: there is none.
  [[nodiscard]] base::Result<std::optional<cluster::DiskState>, StateError> load();
  // Durable when it returns. The boot count of the identity follows, so that a node that leaves the
  // cluster goes on above every boot that it used.
  [[nodiscard]] FileResult store(const cluster::DiskState& state);

 private:
  std::shared_ptr<StateDir> dir_;
  StateStore& store_;
};

}  // namespace phalanx::control
