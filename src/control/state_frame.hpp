// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "phalanx/base/byte_reader.hpp"
#include "phalanx/base/byte_writer.hpp"
#include "phalanx/base/crc32c.hpp"
#include "phalanx/control/state_store.hpp"

namespace phalanx::control {

// What small files of the state directory are put in: magic, version, the directory's id, the
// file's own fields, CRC-32C of all of it (docs/abi.md).
struct StateFrame {
  static constexpr std::size_t kCrcBytes = 4;
  std::string_view magic;
  std::uint16_t version;

  void begin(base::ByteWriter& out, const StateId& id) const {
    out.bytes(std::as_bytes(std::span(magic)));
    out.u16(version);
    out.bytes(id);
  }
  static void end(base::ByteWriter& out) { out.u32(base::crc32c(out.written())); }

  // The file's own fields; nullopt: damaged, of another directory or version.
  [[nodiscard]] std::optional<base::ByteReader> open(std::span<const std::byte> bytes,
                                                     const StateId& id) const {
    if (bytes.size() < kCrcBytes) return std::nullopt;
    const auto body = bytes.first(bytes.size() - kCrcBytes);
    base::ByteReader crc(bytes.last(kCrcBytes));
    if (crc.u32() != base::crc32c(body)) return std::nullopt;
    base::ByteReader in(body);
    const auto found = in.bytes(magic.size());
    const auto written_as = in.u16();
    const auto of = in.bytes(id.size());
    if (!in.ok() || !std::ranges::equal(found, std::as_bytes(std::span(magic))) ||
        written_as != version || !std::ranges::equal(of, id)) {
      return std::nullopt;
    }
    return in;
  }
};

}  // namespace phalanx::control
