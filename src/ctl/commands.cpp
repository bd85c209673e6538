// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "commands.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "table.hpp"

namespace phalanx::ctl {
namespace {

using Seconds = std::chrono::duration<double>;

Outcome print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    return Failure{"standard output is closed"};
  }
  return base::Ok{};
}

base::Result<Rows, Failure> read_rows(const Options& options, TelemetryClient& client) {
  auto rows = client.rows(options.list);
  if (!rows || options.name.empty()) return rows;
  return select_row(options.list, *std::move(rows), options.name);
}

// `rows` holds rates already in a watch; the short form is chosen by what was read.
std::string render(const Options& options, const Rows& rows) {
  if (!options.name.empty()) return format_record(rows.front());
  const auto text = format_table(rows);
  return rows.empty() ? "nothing to show\n" : text;
}

Rows chosen(const Options& options, const Rows& rows) {
  return options.all || !options.name.empty() ? rows : short_form(options.list, rows);
}

Outcome receive_reply(UnixSocket& socket, Json& reply) {
  constexpr std::size_t kMaxReply = 65536;
  std::string line;
  while (line.find('\n') == std::string::npos && line.size() < kMaxReply) {
    auto more = socket.receive(4096);
    if (!more) return more.error();
    line += *more;
  }
  reply = Json::parse(line, nullptr, false);
  if (!reply.is_object() || !reply.contains("ok") || !reply["ok"].is_boolean()) {
    return Failure{"the answer is not understood: another version of phalanxd?"};
  }
  return base::Ok{};
}

void add_member_request(const MemberOptions& member, Json& request) {
  request["command"] = "cluster_" + member.word;
  if (!member.node.empty()) request["node"] = member.node;
  if (member.word == "weight") request["weight"] = member.weight;
  if (member.word != "join") return;
  request["address"] = member.address;
  if (!member.name.empty()) request["name"] = member.name;
  if (member.witness) request["witness"] = true;
}

}  // namespace

base::Result<Rows, Failure> select_row(std::string_view list, Rows rows, const std::string& name) {
  for (auto& row : rows) {
    if (row.empty()) continue;
    const auto& first = row.begin().value();
    const auto text = first.is_string() ? first.get<std::string>() : first.dump();
    if (text == name) return Rows{std::move(row)};
  }
  return Failure{"there is no " + name + " in " + std::string(list)};
}

Outcome run_show(const Options& options, TelemetryClient& client) {
  if (options.list == "config") {
    auto text = client.text("config");
    if (!text) return text.error();
    return print(*text + "\n");
  }
  const auto rows = read_rows(options, client);
  if (!rows) return rows.error();
  if (options.json) return print(Json(*rows).dump(2) + "\n");
  return print(render(options, chosen(options, *rows)));
}

Outcome run_watch(const Options& options, TelemetryClient& client) {
  if (options.list == "config") return Failure{"the config does not change"};
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  auto before = read_rows(options, client);
  if (!before) return before.error();
  auto read_at = std::chrono::steady_clock::now();
  for (std::uint64_t i = 0; options.count == 0 || i < options.count; ++i) {
    const auto next = read_at + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                    Seconds(options.interval_s));
    std::this_thread::sleep_until(next);
    auto after = read_rows(options, client);
    if (!after) return after.error();
    const auto now = std::chrono::steady_clock::now();
    const double seconds = Seconds(now - read_at).count();
    std::string text;
    if (options.json) {
      text = Json{{"seconds", seconds},
                  {"rows", *after},
                  {"rates", numeric_rates_of(*before, *after, seconds)}}
                 .dump() +
             "\n";
    } else {
      const auto rates = rates_of(chosen(options, *before), chosen(options, *after), seconds);
      // Home and clear on a terminal; an empty line between readings elsewhere.
      text = (terminal ? "\x1b[H\x1b[J" : i == 0 ? "" : "\n") + render(options, rates);
    }
    if (auto printed = print(text); !printed) return printed;
    before = std::move(after);
    read_at = now;
  }
  return base::Ok{};
}

std::string command_request(const Options& options) {
  Json request = Json::object();
  switch (options.action) {
    case Action::CaptureStop: request["command"] = "capture_stop"; break;
    case Action::CaptureStatus: request["command"] = "capture_status"; break;
    case Action::Cluster: add_member_request(options.member, request); break;
    case Action::MoveBucket:
      request["command"] = "bucket_move";
      request["bucket"] = options.bucket;
      request["worker"] = options.worker;
      break;
    case Action::CaptureStart:
    case Action::Show:
    case Action::Watch: {
      const auto& capture = options.capture;
      request["command"] = "capture_start";
      if (!capture.port.empty()) request["port"] = capture.port;
      if (!capture.sa.empty()) request["sa"] = capture.sa;
      if (!capture.drop.empty()) request["drop"] = capture.drop;
      request["file"] = capture.file;
      request["snaplen"] = capture.snaplen;
      request["max_packets"] = capture.max_packets;
      break;
    }
  }
  return request.dump(-1, ' ', true, Json::error_handler_t::replace);
}

base::Result<std::string, Failure> control_socket_in(const std::string& config) {
  const auto parsed = Json::parse(config, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("node") || !parsed["node"].is_object() ||
      !parsed["node"].contains("run_dir") || !parsed["node"]["run_dir"].is_string()) {
    return Failure{"the daemon does not tell its run_dir; name the socket with --control"};
  }
  return parsed["node"]["run_dir"].get<std::string>() + "/control.sock";
}

Outcome run_command(const Options& options, const std::string& control_socket) {
  auto socket = UnixSocket::connect(control_socket, SocketKind::Stream);
  if (!socket) return socket.error();
  if (auto sent = socket->send(command_request(options) + "\n"); !sent) return sent;
  Json reply;
  if (auto received = receive_reply(*socket, reply); !received) return received;
  if (reply["ok"] != true) {
    const auto error = reply.find("error");
    const bool told = error != reply.end() && error->is_string();
    return Failure{told ? error->get<std::string>() : "the daemon refuses"};
  }
  reply.erase("ok");
  if (options.json) return print(reply.dump(2) + "\n");
  return print(format_record(reply));
}

}  // namespace phalanx::ctl
