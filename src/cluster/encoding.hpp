// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "phalanx/base/byte_reader.hpp"
#include "phalanx/base/byte_writer.hpp"
#include "phalanx/cluster/types.hpp"

namespace phalanx::cluster {

// Growing output in network byte order. The caller checks the size once, at the end.
class Encoder {
 public:
  void u8(std::uint8_t value) { out_.push_back(std::byte{value}); }
  void u16(std::uint16_t value) { put(base::be16(value)); }
  void u32(std::uint32_t value) { put(base::be32(value)); }
  void u64(std::uint64_t value) { put(base::be64(value)); }
  // Not inlined: g++ 12 at -O3 otherwise warns of overflows in vectors that it has lost sight of.
  [[gnu::noinline]] void bytes(std::span<const std::byte> from) {
    const auto at = out_.size();
    out_.resize(at + from.size());
    if (!from.empty()) std::memcpy(out_.data() + at, from.data(), from.size());
  }
  void flag(bool value) { u8(value ? 1 : 0); }
  void id(base::NodeId value) { u8(value.value()); }
  void id(base::BootCount value) { u16(value.value()); }
  void id(const VoterId& value) {
    id(value.node);
    id(value.boot);
  }
  void id(const StreamId& value) {
    id(value.node);
    id(value.boot);
    u16(value.incarnation);
  }
  void id(const Version& value) {
    u32(value.generation.value());
    u32(value.term.value());
    u32(value.epoch.value());
  }
  void count(std::size_t value) { u16(static_cast<std::uint16_t>(value)); }

  [[nodiscard]] const Bytes& written() const noexcept { return out_; }
  [[nodiscard]] Bytes take() noexcept { return std::move(out_); }

 private:
  template <typename T>
  void put(T value) {
    bytes(std::as_bytes(std::span(&value, 1)));
  }
  Bytes out_;
};

// Cursor over input that remembers any bad value besides a short read.
class Decoder {
 public:
  explicit Decoder(std::span<const std::byte> bytes) noexcept : in_(bytes) {}

  [[nodiscard]] bool ok() const noexcept { return in_.ok() && !bad_; }
  [[nodiscard]] bool truncated() const noexcept { return !in_.ok(); }
  [[nodiscard]] std::size_t remaining() const noexcept { return in_.remaining(); }
  void reject() noexcept { bad_ = true; }

  std::uint8_t u8() noexcept { return in_.u8(); }
  std::uint16_t u16() noexcept { return in_.u16(); }
  std::uint32_t u32() noexcept { return in_.u32(); }
  std::uint64_t u64() noexcept { return in_.u64(); }
  std::span<const std::byte> bytes(std::size_t length) noexcept { return in_.bytes(length); }
  bool flag() noexcept { return at_most(1) != 0; }
  std::uint8_t at_most(std::uint8_t limit) noexcept {
    const auto value = in_.u8();
    if (value > limit) bad_ = true;
    return value;
  }
  // A count of elements of at least `element_bytes` each: refused when they cannot be there, so
  // that a forged count never costs memory.
  std::size_t count(std::size_t element_bytes) noexcept {
    const std::size_t value = in_.u16();
    if (value > in_.remaining() / element_bytes) {
      bad_ = true;
      return 0;
    }
    return value;
  }
  base::NodeId node() noexcept { return base::NodeId(in_.u8()); }
  base::BootCount boot() noexcept { return base::BootCount(in_.u16()); }
  VoterId voter() noexcept {
    const auto node_id = node();
    return {node_id, boot()};
  }
  StreamId stream() noexcept {
    const auto node_id = node();
    const auto boot_count = boot();
    return {node_id, boot_count, in_.u16()};
  }
  Version version() noexcept {
    const base::Generation generation(in_.u32());
    const base::Term term(in_.u32());
    return {generation, term, base::Epoch(in_.u32())};
  }

 private:
  base::ByteReader in_;
  bool bad_ = false;
};

inline constexpr std::size_t kVoterBytes = 3;
inline constexpr std::size_t kStreamBytes = 5;
inline constexpr std::size_t kVersionBytes = 12;

}  // namespace phalanx::cluster
