// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "options.hpp"

#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <filesystem>
#include <utility>

#include "table.hpp"

namespace phalanx::ctl {
namespace {

std::string list_names() {
  std::string names = "config";
  for (const auto& style : list_styles()) names += ", " + std::string(style.name);
  return names;
}

// CLI11 reads "-1" and what has too many digits as the largest number.
const CLI::Validator kWholeNumber(
    [](const std::string& text) {
      std::uint64_t number = 0;
      const auto* end = text.data() + text.size();
      const auto [stopped, error] = std::from_chars(text.data(), end, number);
      const bool whole = error == std::errc{} && stopped == end;
      return whole ? std::string() : text + " is no whole number of 64 bits";
    },
    "UINT");

// A range lets "nan" pass.
const CLI::Validator kNumber(
    [](const std::string& text) {
      const bool digits = text.find_first_not_of("0123456789.") == std::string::npos;
      return digits ? std::string() : text + " is no decimal number";
    },
    "FLOAT");

void add_lists(CLI::App& command, Options& options, Action action) {
  command.add_option("list", options.list, list_names())->required();
  command.add_option("name", options.name, "only the row with this name, in full");
  command.add_flag("-a,--all", options.all, "all rows and columns");
  command.callback([&options, action] { options.action = action; });
}

// Words about members, carried out by the whole cluster.
void add_members(CLI::App& command, Options& options) {
  auto& member = options.member;
  const auto add = [&](const char* word, const char* help, bool named) {
    auto* sub = command.add_subcommand(word, help);
    auto* node = sub->add_option("node", member.node,
                                 named ? "its name or id" : "its name or id; default: this node");
    if (named) node->required();
    const std::string said = word;
    sub->callback([&options, said] {
      options.action = Action::Cluster;
      options.member.word = said;
    });
    return sub;
  };
  add("drain", "give the node's buckets to the others", false);
  add("undrain", "let the node take a share again", false);
  add("leave", "take the node out for good: its buckets move first, then it stops", false);
  add("expel", "take a node out that will not come back", true);
  add("weight", "change the share of the buckets that the node gets", true)
      ->add_option("weight", member.weight, "0 to 1000")
      ->required()
      ->check(kWholeNumber)
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{1000}));
  auto* join = command.add_subcommand("join", "let a new member in");
  join->add_option("id", member.node, "its node.id")->required();
  join->add_option("address", member.address, "its address on the cluster port")->required();
  join->add_option("--name", member.name, "its node.name; default: node-ID");
  join->add_flag("--witness", member.witness, "it votes and owns nothing");
  join->callback([&options] {
    options.action = Action::Cluster;
    options.member.word = "join";
  });
}

// Short names for the lists of a cluster.
void add_cluster(CLI::App& command, Options& options) {
  constexpr std::array<std::pair<const char*, const char*>, 6> kLists = {{
      {"status", "cluster"},
      {"nodes", "nodes"},
      {"events", "events"},
      {"buckets", "owners"},
      {"leases", "leases"},
      {"answers", "answers"},
  }};
  for (const auto& [word, list] : kLists) {
    auto* sub = command.add_subcommand(word, std::string("same as show ") + list);
    sub->add_option("name", options.name, "only the row with this name, in full");
    sub->add_flag("-a,--all", options.all, "all rows and columns");
    const std::string wanted = list;
    sub->callback([&options, wanted] {
      options.action = Action::Show;
      options.list = wanted;
    });
  }
  add_members(command, options);
  command.require_subcommand(1);
}

void add_capture(CLI::App& capture, Options& options) {
  auto& wanted = options.capture;
  auto* start = capture.add_subcommand("start", "begin to write packets to a pcap file");
  auto* what = start->add_option_group("what", "what to capture");
  what->add_option("--port", wanted.port, "packets of this port, both directions");
  what->add_option("--sa", wanted.sa, "packets of this SA, encrypted and clear");
  what->add_option("--drop", wanted.drop, "packets dropped for this reason");
  what->require_option(1);
  start->add_option("--file", wanted.file, "pcap file, written by phalanxd")->required();
  start->add_option("--snaplen", wanted.snaplen, "bytes of each packet")
      ->check(CLI::Range(std::uint64_t{64}, std::uint64_t{262144}))
      ->capture_default_str();
  start->add_option("--max-packets", wanted.max_packets, "end after so many packets")
      ->check(kWholeNumber);
  start->callback([&options] {
    options.action = Action::CaptureStart;
    // The daemon's working directory is another one.
    options.capture.file = std::filesystem::absolute(options.capture.file).string();
  });
  capture.add_subcommand("stop", "end the capture")->callback([&options] {
    options.action = Action::CaptureStop;
  });
  capture.add_subcommand("status", "tell about the capture")->callback([&options] {
    options.action = Action::CaptureStatus;
  });
  capture.require_subcommand(1);
}

void add_move(CLI::App& move, Options& options) {
  move.add_option("bucket", options.bucket, "0 to 255")
      ->required()
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{255}));
  move.add_option("worker", options.worker, "its number")->required();
  move.callback([&options] { options.action = Action::MoveBucket; });
}

}  // namespace

std::variant<Options, int> parse_options(int argc, char** argv) {
  Options options;
  CLI::App app("Shows and controls a running phalanxd.", "phalanxctl");
  app.set_version_flag("--version", std::string("phalanxctl ") + PHALANX_VERSION);
  auto* socket =
      app.add_option("--socket", options.target.socket, "telemetry socket of the daemon");
  app.add_option("--prefix", options.target.prefix, "file prefix of the daemon")->excludes(socket);
  app.add_option("--control", options.control_socket, "command socket of the daemon");
  app.add_flag("-j,--json", options.json, "JSON for programs");
  app.require_subcommand(1);
  app.fallthrough();

  add_lists(*app.add_subcommand("show", "show a list once"), options, Action::Show);
  auto* watch = app.add_subcommand("watch", "show a list over and over, counters as rates");
  add_lists(*watch, options, Action::Watch);
  watch->add_option("--interval", options.interval_s, "seconds between readings")
      ->check(CLI::Range(0.1, 3600.0))
      ->check(kNumber)
      ->capture_default_str();
  watch->add_option("--count", options.count, "end after so many readings")->check(kWholeNumber);
  add_cluster(*app.add_subcommand("cluster", "look at the cluster"), options);
  add_capture(*app.add_subcommand("capture", "write packets to a pcap file"), options);
  add_move(*app.add_subcommand("move", "give a bucket to another worker"), options);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  return options;
}

}  // namespace phalanx::ctl
