// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config_tree.hpp"
#include "phalanx/mgmt/config_loader.hpp"

namespace phalanx::mgmt {

// Collects what is wrong with one file. Start-up thread.
class Problems {
 public:
  explicit Problems(std::string file) : file_(std::move(file)) {}

  void error(std::uint32_t line, std::string key, std::string problem, std::string allowed = {});
  void warn(std::uint32_t line, std::string key, std::string problem, std::string allowed = {});
  void add(ConfigProblem problem) { errors_.push_back(std::move(problem)); }

  [[nodiscard]] const std::string& file() const noexcept { return file_; }
  [[nodiscard]] bool any() const noexcept { return !errors_.empty(); }
  // In the order of the lines.
  [[nodiscard]] std::vector<ConfigProblem> take_errors();
  [[nodiscard]] std::vector<ConfigProblem> take_warnings();

 private:
  std::string file_;
  std::vector<ConfigProblem> errors_;
  std::vector<ConfigProblem> warnings_;
};

// Typed access to the settings of one group. Reports what has the wrong type or range, what is
// missing, and, in finish(), what nobody asked for. Refers to the tree; does not own it.
class Group {
 public:
  Group(const Node& node, std::string path, Problems& problems);

  // The setting, if it is there. Marks it as known.
  [[nodiscard]] const Node* find(std::string_view key);
  // False, and an error, when the setting is missing.
  bool require(std::string_view key, std::string_view what);

  // Each leaves `out` alone when the setting is missing or wrong; false only when it is wrong.
  bool number(std::string_view key, std::uint64_t low, std::uint64_t high, std::uint64_t& out);
  template <typename Integer>
  bool number(std::string_view key, std::uint64_t low, std::uint64_t high, Integer& out) {
    std::uint64_t wide = out;
    const bool good = number(key, low, high, wide);
    out = static_cast<Integer>(wide);
    return good;
  }
  bool boolean(std::string_view key, bool& out);
  bool string(std::string_view key, std::string& out);
  bool strings(std::string_view key, std::vector<std::string>& out);
  // One word of a fixed list; `out` is its position.
  bool word(std::string_view key, std::span<const std::string_view> words, std::size_t& out);

  // Elements of a list of groups; an empty list when missing or wrong.
  [[nodiscard]] std::vector<Group> groups(std::string_view key);
  // The group `key`, if it is there.
  [[nodiscard]] std::optional<Group> group(std::string_view key);

  // Reports a setting; it then no longer counts as good.
  void error(std::string_view key, std::string problem, std::string allowed = {});
  void error_at(const Node& node, std::string_view key, std::string problem,
                std::string allowed = {});
  void warn(std::string_view key, std::string problem, std::string allowed = {});

  // No error so far for this setting (it may be missing).
  [[nodiscard]] bool good(std::string_view key) const;
  [[nodiscard]] bool has(std::string_view key) const;
  [[nodiscard]] std::uint32_t line() const noexcept { return node_->line; }
  [[nodiscard]] std::uint32_t line_of(std::string_view key) const;
  [[nodiscard]] std::string path_of(std::string_view key) const;

  // Refuses what was never asked for.
  void finish();

 private:
  [[nodiscard]] const Node* child(std::string_view key) const;
  bool wrong(std::string_view key, std::string problem, std::string allowed);

  const Node* node_;
  std::string path_;
  Problems* problems_;
  std::vector<std::string> known_;
  std::vector<std::string> bad_;
};

// Whether the file is of the schema that this version reads; reported if not.
[[nodiscard]] bool known_version(Group& root);

// Whole number as libconfig writes them: decimal or 0x, optional sign and L. Nothing when it is
// none, or does not fit.
enum class NumberFault : std::uint8_t { NotWhole, Negative, TooLarge };
[[nodiscard]] base::Result<std::uint64_t, NumberFault> parse_whole_number(std::string_view text);

[[nodiscard]] std::string_view kind_name(NodeKind kind);
// The candidate closest to `word`, when it is close enough to be meant.
[[nodiscard]] std::optional<std::string> closest(std::string_view word,
                                                 std::span<const std::string> candidates);
[[nodiscard]] std::string quoted(std::string_view text);
[[nodiscard]] std::string range_text(std::uint64_t low, std::uint64_t high);

}  // namespace phalanx::mgmt
