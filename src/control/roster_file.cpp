// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/roster_file.hpp"

#include <algorithm>
#include <string_view>

#include "phalanx/base/byte_reader.hpp"
#include "phalanx/base/byte_writer.hpp"
#include "phalanx/base/crc32c.hpp"

namespace phalanx::control {
namespace {

constexpr std::string_view kMagic = "PHXROSTR";
constexpr std::uint16_t kVersion = 1;
constexpr const char* kFileName = "roster";
constexpr std::size_t kCrcBytes = 4;
// Far above what 255 members need.
constexpr std::size_t kMaxBytes = 64 * 1024;

}  // namespace

std::vector<std::byte> write_roster_file(const RosterEntries& entries, const StateId& id) {
  const auto roster = write_roster(entries);
  std::vector<std::byte> bytes(kMagic.size() + sizeof(kVersion) + id.size() + roster.size() +
                               kCrcBytes);
  base::ByteWriter out(bytes);
  out.bytes(std::as_bytes(std::span(kMagic)));
  out.u16(kVersion);
  out.bytes(id);
  out.bytes(roster);
  out.u32(base::crc32c(out.written()));
  return bytes;
}

std::optional<RosterEntries> parse_roster_file(std::span<const std::byte> bytes,
                                               const StateId& id) {
  if (bytes.size() < kCrcBytes) return std::nullopt;
  const auto body = bytes.first(bytes.size() - kCrcBytes);
  base::ByteReader crc(bytes.last(kCrcBytes));
  if (crc.u32() != base::crc32c(body)) return std::nullopt;
  base::ByteReader in(body);
  const auto magic = in.bytes(kMagic.size());
  const auto version = in.u16();
  const auto of = in.bytes(id.size());
  if (!in.ok() || !std::ranges::equal(magic, std::as_bytes(std::span(kMagic))) ||
      version != kVersion || !std::ranges::equal(of, id)) {
    return std::nullopt;
  }
  return parse_roster(in.bytes(in.remaining()));
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
