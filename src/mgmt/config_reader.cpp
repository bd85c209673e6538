// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "config_reader.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <tuple>

namespace phalanx::mgmt {
namespace {

// What an operator sees of a wrong file; more would only scroll away.
constexpr std::size_t kMaxProblems = 1000;

std::vector<ConfigProblem> sorted(std::vector<ConfigProblem> problems) {
  std::stable_sort(problems.begin(), problems.end(),
                   [](const ConfigProblem& a, const ConfigProblem& b) { return a.line < b.line; });
  if (problems.size() > kMaxProblems) {
    const auto more = problems.size() - kMaxProblems;
    problems.resize(kMaxProblems);
    problems.push_back({problems.front().file, 0, "", std::to_string(more) + " more problems", ""});
  }
  return problems;
}

// Edits that turn one word into the other, a swap of neighbours being one.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

std::string joined(std::span<const std::string> words) {
  std::string text;
  for (const auto& word : words) text.append(text.empty() ? "" : ", ").append(word);
  return text;
}

}  // namespace

std::string to_string(const ConfigProblem& problem) {
  std::string text = problem.file;
  if (problem.line != 0) text.append(":").append(std::to_string(problem.line));
  if (!problem.key.empty()) text.append(" ").append(problem.key);
  text.append(": ").append(problem.problem);
  if (!problem.allowed.empty()) text.append(" (").append(problem.allowed).append(")");
  return text;
}

void Problems::error(std::uint32_t line, std::string key, std::string problem,
                     std::string allowed) {
  errors_.push_back({file_, line, std::move(key), std::move(problem), std::move(allowed)});
}

void Problems::warn(std::uint32_t line, std::string key, std::string problem, std::string allowed) {
  warnings_.push_back({file_, line, std::move(key), std::move(problem), std::move(allowed)});
}

std::vector<ConfigProblem> Problems::take_errors() {
  return sorted(std::move(errors_));
}
std::vector<ConfigProblem> Problems::take_warnings() {
  return sorted(std::move(warnings_));
}

Group::Group(const Node& node, std::string path, Problems& problems)
    : node_(&node), path_(std::move(path)), problems_(&problems) {}

const Node* Group::child(std::string_view key) const {
  for (const auto& each : node_->children) {
    if (each.name == key) return &each;
  }
  return nullptr;
}

const Node* Group::find(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  return child(key);
}

bool Group::require(std::string_view key, std::string_view what) {
  const auto* node = find(key);
  if (node == nullptr && good(key)) error(key, "is missing", std::string(what));
  return node != nullptr;
}

bool Group::wrong(std::string_view key, std::string problem, std::string allowed) {
  error(key, std::move(problem), std::move(allowed));
  return false;
}

bool Group::number(std::string_view key, std::uint64_t low, std::uint64_t high,
                   std::uint64_t& out) {
  const auto* node = find(key);
  if (node == nullptr) return true;
  if (node->kind != NodeKind::Number) {
    return wrong(key, "is a " + std::string(kind_name(node->kind)) + ", not a number",
                 range_text(low, high));
  }
  const auto value = parse_whole_number(node->text.view());
  const auto written = std::string(node->text.view().substr(0, 40));
  if (!value && value.error() == NumberFault::NotWhole) {
    return wrong(key, written + " is not a whole number", range_text(low, high));
  }
  if (!value || *value < low || *value > high) {
    return wrong(key, written + " is out of range", range_text(low, high));
  }
  out = *value;
  return true;
}

bool Group::boolean(std::string_view key, bool& out) {
  const auto* node = find(key);
  if (node == nullptr) return true;
  if (node->kind != NodeKind::Boolean) {
    return wrong(key, "is a " + std::string(kind_name(node->kind)) + ", not a boolean",
                 "true or false");
  }
  out = node->boolean;
  return true;
}

bool Group::string(std::string_view key, std::string& out) {
  const auto* node = find(key);
  if (node == nullptr) return true;
  if (node->kind != NodeKind::String) {
    return wrong(key, "is a " + std::string(kind_name(node->kind)) + ", not a string",
                 "text in double quotes");
  }
  out = std::string(node->text.view());
  return true;
}

bool Group::strings(std::string_view key, std::vector<std::string>& out) {
  const auto* node = find(key);
  if (node == nullptr) return true;
  if (node->kind != NodeKind::Array && node->kind != NodeKind::List) {
    return wrong(key, "is a " + std::string(kind_name(node->kind)) + ", not an array of strings",
                 "[\"...\", \"...\"]");
  }
  std::vector<std::string> read;
  for (const auto& each : node->children) {
    if (each.kind != NodeKind::String) {
      error_at(each, key, "holds a " + std::string(kind_name(each.kind)),
               "strings in double quotes");
      return false;
    }
    read.emplace_back(each.text.view());
  }
  out = std::move(read);
  return true;
}

bool Group::word(std::string_view key, std::span<const std::string_view> words, std::size_t& out) {
  std::string text;
  if (!string(key, text)) return false;
  if (!has(key)) return true;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] != text) continue;
    out = i;
    return true;
  }
  const std::vector<std::string> names(words.begin(), words.end());
  return wrong(key, quoted(text) + " is unknown", joined(names));
}

