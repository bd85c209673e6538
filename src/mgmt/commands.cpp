// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/mgmt/commands.hpp"

#include <algorithm>
#include <optional>

#include "commands_cluster.hpp"
#include "phalanx/control/capture_session.hpp"
#include "phalanx/dataplane/drop_reason.hpp"

namespace phalanx::mgmt {
namespace {

using control::CaptureRequest;
using control::CaptureStatus;

constexpr std::uint64_t kMaxSnaplen = 262144;

Row row_of(const CaptureStatus& status) {
  return {{"running", std::uint64_t{status.running ? 1U : 0U}},
          {"file", status.path},
          {"packets", status.packets},
          {"complete", std::uint64_t{status.complete ? 1U : 0U}}};
}

// Position of the one whose name is `name`.
template <typename List>
std::optional<std::size_t> find_name(const List& list, const std::string& name) {
  const auto found =
      std::find_if(list.begin(), list.end(), [&](const auto& row) { return row.name == name; });
  if (found == list.end()) return std::nullopt;
  return static_cast<std::size_t>(found - list.begin());
}

base::Result<dataplane::CaptureFilter, std::string> parse_filter(
    const Config& config, const CommandArguments& arguments) {
  const auto port = arguments.text("port");
  const auto sa = arguments.text("sa");
  const auto drop = arguments.text("drop");
  if ((port ? 1 : 0) + (sa ? 1 : 0) + (drop ? 1 : 0) != 1) {
    return std::string("name one of port, sa and drop");
  }
  dataplane::CaptureFilter filter;
  if (port) {
    const auto found = find_name(config.dataplane.ports, *port);
    if (!found) return "there is no port " + *port;
    filter.kind = dataplane::CaptureKind::Port;
    filter.port = static_cast<std::uint8_t>(*found);
  } else if (sa) {
    const auto found = find_name(config.sas, *sa);
    if (!found) return "there is no SA " + *sa;
    filter.kind = dataplane::CaptureKind::Sa;
    filter.sa = static_cast<std::uint32_t>(*found);
  } else {
    const auto found = find_name(dataplane::kDropReasons, *drop);
    if (!found) return "there is no drop reason " + *drop;
    filter.kind = dataplane::CaptureKind::Drop;
    filter.drop = dataplane::kDropReasons[*found].reason;
  }
  const auto snaplen = arguments.number("snaplen").value_or(kMaxSnaplen);
  if (snaplen < 1 || snaplen > kMaxSnaplen) return std::string("snaplen is 1 to 262144 bytes");
  filter.snaplen = static_cast<std::uint32_t>(snaplen);
  return filter;
}

base::Result<Row, std::string> start_capture(const Config& config, control::ControlLoop& loop,
                                             const CommandArguments& arguments) {
  const auto filter = parse_filter(config, arguments);
  if (!filter) return filter.error();
  const auto file = arguments.text("file");
  // A zero byte would end the path early: another file than the one that was named.
  if (!file || file->empty() || file->front() != '/' || file->find('\0') != std::string::npos) {
    return std::string("file is the absolute path of the capture");
  }
  const CaptureRequest request{*filter, *file, arguments.number("max_packets").value_or(0)};
  if (auto started = loop.capture().start(request); !started) return started.error();
  return row_of(loop.capture().status());
}

base::Result<Row, std::string> move_bucket(const Config& config, control::ControlLoop& loop,
                                           const CommandArguments& arguments) {
  const auto bucket = arguments.number("bucket");
  const auto worker = arguments.number("worker");
  const auto& workers = config.dataplane.workers;
  if (!bucket || *bucket >= base::kNumBuckets) return std::string("bucket is 0 to 255");
  if (!worker || *worker >= workers.size()) return std::string("there is no such worker");
  if (!workers[*worker].encrypts()) return "worker " + std::to_string(*worker) + " owns no buckets";
  const dataplane::BucketMove move{base::BucketIndex(static_cast<std::uint8_t>(*bucket)),
                                   base::WorkerIndex(static_cast<std::uint8_t>(*worker))};
  bool moved = false;
  if (!loop.call([&] { moved = loop.move_bucket(move); })) {
    return std::string("the control thread does not answer, the gateway is stopping");
  }
  if (!moved) return std::string("another move is under way, try again");
  return Row{{"bucket", *bucket}, {"worker", *worker}};
}

}  // namespace

Commands make_commands(const Config& config, control::ControlLoop& loop,
                       control::ClusterService* cluster) {
  Commands commands;
  commands["capture_start"] = {{"port", "sa", "drop", "file", "snaplen", "max_packets"},
                               [&config, &loop](const CommandArguments& arguments) {
                                 return start_capture(config, loop, arguments);
                               }};
  commands["bucket_move"] = {{"bucket", "worker"},
                             [&config, &loop](const CommandArguments& arguments) {
                               return move_bucket(config, loop, arguments);
                             }};
  commands["capture_stop"] = {{},
                              [&loop](const CommandArguments&) -> base::Result<Row, std::string> {
                                return row_of(loop.capture().stop());
                              }};
  commands["capture_status"] = {{},
                                [&loop](const CommandArguments&) -> base::Result<Row, std::string> {
                                  return row_of(loop.capture().status());
                                }};
  if (cluster != nullptr) add_cluster_commands(commands, config, loop, *cluster);
  return commands;
}

}  // namespace phalanx::mgmt
