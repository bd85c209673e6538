// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "table.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

namespace phalanx::ctl {
namespace {

constexpr std::array<ListStyle, 17> kStyles = {{
    {"ports", "ports with their counters",
     "name role link addresses rx_packets rx_bytes tx_packets tx_bytes rx_missed rx_errors"},
    {"workers", "workers with their counters",
     "worker rx tx drops to_control from_control to_peer from_peer held polls busy_polls"},
    {"sa", "security associations",
     "name direction spi remote algorithm packets bytes sequence errors"},
    {"policies", "security policies, in the order of matching", ""},
    {"routes", "routes", ""},
    {"neighbors", "neighbors", ""},
    {"buckets", "distribution buckets with their traffic", "", true},
    {"load", "workers with their buckets and how busy they are", ""},
    {"elephants", "SAs that fill a worker", ""},
    {"drops", "dropped packets by reason", "", true},
    {"control", "counters of the control thread", "", true},
    {"cluster", "this node in its cluster", ""},
    {"nodes", "members of the cluster",
     "name node address role state heard_on weight drained buckets silent_ms"},
    {"events", "what happened in the cluster", ""},
    {"owners", "who owns which bucket", ""},
    {"leases", "number leases in the cluster", ""},
    {"answers", "who answers for the shared addresses", ""},
}};

// Numbers that are no counters.
constexpr std::array<std::string_view, 33> kGauges = {"worker",    "bucket",
                                                      "sas",       "spi",
                                                      "esn",       "window",
                                                      "inner_mtu", "mtu",
                                                      "vlan",      "held",
                                                      "lease",     "in_crypto",
                                                      "waiting",   "permanent",
                                                      "age_ms",    "offset",
                                                      "total",     "port",
                                                      "buffers",   "buffers_in_use",
                                                      "sequence",  "waiting_for_neighbors",
                                                      "in_lanes",  "busy_percent",
                                                      "percent",   "node",
                                                      "owner",     "silent_ms",
                                                      "floor",     "usable_here",
                                                      "entries",   "weight",
                                                      "event"};

const ListStyle* style_of(std::string_view list) {
  const auto found = std::find_if(kStyles.begin(), kStyles.end(),
                                  [list](const ListStyle& style) { return style.name == list; });
  return found == kStyles.end() ? nullptr : &*found;
}

std::string cell(const Json& row, const std::string& column) {
  const auto found = row.find(column);
  if (found == row.end()) return "-";
  if (found->is_number_unsigned() && column == "spi") {
    std::array<char, 11> text{};
    std::snprintf(text.data(), text.size(), "0x%08x", found->get<unsigned>());
    return text.data();
  }
  if (!found->is_string()) return found->dump();
  auto text = found->get<std::string>();
  for (auto& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text.empty() ? "-" : text;
}

bool is_quiet(const Json& row) {
  return std::all_of(row.items().begin(), row.items().end(), [](const auto& item) {
    return !item.value().is_number() || !is_counter(item.key()) || item.value() == 0;
  });
}

std::string identity(const Json& row) {
  if (row.empty()) return {};
  auto text = row.begin().value().dump();
  if (const auto port = row.find("port"); port != row.end()) text += port->dump();
  return text;
}

std::string with_suffix(double rate) {
  constexpr std::array<char, 4> kSuffixes = {'k', 'M', 'G', 'T'};
  std::array<char, 32> text{};
  if (rate < 1000) {
    std::snprintf(text.data(), text.size(), "%.0f/s", rate);
    return text.data();
  }
  std::size_t suffix = 0;
  for (rate /= 1000; rate >= 1000 && suffix + 1 < kSuffixes.size(); rate /= 1000) ++suffix;
  std::snprintf(text.data(), text.size(), "%.2f%c/s", rate, kSuffixes[suffix]);
  return text.data();
}

std::uint64_t number(const Json& row, const std::string& column, std::uint64_t otherwise) {
  const auto found = row.find(column);
  return found != row.end() && found->is_number_unsigned() ? found->get<std::uint64_t>()
                                                           : otherwise;
}

template <typename Convert>
Rows convert_rates(const Rows& before, const Rows& after, double seconds, Convert convert) {
  std::map<std::string, const Json*> earlier;
  for (const auto& row : before) earlier.emplace(identity(row), &row);
  Rows rates = after;
  for (auto& row : rates) {
    const auto found = earlier.find(identity(row));
    for (auto& [column, value] : row.items()) {
      if (!value.is_number_unsigned() || !is_counter(column)) continue;
      const auto now = value.template get<std::uint64_t>();
      const auto then = found != earlier.end() ? number(*found->second, column, now) : now;
      // A restarted daemon counts from 0 again.
      const auto grown = now >= then ? now - then : now;
      value = convert(static_cast<double>(grown) / seconds);
    }
  }
  return rates;
}

bool right_aligned(const std::string& text) {
  return !text.empty() && text.front() >= '0' && text.front() <= '9' &&
         text.find_first_of(".:x") == std::string::npos;
}

}  // namespace

std::span<const ListStyle> list_styles() noexcept {
  return kStyles;
}

bool is_counter(std::string_view column) noexcept {
  return std::find(kGauges.begin(), kGauges.end(), column) == kGauges.end();
}

std::vector<std::string> all_columns(const Rows& rows) {
  std::vector<std::string> columns;
  for (const auto& row : rows) {
    for (const auto& item : row.items()) {
      if (std::find(columns.begin(), columns.end(), item.key()) == columns.end()) {
        columns.push_back(item.key());
      }
    }
  }
  return columns;
}

Rows short_form(std::string_view list, const Rows& rows) {
  const auto* style = style_of(list);
  if (style == nullptr) return rows;
  Rows chosen;
  for (const auto& row : rows) {
    if (style->hide_quiet && is_quiet(row)) continue;
    if (style->columns.empty()) {
      chosen.push_back(row);
      continue;
    }
    Json picked = Json::object();
    for (auto rest = style->columns; !rest.empty();) {
      const auto column = std::string(rest.substr(0, rest.find(' ')));
      rest.remove_prefix(std::min(rest.size(), column.size() + 1));
      if (row.contains(column)) picked[column] = row[column];
    }
    chosen.push_back(std::move(picked));
  }
  return chosen;
}

std::string format_table(const Rows& rows) {
  const auto columns = all_columns(rows);
  std::vector<std::vector<std::string>> cells{{}};
  for (const auto& column : columns) cells[0].push_back(column);
  for (const auto& row : rows) {
    auto& line = cells.emplace_back();
    for (const auto& column : columns) line.push_back(cell(row, column));
  }
  std::vector<std::size_t> widths(columns.size());
  std::vector<bool> numeric(columns.size(), rows.empty() ? false : true);
  for (std::size_t line = 0; line < cells.size(); ++line) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      widths[i] = std::max(widths[i], cells[line][i].size());
      if (line != 0) {
        numeric[i] = numeric[i] && (cells[line][i] == "-" || right_aligned(cells[line][i]));
      }
    }
  }
  std::string text;
  for (const auto& line : cells) {
    std::string out;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::string padding(widths[i] - line[i].size(), ' ');
      out += (i == 0 ? "" : "  ") + (numeric[i] ? padding + line[i] : line[i] + padding);
    }
    out.erase(out.find_last_not_of(' ') + 1);
    text += out + "\n";
  }
  return text;
}

std::string format_record(const Json& row) {
  std::size_t width = 0;
  for (const auto& item : row.items()) width = std::max(width, item.key().size());
  std::string text;
  for (const auto& item : row.items()) {
    text +=
        item.key() + std::string(width - item.key().size() + 2, ' ') + cell(row, item.key()) + "\n";
  }
  return text;
}

Rows rates_of(const Rows& before, const Rows& after, double seconds) {
  return convert_rates(before, after, seconds, [](double rate) { return with_suffix(rate); });
}

Rows numeric_rates_of(const Rows& before, const Rows& after, double seconds) {
  return convert_rates(before, after, seconds,
                       [](double rate) { return std::round(rate * 10) / 10; });
}

}  // namespace phalanx::ctl
