// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "script.hpp"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace phalanx::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

std::vector<std::string> split(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

unsigned number(const std::vector<std::string>& words, std::size_t index) {
  return index < words.size() ? static_cast<unsigned>(std::atoi(words[index].c_str())) : 0;
}

std::string name(const StreamId& stream) {
  return std::to_string(stream.node.value()) + "." + std::to_string(stream.boot.value()) + "." +
         std::to_string(stream.incarnation);
}

}  // namespace

// cluster NODES [WITNESSES]
void Script::cluster(const Words& words) {
  Plan plan;
  plan.nodes = number(words, 1);
  plan.witnesses = number(words, 2);
  plan.length = std::chrono::hours(1);
  plan.jitter = microseconds(0);
  plan.sas = 4;
  plan.scripted = true;
  world_ = std::make_unique<World>(plan, true);
}

void Script::change(const Words& words) {
  const base::NodeId node(static_cast<std::uint8_t>(number(words, 1)));
  auto* machine = world_->machine_of(node);
  if (words[0] == "heal") {
    world_->cuts_.clear();
  } else if (words[0] == "power-loss") {
    for (auto* each : world_->running()) world_->crash(*each, "power loss");
  } else if (words[0] == "join") {
    world_->start(world_->add_machine(node, false));
  } else if (machine == nullptr) {
    world_->note("no such node");
  } else if (words[0] == "crash") {
    world_->crash(*machine, "crash");
  } else if (words[0] == "start") {
    if (!machine->node) world_->start(*machine);
  } else if (words[0] == "lose-disk") {
    world_->lose_disk(*machine);
  } else if (words[0] == "weight") {
    machine->node->set_weight(number(words, 2));
  } else if (words[0] == "drain" || words[0] == "undrain") {
    machine->node->drain(words[0] == "drain");
  } else if (words[0] == "new-machine") {
    // Another one with this id, and nothing on its disk.
    machine->disk = DiskState{};
    machine->disk.voters = world_->first_voters_;
    machine->config.machine[1] = std::byte{0xfe};
    world_->start(*machine);
  } else if (words[0] == "leave") {
    machine->node->leave();
  } else if (words[0] == "expel") {
    // Node N is told that another one is gone.
    machine->node->expel(base::NodeId(static_cast<std::uint8_t>(number(words, 2))));
  } else if (words[0] == "cut") {
    for (const auto& [other, ignored] : world_->machines_) {
      if (other == node) continue;
      world_->cuts_.push_back({node, other, 0});
      world_->cuts_.push_back({other, node, 0});
    }
  } else if (words[0] == "lose-records") {
    machine->records_lost_until = world_->now_ + milliseconds(number(words, 2));
  } else if (words[0] == "duplicate") {
    // Another machine that was given the same node id.
    world_->start_clone(*machine);
    world_->clones_.back()->config.machine[1] = std::byte{0xff};
    world_->clones_.back()->node =
        std::make_unique<Node>(world_->clones_.back()->config, world_->clones_.back()->disk);
  } else {
    world_->note("unknown command");
  }
}

std::vector<std::string> Script::show() {
  std::vector<std::string> lines;
  for (const auto& [id, machine] : world_->machines_) {
    std::string line = "node " + std::to_string(id.value()) + ": ";
    if (!machine.node) {
      lines.push_back(line + "down");
      continue;
    }
    const auto& node = *machine.node;
    std::size_t served = 0;
    for (std::size_t i = 0; i < base::kNumBuckets; ++i) {
      served += node.serves(base::BucketIndex(static_cast<std::uint8_t>(i))) ? 1u : 0u;
    }
    line += "boot " + std::to_string(node.self().boot.value());
    line += node.levelled() ? ", stream " + name(node.stream()) : ", without memory";
    if (node.is_master()) line += ", master of term " + std::to_string(node.memory().term.value());
    line += node.may_forward(world_->local(machine)) ? ", open" : ", fenced";
    lines.push_back(line + ", serves " + std::to_string(served));
  }
  return lines;
}

std::vector<std::string> Script::traffic() {
  const auto& now = world_->gateway_counters_;
  const std::map<std::string, std::uint64_t> counts{
      {"delivered", now.delivered}, {"sent", now.sent}, {"forged, refused", now.forged}};
  std::vector<std::string> lines;
  for (const auto& [what, count] : counts) {
    lines.push_back(what + (count == seen_[what] ? ": none" : ": some"));
  }
  seen_ = counts;
  return lines;
}

// Of static SAs, where they are served.
std::vector<std::string> Script::floors() {
  std::vector<std::string> lines;
  for (const auto& peer : world_->peers_) {
    for (auto* machine : world_->running()) {
      if (!peer.fixed || !machine->node->serves(peer.bucket)) continue;
      const auto& entries = machine->node->memory().table.bucket(peer.bucket).entries;
      const auto entry = entries.find(peer.uid);
      if (entry == entries.end()) continue;
      for (std::size_t way = 0; way < kNumDirections; ++way) {
        const SaKey key{peer.uid, static_cast<Direction>(way)};
        lines.push_back("sa " + std::to_string(peer.uid.value()) +
                        (way == 0 ? " inbound" : " outbound") + ": from " +
                        std::to_string(entry->second.directions[way].floor) + " on, used up to " +
                        std::to_string(world_->checker_.highest(key)));
      }
    }
  }
  return lines;
}

std::vector<std::string> Script::execute(const Words& words) {
  if (words[0] == "cluster") {
    cluster(words);
    return std::exchange(world_->report_.timeline, {});
  }
  if (!world_) return {"no cluster yet"};
  if (words[0] == "show") return show();
  if (words[0] == "traffic") return traffic();
  if (words[0] == "floors") return floors();
  if (words[0] == "run") {
    world_->advance(world_->now_ + milliseconds(number(words, 1)));
  } else {
    change(words);
  }
  auto lines = std::exchange(world_->report_.timeline, {});
  if (const auto& violation = world_->checker_.violation()) {
    lines.push_back("invariant " + std::to_string(violation->invariant) + ": " + violation->text);
  }
  if (lines.empty()) lines.push_back("ok");
  return lines;
}

bool Script::run_file(const std::string& path, bool rewrite) {
  std::ifstream in(path);
  if (!in) {
    std::fprintf(stderr, "%s: cannot be read\n", path.c_str());
    return false;
  }
  Script script;
  std::string written;
  bool same = true;
  for (std::string line; std::getline(in, line);) {
    written += line + "\n";
    if (line.empty() || line[0] == '#') continue;
    const auto command = line;
    std::string expected;
    std::getline(in, line);  // ----
    while (std::getline(in, line) && !line.empty()) expected += line + "\n";
    std::string actual;
    for (const auto& each : script.execute(split(command))) actual += each + "\n";
    written += "----\n" + actual + "\n";
    if (actual == expected || rewrite) continue;
    same = false;
    std::printf("%s: %s\nexpected:\n%sgot:\n%s", path.c_str(), command.c_str(), expected.c_str(),
                actual.c_str());
  }
  if (rewrite) std::ofstream(path) << written;
  std::printf("%s: %s\n", path.c_str(), same ? "as told" : "differs");
  return same;
}

}  // namespace phalanx::simulation
