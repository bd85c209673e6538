// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rows.hpp"

namespace phalanx::ctl {

// What `phalanxctl` knows about a list of the daemon; every list can be shown, also unknown ones.
struct ListStyle {
  std::string_view name;
  std::string_view help;
  std::string_view columns;  // those of the short form, in order, separated by blanks; empty: all
  bool hide_quiet = false;   // the short form leaves out rows whose counters are all 0
};
[[nodiscard]] std::span<const ListStyle> list_styles() noexcept;

// Names of all columns, in the order in which they first appear.
[[nodiscard]] std::vector<std::string> all_columns(const Rows& rows);
// The rows and columns of the short form.
[[nodiscard]] Rows short_form(std::string_view list, const Rows& rows);
// Whether a column counts up, so that its rate says something.
[[nodiscard]] bool is_counter(std::string_view column) noexcept;

// Aligned columns with a heading: numbers to the right, texts to the left. Control characters of
// texts are shown as "?".
[[nodiscard]] std::string format_table(const Rows& rows);
// One row, a line for each column.
[[nodiscard]] std::string format_record(const Json& row);

// What changed between two readings of one list, `seconds` apart: counters become rates per second
// with a suffix k, M or G; rows are matched by their first column and, for neighbors, their port.
[[nodiscard]] Rows rates_of(const Rows& before, const Rows& after, double seconds);
// The same for programs: numbers, not rounded to a suffix.
[[nodiscard]] Rows numeric_rates_of(const Rows& before, const Rows& after, double seconds);

}  // namespace phalanx::ctl
