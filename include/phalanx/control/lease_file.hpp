// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "phalanx/base/result.hpp"
#include "phalanx/cluster/lease_record.hpp"
#include "phalanx/control/state_dir.hpp"

namespace phalanx::control {

// Ties the files of one state directory together.
using StateId = std::array<std::byte, 16>;

// One copy of one slot, as it stands on the disk.
struct LeaseSlot {
  std::uint32_t slot = 0;
  std::uint64_t version = 0;                   // raised by each write of this slot
  std::optional<cluster::LeaseRecord> record;  // none: the slot is free
  friend bool operator==(const LeaseSlot&, const LeaseSlot&) = default;
};
inline constexpr std::size_t kLeaseSlotBytes = 64;
enum class LeaseSlotError : std::uint8_t { Truncated, BadChecksum, BadSlot, BadRecord };
// `slot` is where it was read from; a copy that was written for another place is refused.
[[nodiscard]] base::Result<LeaseSlot, LeaseSlotError> parse_lease_slot(
    std::span<const std::byte> bytes, std::uint32_t slot) noexcept;
[[nodiscard]] std::array<std::byte, kLeaseSlotBytes> write_lease_slot(
    const LeaseSlot& slot) noexcept;

// The leases of a node's static SAs on its disk. Fixed slots, written in place, so that a full disk
// does not matter later. A slot has two versions, A and B, of which the older is overwritten, each
// mirrored in another page: what was durable survives a torn write, and one bad sector besides.
// Opened by the control thread, then used by the storage thread alone.
class LeaseFile {
 public:
  static constexpr std::uint32_t kByKey = ~std::uint32_t{0};
  struct Write {
    std::uint32_t slot = 0;  // kByKey: that of the record's key, a new one if it has none
    cluster::LeaseRecord record;
  };
  struct Assigned {
    std::uint32_t slot = 0;
    std::uint64_t number = 0;  // durable lease; 0: a new SA
  };

  // An empty file in place of any other.
  [[nodiscard]] static FileResult create(StateDir& dir, const StateId& state);
  [[nodiscard]] static base::Result<LeaseFile, StateError> open(std::shared_ptr<StateDir> dir,
                                                                const StateId& state);

  // The slots of these SAs, in their order; a new SA gets a free one. Slots of other SAs are kept:
  // their leases still stand when they come back. Once, before the first commit(): writes the file
  // anew, larger if need be, because what was read may never have reached the disk when the daemon
  // before us was killed or its disk failed.
  [[nodiscard]] base::Result<std::vector<Assigned>, StateError> assign(
      std::span<const cluster::LeaseKey> keys);

  // Gives writes by key their slots. Writes the file anew, larger, when there is no free one.
  [[nodiscard]] FileResult place(std::span<Write> writes);
  // Writes all records and waits for the disk. On failure each of them may or may not be found
  // after a crash; what was durable before still is, or the new one.
  [[nodiscard]] FileResult commit(std::span<const Write> writes) noexcept;

  // What is durable.
  [[nodiscard]] std::vector<cluster::LeaseRecord> records() const;
  [[nodiscard]] std::size_t slots() const noexcept { return slots_.size(); }
  [[nodiscard]] std::size_t used_slots() const noexcept { return by_key_.size(); }
  // Copies that could not be read and were not needed.
  [[nodiscard]] std::size_t damaged_copies() const noexcept { return damaged_copies_; }

 private:
  struct Slot {
    std::optional<cluster::LeaseRecord> record;  // durable
    std::uint64_t version = 0;                   // highest that was ever written
    std::uint8_t durable_side = 0;               // A or B
    bool attempted = false;                      // the other side is not what it was
  };

  LeaseFile(std::shared_ptr<StateDir> dir, const StateId& state)
      : dir_(std::move(dir)), state_(state) {}
  [[nodiscard]] std::optional<StateError> load(std::span<const std::byte> content);
  [[nodiscard]] std::optional<StateError> load_slot(std::span<const std::byte> content,
                                                    std::uint32_t slot);
  [[nodiscard]] FileResult rewrite(std::size_t slots);
  [[nodiscard]] base::Result<std::size_t, FileError> write_run(std::span<const Write> writes,
                                                               std::size_t first) noexcept;

  std::shared_ptr<StateDir> dir_;
  StateId state_{};
  std::unique_ptr<StateFile> file_;
  std::vector<Slot> slots_;
  std::map<cluster::LeaseKey, std::uint32_t> by_key_;
  std::uint32_t next_free_ = 0;  // no slot below is free
  std::size_t damaged_copies_ = 0;
  std::vector<std::size_t> order_;  // of the writes of a commit, by slot
};

}  // namespace phalanx::control
