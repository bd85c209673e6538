// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "telemetry_client.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <utility>

namespace phalanx::ctl {
namespace {

constexpr std::size_t kGreetingBytes = 1024;
constexpr std::size_t kReplyBytes = std::size_t{1} << 20;  // DPDK 22.11 sends 16 KiB at most
constexpr std::size_t kMaxTotal = std::size_t{1} << 26;    // rows, or bytes of a text
constexpr char kSocketName[] = "dpdk_telemetry.v2";

Failure not_understood(const std::string& name) {
  return {"the answer to " + name + " is not understood: another version of phalanxd?"};
}

// A whole number that is there; nothing otherwise.
std::optional<std::size_t> number(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned()) return std::nullopt;
  return found->get<std::size_t>();
}

struct Bounds {
  std::size_t total;
  std::size_t count;
};

std::optional<Bounds> bounds_of(const Json& page, std::size_t offset) {
  const auto total = number(page, "total");
  const auto from = number(page, "offset");
  const auto count = number(page, "count");
  if (!total || !from || !count || *from != offset || *total > kMaxTotal || *count > kMaxTotal) {
    return std::nullopt;
  }
  return Bounds{*total, *count};
}

bool flat_object(const Json& row) {
  return row.is_object() && std::all_of(row.begin(), row.end(), [](const Json& value) {
           return value.is_string() || value.is_number_unsigned();
         });
}

}  // namespace

base::Result<TelemetryClient, Failure> TelemetryClient::connect(const std::string& path) {
  auto socket = UnixSocket::connect(path, SocketKind::Packet);
  if (!socket) return socket.error();
  // {"version":"DPDK 22.11.0","pid":1,"max_output_len":16384}
  const auto greeting = socket->receive(kGreetingBytes);
  if (!greeting) return greeting.error();
  const auto parsed = Json::parse(*greeting, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("max_output_len")) {
    return Failure{path + ": is no telemetry socket of DPDK"};
  }
  return TelemetryClient(*std::move(socket));
}

base::Result<Json, Failure> TelemetryClient::page(const std::string& name, std::size_t offset) {
  const auto command = "/phalanx/" + name;
  if (auto sent = socket_.send(command + "," + std::to_string(offset)); !sent) return sent.error();
  const auto reply = socket_.receive(kReplyBytes);
  if (!reply) return reply.error();
  auto parsed = Json::parse(*reply, nullptr, false);
  if (!parsed.is_object() || !parsed.contains(command)) return not_understood(name);
  auto& body = parsed[command];
  if (body.is_null()) {
    return Failure{"this daemon does not show " + name +
                   "; phalanxctl show --help names the lists"};
  }
  if (!body.is_object()) return not_understood(name);
  return std::move(body);
}

base::Result<Rows, Failure> TelemetryClient::rows(const std::string& name) {
  Rows rows;
  for (;;) {
    const auto offset = rows.size();
    auto page = this->page(name, offset);
    if (!page) return page.error();
    const auto bounds = bounds_of(*page, offset);
    if (!bounds || !page->contains("rows") || !(*page)["rows"].is_object()) {
      return not_understood(name);
    }
    for (std::size_t i = offset; i < offset + bounds->count; ++i) {
      const auto row = (*page)["rows"].find(std::to_string(i));
      if (row == (*page)["rows"].end() || !flat_object(*row)) return not_understood(name);
      rows.push_back(std::move(*row));
    }
    // A list may shrink between two pages: an empty page ends it as well.
    if (bounds->count == 0 || rows.size() >= bounds->total) return rows;
  }
}

base::Result<std::string, Failure> TelemetryClient::text(const std::string& name) {
  std::string text;
  for (;;) {
    auto page = this->page(name, text.size());
    if (!page) return page.error();
    const auto bounds = bounds_of(*page, text.size());
    const auto pieces = page->find("text");
    if (!bounds || pieces == page->end() || !pieces->is_array()) return not_understood(name);
    const auto before = text.size();
    for (const auto& piece : *pieces) {
      if (!piece.is_string()) return not_understood(name);
      text += piece.get_ref<const std::string&>();
    }
    if (text.size() - before != bounds->count) return not_understood(name);
    if (bounds->count == 0 || text.size() >= bounds->total) return text;
  }
}

std::vector<std::string> runtime_directories() {
  std::vector<std::string> directories;
  const auto add = [&directories](const char* directory) {
    if (directory == nullptr || *directory != '/') return;
    // /var/run leads to /run: one daemon must not be seen twice.
    std::error_code missing;
    const auto real = std::filesystem::canonical(directory, missing).string();
    if (missing || std::find(directories.begin(), directories.end(), real) != directories.end()) {
      return;
    }
    directories.push_back(real);
  };
  add(std::getenv("RUNTIME_DIRECTORY"));
  add("/var/run");
  add("/run/phalanx");
  add(std::getenv("XDG_RUNTIME_DIR"));
  // Anybody could serve a socket there: root never looks.
  if (::getuid() != 0) add("/tmp");
  return directories;
}

base::Result<TelemetryClient, Failure> connect_to(const Target& target,
                                                  const std::vector<std::string>& directories) {
  if (!target.socket.empty()) return TelemetryClient::connect(target.socket);
  std::vector<std::string> prefixes;
  std::optional<TelemetryClient> found;
  std::string error;
  for (const auto& directory : directories) {
    std::error_code unreadable;
    for (const auto& entry : std::filesystem::directory_iterator(
             std::filesystem::path(directory) / "dpdk", unreadable)) {
      const auto prefix = entry.path().filename().string();
      const bool wanted =
          target.prefix.empty() ? prefix.starts_with("phalanx") : prefix == target.prefix;
      const auto socket = entry.path() / kSocketName;
      if (!wanted || !std::filesystem::exists(socket, unreadable)) continue;
      auto client = TelemetryClient::connect(socket.string());
      if (!client) {
        // A daemon that crashed leaves its socket behind.
        error = client.error().text;
        continue;
      }
      prefixes.push_back(prefix);
      found.emplace(*std::move(client));
      if (!target.prefix.empty()) return *std::move(found);
    }
  }
  if (prefixes.size() > 1) {
    std::string names;
    for (const auto& prefix : prefixes) names += " " + prefix;
    return Failure{"several daemons run here, name one with --prefix:" + names};
  }
  if (found) return *std::move(found);
  if (!error.empty()) return Failure{error};
  return Failure{target.prefix.empty()
                     ? std::string("no phalanxd runs here, or it is not ours to ask")
                     : "no phalanxd with file prefix " + target.prefix + " runs here"};
}

}  // namespace phalanx::ctl
