// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/mgmt/telemetry.hpp"

#include <rte_telemetry.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>
#include <mutex>
#include <string_view>

namespace phalanx::mgmt {
namespace {

// A reply has 16 KiB and a dictionary 256 entries; what a row may take is counted, not guessed.
constexpr std::size_t kReplyBytes = 14000;
constexpr std::size_t kMaxRows = 200;
constexpr std::size_t kMaxText = 120;
constexpr std::size_t kTextChunk = 4000;  // JSON escapes may double it

struct Registered {
  std::mutex mutex;  // callbacks run on DPDK's threads
  std::map<std::string, View, std::less<>> views;
  std::map<std::string, Telemetry::Text, std::less<>> texts;
};
Registered& registered() {
  static Registered instance;
  return instance;
}

bool parse_offset(const char* parameters, std::size_t& offset) noexcept {
  offset = 0;
  if (parameters == nullptr || *parameters == '\0') return true;
  const auto* end = parameters + std::strlen(parameters);
  const auto [stopped, error] = std::from_chars(parameters, end, offset);
  return error == std::errc{} && stopped == end;
}

// DPDK 22.11 writes bytes beyond ASCII as broken escapes, which no JSON parser takes.
std::string printable(std::string_view text) {
  std::string out(text.substr(0, kMaxText));
  for (auto& c : out) {
    const auto code = static_cast<unsigned char>(c);
    if ((code < 0x20 && c != '\n' && c != '\t') || code >= 0x7f) c = '?';
  }
  return out;
}

// What is cut shows it: a list of SAs must not look complete.
std::string shown(const std::string& text) {
  static constexpr std::string_view kCut = "...";
  if (text.size() <= kMaxText) return printable(text);
  return printable(std::string_view(text).substr(0, kMaxText - kCut.size())) + std::string(kCut);
}

std::size_t json_bytes(const Row& row) {
  std::size_t bytes = 4;
  for (const auto& [name, value] : row) {
    bytes += name.size() + 6;
    const auto* text = std::get_if<std::string>(&value);
    bytes += text != nullptr ? 2 * std::min(text->size(), kMaxText) + 2 : 20;
  }
  return bytes;
}

rte_tel_data* dictionary_of(const Row& row) {
  auto* data = rte_tel_data_alloc();
  if (data == nullptr) return nullptr;
  rte_tel_data_start_dict(data);
  for (const auto& [name, value] : row) {
    if (const auto* text = std::get_if<std::string>(&value)) {
      rte_tel_data_add_dict_string(data, name.c_str(), shown(*text).c_str());
    } else {
      rte_tel_data_add_dict_u64(data, name.c_str(), std::get<std::uint64_t>(value));
    }
  }
  return data;
}

// DPDK 22.11 nests dictionaries in dictionaries, but no arrays of dictionaries: rows are named by
// their position.
int reply_rows(const View& view, std::size_t offset, rte_tel_data* reply) {
  const auto page = view.list(offset, kMaxRows);
  auto* rows = rte_tel_data_alloc();
  if (rows == nullptr) return -1;
  rte_tel_data_start_dict(rows);
  std::size_t bytes = 0;
  std::uint64_t count = 0;
  for (const auto& row : page.rows) {
    bytes += json_bytes(row);
    if (count != 0 && bytes > kReplyBytes) break;
    auto* dictionary = dictionary_of(row);
    if (dictionary == nullptr) break;
    rte_tel_data_add_dict_container(rows, std::to_string(offset + count).c_str(), dictionary, 0);
    ++count;
  }
  rte_tel_data_start_dict(reply);
  rte_tel_data_add_dict_u64(reply, "total", page.total);
  rte_tel_data_add_dict_u64(reply, "offset", offset);
  rte_tel_data_add_dict_u64(reply, "count", count);
  return rte_tel_data_add_dict_container(reply, "rows", rows, 0);
}

int reply_text(const Telemetry::Text& text, std::size_t offset, rte_tel_data* reply) {
  // A string in a dictionary is short; a text comes in several of them.
  auto* parts = rte_tel_data_alloc();
  if (parts == nullptr) return -1;
  rte_tel_data_start_array(parts, RTE_TEL_STRING_VAL);
  const auto from = std::min(offset, text.content.size());
  const auto chunk = std::string_view(text.content).substr(from, kTextChunk);
  for (std::size_t at = 0; at < chunk.size(); at += kMaxText) {
    rte_tel_data_add_array_string(parts, printable(chunk.substr(at)).c_str());
  }
  rte_tel_data_start_dict(reply);
  rte_tel_data_add_dict_u64(reply, "total", text.content.size());
  rte_tel_data_add_dict_u64(reply, "offset", from);
  rte_tel_data_add_dict_u64(reply, "count", chunk.size());
  return rte_tel_data_add_dict_container(reply, "text", parts, 0);
}

int answer(const char* command, const char* parameters, rte_tel_data* reply) {
  std::size_t offset = 0;
  if (!parse_offset(parameters, offset)) return -1;
  constexpr std::string_view kPrefix = "/phalanx/";
  std::string_view name(command);
  if (name.starts_with(kPrefix)) name.remove_prefix(kPrefix.size());
  auto& all = registered();
  const std::scoped_lock lock(all.mutex);
  if (const auto view = all.views.find(name); view != all.views.end()) {
    return reply_rows(view->second, offset, reply);
  }
  if (const auto text = all.texts.find(name); text != all.texts.end()) {
    return reply_text(text->second, offset, reply);
  }
  return -1;
}

// Exceptions must not reach DPDK's thread: a reply that cannot be built is an error reply.
int answer_noexcept(const char* command, const char* parameters, rte_tel_data* reply) noexcept {
  try {
    return answer(command, parameters, reply);
  } catch (const std::exception&) {
    return -1;
  }
}

base::Result<base::Ok, std::string> announce(const std::string& name, const std::string& help) {
  const auto command = "/phalanx/" + name;
  constexpr std::size_t kMaxHelp = 63;
  const auto described = (help + " Parameter: first row").substr(0, kMaxHelp);
  if (rte_telemetry_register_cmd(command.c_str(), answer_noexcept, described.c_str()) != 0) {
    return "telemetry refuses " + command;
  }
  return base::Ok{};
}

}  // namespace

base::Result<std::unique_ptr<Telemetry>, std::string> Telemetry::start(std::vector<View> views,
                                                                       std::vector<Text> texts) {
  std::unique_ptr<Telemetry> telemetry(new Telemetry);
  auto& all = registered();
  // Known here before they are known to DPDK: a request may come at once.
  std::vector<std::pair<std::string, std::string>> names;
  {
    const std::scoped_lock lock(all.mutex);
    for (auto& view : views) {
      names.emplace_back(view.name, view.help);
      all.views.insert_or_assign(names.back().first, std::move(view));
    }
    for (auto& text : texts) {
      names.emplace_back(text.name, text.help);
      all.texts.insert_or_assign(names.back().first, std::move(text));
    }
  }
  for (const auto& [name, help] : names) {
    if (auto known = announce(name, help); !known) return known.error();
  }
  return telemetry;
}

Telemetry::~Telemetry() {
  auto& all = registered();
  const std::scoped_lock lock(all.mutex);
  all.views.clear();
  all.texts.clear();
}

}  // namespace phalanx::mgmt