std::vector<Group> Group::groups(std::string_view key) {
  std::vector<Group> elements;
  const auto* node = find(key);
  if (node == nullptr) return elements;
  if (node->kind != NodeKind::List) {
    error(key, "is a " + std::string(kind_name(node->kind)) + ", not a list of groups",
          "( { ... }, { ... } )");
    return elements;
  }
  for (std::size_t i = 0; i < node->children.size(); ++i) {
    const auto& each = node->children[i];
    auto path = path_of(key) + "[" + std::to_string(i) + "]";
    if (each.kind != NodeKind::Group) {
      problems_->error(each.line, std::move(path),
                       "is a " + std::string(kind_name(each.kind)) + ", not a group", "{ ... }");
      bad_.emplace_back(key);
      continue;
    }
    elements.emplace_back(each, std::move(path), *problems_);
  }
  return elements;
}

std::optional<Group> Group::group(std::string_view key) {
  const auto* node = find(key);
  if (node == nullptr) return std::nullopt;
  if (node->kind != NodeKind::Group) {
    error(key, "is a " + std::string(kind_name(node->kind)) + ", not a group", "{ ... }");
    return std::nullopt;
  }
  return Group(*node, path_of(key), *problems_);
}

void Group::error(std::string_view key, std::string problem, std::string allowed) {
  bad_.emplace_back(key);
  problems_->error(line_of(key), path_of(key), std::move(problem), std::move(allowed));
}

void Group::error_at(const Node& node, std::string_view key, std::string problem,
                     std::string allowed) {
  bad_.emplace_back(key);
  problems_->error(node.line, path_of(key), std::move(problem), std::move(allowed));
}

void Group::warn(std::string_view key, std::string problem, std::string allowed) {
  problems_->warn(line_of(key), path_of(key), std::move(problem), std::move(allowed));
}

bool Group::good(std::string_view key) const {
  return std::find(bad_.begin(), bad_.end(), key) == bad_.end();
}

bool Group::has(std::string_view key) const {
  return child(key) != nullptr;
}

std::uint32_t Group::line_of(std::string_view key) const {
  const auto* node = child(key);
  return node == nullptr ? node_->line : node->line;
}

std::string Group::path_of(std::string_view key) const {
  if (key.empty()) return path_;
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

void Group::finish() {
  for (const auto& each : node_->children) {
    if (std::find(known_.begin(), known_.end(), each.name) != known_.end()) continue;
    const auto meant = closest(each.name, known_);
    problems_->error(
        each.line, path_of(each.name),
        meant ? "unknown setting, perhaps " + quoted(*meant) + " is meant" : "unknown setting",
        joined(known_));
  }
}

base::Result<std::uint64_t, NumberFault> parse_whole_number(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  // "L" and "LL" mark 64-bit numbers for libconfig; every number is one here.
  for (int i = 0; i < 2 && text.ends_with('L'); ++i) text.remove_suffix(1);
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  }
  std::uint64_t value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, fault] = std::from_chars(text.data(), end, value, base);
  if (stop != end || fault == std::errc::invalid_argument) return NumberFault::NotWhole;
  if (fault != std::errc{}) return NumberFault::TooLarge;
  if (negative && value != 0) return NumberFault::Negative;
  return value;
}

std::string_view kind_name(NodeKind kind) {
  switch (kind) {
    case NodeKind::Group: return "group";
    case NodeKind::List: return "list";
    case NodeKind::Array: return "array";
    case NodeKind::Number: return "number";
    case NodeKind::String: return "string";
    case NodeKind::Boolean: return "boolean";
  }
  return "setting";
}

std::optional<std::string> closest(std::string_view word, std::span<const std::string> candidates) {
  constexpr std::size_t kLongestWord = 64;
  if (word.size() > kLongestWord) return std::nullopt;
  std::optional<std::string> best;
  // A third of the letters may be wrong, two at most.
  std::size_t limit = std::min<std::size_t>(2, std::max<std::size_t>(1, word.size() / 3));
  for (const auto& candidate : candidates) {
    if (candidate.size() > kLongestWord) continue;
    const auto distance = edit_distance(word, candidate);
    if (distance > limit || (best && distance == limit)) continue;
    best = candidate;
    limit = distance;
  }
  return best;
}

std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 80;
  std::string out = "\"";
  for (const char c : text.substr(0, kShown)) {
    out.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c);
  }
  out.append(text.size() > kShown ? "...\"" : "\"");
  return out;
}

std::string range_text(std::uint64_t low, std::uint64_t high) {
  return std::to_string(low) + ".." + std::to_string(high);
}

bool known_version(Group& root) {
  constexpr std::uint64_t kSchemaVersion = 1;
  std::uint64_t version = 0;
  if (!root.require("version", "version = 1;")) return true;
  return root.number("version", kSchemaVersion, kSchemaVersion, version);
}

}  // namespace phalanx::mgmt
