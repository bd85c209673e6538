// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "phalanx/base/ids.hpp"
#include "phalanx/base/result.hpp"
#include "phalanx/control/lease_file.hpp"
#include "phalanx/control/state_dir.hpp"

namespace phalanx::control {

using MachineId = std::array<std::byte, 16>;
using BirthKey = std::array<std::byte, 16>;

// What a node knows of itself across restarts. On disk: docs/abi.md, "State directory".
struct Identity {
  base::NodeId node;
  base::BootCount boot;
  bool machine_known = false;  // machine is derived from the machine, not random
  MachineId machine{};
  BirthKey birth_key{};  // of the bucket hash
  StateId state{};
  friend bool operator==(const Identity&, const Identity&) = default;
};

inline constexpr std::size_t kIdentityBytes = 72;
enum class IdentityError : std::uint8_t { Truncated, BadMagic, BadVersion, BadChecksum, BadValue };
[[nodiscard]] base::Result<Identity, IdentityError> parse_identity(
    std::span<const std::byte> bytes) noexcept;
[[nodiscard]] std::array<std::byte, kIdentityBytes> write_identity(
    const Identity& identity) noexcept;

// Fills a buffer with random bytes; false when the system has none.
using RandomSource = std::function<bool(std::span<std::byte>)>;
[[nodiscard]] bool system_random(std::span<std::byte> bytes) noexcept;

// Derived from /etc/machine-id so that the id itself stays private, as machine-id(5) asks; nullopt
// where there is none.
[[nodiscard]] std::optional<MachineId> this_machine(const std::string& file = "/etc/machine-id");

struct StateOptions {
  base::NodeId node{1};
  // The operator says that there is no state, or that what is there may be given up: makes a new
  // birth key and forgets all leases. The boot count still goes on from what can be read.
  bool new_state = false;
  std::optional<MachineId> machine;
};

// The state directory of a running daemon: its boot is raised and durable. Control thread.
class StateStore {
 public:
  // Whether open would go on, as far as reading tells. Nothing is written: what else a start needs
  // can be tried next, and uses no boot up when it fails.
  [[nodiscard]] static base::Result<base::Ok, StateError> check(
      const std::shared_ptr<StateDir>& dir, const StateOptions& options);

  // Reads and verifies everything, raises the boot count and makes that durable. Nothing may be
  // encrypted before this returned.
  [[nodiscard]] static base::Result<StateStore, StateError> open(
      const std::shared_ptr<StateDir>& dir, const StateOptions& options,
      const RandomSource& random = system_random);

  [[nodiscard]] const Identity& identity() const noexcept { return identity_; }
  // A cluster may know higher boots of this node than its disk: makes `boot` the one of this start,
  // durably. Lower ones are not taken back.
  [[nodiscard]] FileResult raise_boot(base::BootCount boot);
  // The boot that this start raised the count to.
  [[nodiscard]] base::BootCount started_as() const noexcept { return started_as_; }
  // For LeaseService; once.
  [[nodiscard]] LeaseFile take_leases() noexcept { return std::move(leases_); }
  // What was repaired or given up at the start; empty: nothing. For the log.
  [[nodiscard]] const std::string& notice() const noexcept { return notice_; }

 private:
  StateStore(std::shared_ptr<StateDir> dir, const Identity& identity, LeaseFile leases,
             std::string notice)
      : dir_(std::move(dir)),
        identity_(identity),
        started_as_(identity.boot),
        leases_(std::move(leases)),
        notice_(std::move(notice)) {}

  std::shared_ptr<StateDir> dir_;
  Identity identity_;
  base::BootCount started_as_;
  LeaseFile leases_;
  std::string notice_;
};

}  // namespace phalanx::control
