// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/roster_file.hpp"

#include "state_frame.hpp"

namespace phalanx::control {
namespace {

constexpr StateFrame kFrame{"PHXROSTR", 1};
constexpr const char* kFileName = "roster";
// Far above what 255 members need.
constexpr std::size_t kMaxBytes = 64 * 1024;

}  // namespace

std::vector<std::byte> write_roster_file(const RosterEntries& entries, const StateId& id) {
  const auto roster = write_roster(entries);
  std::vector<std::byte> bytes(kFrame.magic.size() + sizeof(kFrame.version) + id.size() +
                               roster.size() + StateFrame::kCrcBytes);
  base::ByteWriter out(bytes);
  kFrame.begin(out, id);
  out.bytes(roster);
  StateFrame::end(out);
  return bytes;
}

std::optional<RosterEntries> parse_roster_file(std::span<const std::byte> bytes,
                                               const StateId& id) {
  auto in = kFrame.open(bytes, id);
  if (!in) return std::nullopt;
  return parse_roster(in->bytes(in->remaining()));
}

base::Result<RosterEntries, StateError> RosterFile::load() {
  const auto path = dir_->path() + "/" + kFileName;
  const auto bytes = dir_->read(kFileName, kMaxBytes);
  if (!bytes) {
    if (bytes.error().fault == FileFault::NotFound) return RosterEntries{};
    return StateError{StateFault::Io, path + " cannot be read: " + to_string(bytes.error())};
  }
  auto entries = parse_roster_file(*bytes, store_.identity().state);
  if (!entries) {
    return StateError{StateFault::Damaged,
                      path +
                          " is damaged, of another directory or of a later version; remove it to "
                          "learn from the other members again"};
  }
  return *std::move(entries);
}

FileResult RosterFile::store(const RosterEntries& entries) {
  return replace_file(*dir_, kFileName, write_roster_file(entries, store_.identity().state));
}

}  // namespace phalanx::control
