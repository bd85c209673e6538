// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <algorithm>

#include "world.hpp"

// The part of the world that makes trouble: faults, peers, and what must hold when it is over.
namespace phalanx::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

template <typename T>
std::string text(T value) {
  return std::to_string(value);
}

std::string name(const StreamId& stream) {
  return text(stream.node.value()) + "." + text(stream.boot.value()) + "." +
         text(stream.incarnation);
}

}  // namespace

void World::note_allocation(Machine& machine) {
  if (!keep_timeline_) return;
  const auto& memory = machine.node->memory();
  if (memory.table.applied() == machine.noted) return;
  machine.noted = memory.table.applied();
  std::string line = "node " + text(machine.process.node.value()) + " applies allocation " +
                     text(machine.noted.generation.value()) + "/" +
                     text(machine.noted.term.value()) + "/" + text(machine.noted.epoch.value());
  for (const auto& step : memory.newest.steps) {
    if (step.version != machine.noted) continue;
    for (const auto& base : step.bases)
      line += ", base " + name(base.stream) + "@" + text(base.index);
    std::map<StreamId, int> moves;
    for (const auto& move : step.moves) ++moves[move.to];
    for (const auto& [to, count] : moves) line += ", " + text(count) + " to " + name(to);
  }
  note(line);
}

Plan draw_plan(std::uint64_t seed) {
  Random random(seed);
  Plan plan;
  plan.seed = seed;
  const auto shape = random.below(10);
  plan.nodes = shape < 6 ? 3 : shape < 8 ? 5 : 2;
  plan.witnesses = plan.nodes == 2 ? 1 : 0;
  plan.length = milliseconds(random.between(350, 800));
  if (random.chance(0.5)) plan.loss = static_cast<double>(random.below(80)) / 1000;
  if (random.chance(0.5)) plan.duplication = static_cast<double>(random.below(80)) / 1000;
  plan.jitter = microseconds(random.between(10, 400));
  if (random.chance(0.3)) plan.spike = static_cast<double>(random.below(20)) / 1000;
  plan.crashes = static_cast<unsigned>(random.below(5));
  plan.partitions = static_cast<unsigned>(random.below(4));
  plan.stalls = static_cast<unsigned>(random.below(3));
  plan.drains = random.chance(0.3) ? 1 : 0;
  plan.power_losses = random.chance(0.05) ? 1 : 0;
  plan.disk_losses = random.chance(0.1) ? 1 : 0;
  if (random.chance(0.2)) plan.crash_in_step = static_cast<double>(random.below(10)) / 10000;
  plan.encode = random.chance(0.05);
  plan.sas = static_cast<unsigned>(random.between(2, 8));
  return plan;
}

std::string describe(const Plan& plan) {
  return "seed " + text(plan.seed) + ": " + text(plan.nodes) + " nodes, " + text(plan.witnesses) +
         " witnesses, " + text(plan.length.count() / 1'000'000) + " ms, loss " + text(plan.loss) +
         ", duplication " + text(plan.duplication) + ", spikes " + text(plan.spike) + ", crashes " +
         text(plan.crashes) + ", partitions " + text(plan.partitions) + ", stalls " +
         text(plan.stalls) + ", drains " + text(plan.drains) + ", power losses " +
         text(plan.power_losses) + ", disk losses " + text(plan.disk_losses) + ", crash in step " +
         text(plan.crash_in_step) + ", SAs " + text(plan.sas);
}

void World::fault(FaultKind kind) {
  auto nodes = running();
  if (nodes.empty()) return;
  auto& victim = *nodes[random_.below(nodes.size())];
  const auto name = text(victim.process.node.value());
  switch (kind) {
    case FaultKind::Crash: {
      crash(victim, "crash");
      // Sometimes two die at the same moment, as seed 003 could not bear.
      if (nodes.size() > 2 && random_.chance(0.2)) {
        crash(*nodes[random_.below(nodes.size())], "crash");
      }
      break;
    }
    case FaultKind::Partition: {
      const auto id = next_cut_++;
      const bool one_way = random_.chance(0.3);
      const bool whole = random_.chance(0.6);
      for (const auto& [node, machine] : machines_) {
        if (node == victim.process.node) continue;
        if (!whole && random_.chance(0.5)) continue;
        cuts_.push_back({victim.process.node, node, id});
        if (!one_way) cuts_.push_back({node, victim.process.node, id});
      }
      ++report_.counts[one_way ? "one-way partitions" : "partitions"];
      note("partition " + text(id) + " cuts node " + name + (one_way ? ", one way" : ""));
      at(milliseconds(random_.between(5, 200)), {.what = What::Heal, .number = id});
      break;
    }
    case FaultKind::Stall:
      victim.stalled_until = now_ + milliseconds(random_.between(3, 90));
      ++report_.counts["stalls"];
      note("node " + name + " stalls");
      break;
    case FaultKind::Drain:
      victim.node->set_weight(0);
      ++report_.counts["drains"];
      note("node " + name + " drains");
      at(milliseconds(random_.between(60, 300)),
         {.what = What::Undrain, .node = victim.process.node});
      break;
    case FaultKind::PowerLoss:
      for (auto* machine : nodes) crash(*machine, "power loss");
      break;
    case FaultKind::DiskLoss:
      // One at a time: who loses the disks of a majority has lost the boots (P1 says so).
      if (std::any_of(machines_.begin(), machines_.end(),
                      [](const auto& each) { return each.second.disk.fresh; })) {
        break;
      }
      crash(victim, "disk loss");
      victim.disk.fresh = true;
      victim.disk.boot = {};
      victim.disk.generation = {};
      victim.disk.term = {};
      victim.disk.boots.clear();
      break;
  }
}

