// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "phalanx/base/result.hpp"

namespace phalanx::mgmt {

// Text that may hold keys: moves, never copies, and is wiped when it goes.
class SecretText {
 public:
  SecretText() = default;
  explicit SecretText(std::string_view text) : text_(text) {}
  ~SecretText() { wipe(); }

  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
  SecretText(SecretText&& other) noexcept { text_.swap(other.text_); }
  SecretText& operator=(SecretText&& other) noexcept;

  [[nodiscard]] std::string_view view() const noexcept { return text_; }
  // Makes room first, so that no unwiped copy is left behind by a reallocation.
  void append(std::string_view more);

 private:
  void wipe() noexcept;

  std::string text_;
};

// A number or a string as it stands in the file.
struct Literal {
  bool is_string = false;
  std::uint32_t line = 0;
  SecretText text;  // strings: without quotes, escapes resolved
};

// The file with every number and string replaced by its position in `literals`, and every comment
// by nothing. This is all that libconfig gets to see. It therefore reads no number that it could
// truncate (1.5 keeps 32 bits of hexadecimal ones, silently), can open no file (@include), keeps
// no copy of a key, and cannot lose the strings it leaks after a syntax error.
struct Skeleton {
  std::string text;  // as many lines as the file
  std::vector<Literal> literals;
};

struct TextProblem {
  std::uint32_t line = 0;
  std::string problem;
  std::string allowed;
};

inline constexpr std::size_t kMaxConfigBytes = std::size_t{64} << 20;
inline constexpr std::size_t kMaxLiterals = std::size_t{2} << 20;
inline constexpr std::size_t kMaxStringBytes = 4096;
inline constexpr unsigned kMaxConfigDepth = 16;        // nested groups, lists and arrays
inline constexpr unsigned kMaxSettingsPerGroup = 256;  // libconfig searches them one by one

[[nodiscard]] base::Result<Skeleton, TextProblem> scan_config_text(std::string_view text);

}  // namespace phalanx::mgmt