// Installs, rekeys and deletes SAs wherever they are served.
void World::manage_sas() {
  for (auto& peer : peers_) {
    const bool rekey = peer.installed && random_.chance(0.002);
    if (peer.installed && !rekey) continue;
    if (!rekey && !random_.chance(0.05)) continue;
    auto nodes = running();
    if (nodes.empty()) return;
    auto& machine = *nodes[random_.below(nodes.size())];
    if (machine.stalled_until > now_ || !machine.node->levelled()) continue;
    Outputs out;
    const auto time = local(machine);
    if (rekey) {
      if (!machine.node->serves(peer.bucket)) continue;
      if (machine.node->remove(peer.uid, peer.bucket, time, out).ok()) {
        checker_.removed(peer.uid);
        machine.gateway->forget(peer.uid);
        ++report_.counts["tombstones"];
      }
    }
    std::vector<base::BucketIndex> served;
    for (std::size_t i = 0; i < base::kNumBuckets; ++i) {
      const base::BucketIndex bucket(static_cast<std::uint8_t>(i));
      if (machine.node->serves(bucket)) served.push_back(bucket);
    }
    if (!served.empty()) {
      Install install;
      install.bucket = served[random_.below(served.size())];
      install.uid = base::Uid((std::uint64_t{machine.process.node.value()} << 56) |
                              (std::uint64_t{machine.node->self().boot.value()} << 40) |
                              ++machine.uid_counter);
      install.leases = {LeaseValue{32, 5}, LeaseValue{32, 5}};
      install.payload.resize(64);
      if (machine.node->install(install, time, out).ok()) {
        peer = Peer{};
        peer.uid = install.uid;
        peer.bucket = install.bucket;
        peer.installed = true;
        ++report_.counts["installs"];
      }
    }
    execute(machine, out);
    at(microseconds(50),
       {.what = What::Flush, .node = machine.process.node, .process = machine.process.id});
  }
}

// Every node sees every frame, as in multicast mode; old and forged ones too.
void World::traffic() {
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    auto& peer = peers_[i];
    if (!peer.installed || random_.chance(0.3)) continue;
    Happening esp{.what = What::Esp, .number = peer.next, .sa = i};
    if (random_.chance(0.05)) {
      esp.number = peer.next + random_.below(std::uint64_t{1} << 31);
      esp.genuine = false;
    } else if (!peer.old.empty() && random_.chance(0.1)) {
      esp.number = peer.old[random_.below(peer.old.size())];
      ++report_.counts["replays"];
    } else {
      peer.next += random_.chance(0.02) ? random_.below(200) : 1;
      if (peer.old.size() < 64) {
        peer.old.push_back(esp.number);
      } else {
        peer.old[random_.below(peer.old.size())] = esp.number;
      }
    }
    Happening clear{.what = What::Clear, .sa = i};
    for (const auto& [node, machine] : machines_) {
      esp.node = clear.node = node;
      at(microseconds(random_.between(1, 300)), esp);
      at(microseconds(random_.between(1, 300)), clear);
    }
  }
}

// (14) Long after the last fault every bucket has one owner who runs, and they agree.
void World::settle() {
  std::size_t levelled = 0;
  for (auto* machine : running()) levelled += machine->node->levelled() ? 1u : 0u;
  if (levelled * 2 <= machines_.size()) {
    // Design 6.1, known limit: too many lost their memory for levelling, too few for a cold start.
    ++report_.counts["ended without a quorum"];
    return;
  }
  for (std::size_t i = 0; i < base::kNumBuckets; ++i) {
    const base::BucketIndex bucket(static_cast<std::uint8_t>(i));
    std::size_t owners = 0;
    for (auto* machine : running()) owners += machine->node->serves(bucket) ? 1u : 0u;
    if (owners == 1) continue;
    for (auto* machine : running()) {
      const auto& memory = machine->node->memory();
      const auto version = [](const Version& v) {
        return text(v.generation.value()) + "/" + text(v.term.value()) + "/" +
               text(v.epoch.value());
      };
      note("node " + text(machine->process.node.value()) +
           (machine->node->levelled() ? " levelled" : " not levelled") +
           (machine->node->is_master() ? " master" : "") + " term " + text(memory.term.value()) +
           " newest " + version(memory.newest.version) + " committed " + version(memory.committed) +
           " applied " + version(memory.table.applied()) + " stream " +
           name(machine->node->stream()) + " bucket owner " +
           name(memory.newest.owners()[i].stream) + " table " +
           name(memory.table.bucket(bucket).owner.stream) + ", missing prefixes " +
           text(memory.missing(memory.newest).size()));
    }
    checker_.fail(14, "bucket " + text(i) + " is served by " + text(owners) +
                          " nodes long after the last fault");
    return;
  }
  ++report_.counts["settled"];
}

}  // namespace phalanx::simulation
