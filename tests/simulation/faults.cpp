// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <algorithm>

#include "world.hpp"

// The part of the world that makes trouble: faults, peers, and what must hold when it is over.
namespace phalanx::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// SAs of a run with planned changes only are installed by then.
constexpr base::TimePoint kWarm{milliseconds(1200)};

template <typename T>
std::string text(T value) {
  return std::to_string(value);
}

std::string name(const StreamId& stream) {
  return text(stream.node.value()) + "." + text(stream.boot.value()) + "." +
         text(stream.incarnation);
}

}  // namespace

void World::note_voters(const Machine& machine) {
  const auto& voters = machine.node->memory().newest.voters;
  if (!machine.node->is_master()) return;
  ++report_.counts[voters.decided      ? "voters decided"
                   : voters.changing() ? "voters open"
                                       : "voters changed"];
  const auto list = [](const std::vector<base::NodeId>& nodes) {
    std::string line;
    for (const auto node : nodes) line += " " + text(node.value());
    return line;
  };
  auto line = "node " + text(machine.process.node.value()) + ": voters" + list(voters.current);
  if (voters.changing()) line += " and" + list(voters.next);
  if (voters.decided) line += ", decided";
  if (!voters.left.empty()) line += ", left:" + list(voters.left);
  note(line);
}

void World::note_allocation(Machine& machine) {
  if (!keep_timeline_) return;
  const auto& memory = machine.node->memory();
  if (memory.table.applied() == machine.noted) return;
  machine.noted = memory.table.applied();
  if (plan_.scripted && (!machine.node->is_master() || machine.noted.epoch == base::Epoch{})) {
    return;
  }
  std::string line = "node " + text(machine.process.node.value()) + " applies allocation " +
                     text(machine.noted.generation.value()) + "/" +
                     text(machine.noted.term.value()) + "/" + text(machine.noted.epoch.value());
  std::size_t moved = 0;
  for (const auto& step : memory.newest.steps) {
    if (step.version != machine.noted) continue;
    for (const auto& base : step.bases)
      line += ", base " + name(base.stream) + "@" + text(base.index);
    moved += step.moves.size();
    std::map<StreamId, int> moves;
    for (const auto& move : step.moves) ++moves[move.to];
    for (const auto& [to, count] : moves) line += ", " + text(count) + " to " + name(to);
  }
  const bool takeover = line.find("base") != std::string::npos;
  // A story tells of many buckets at once, and of first owners.
  if (!plan_.scripted || moved > 16 || (moved != 0 && !takeover)) note(line);
}

namespace {

// Five nodes, and more crashes than anybody has: what needs three at the wrong moment.
void make_storm(Plan& plan, Random& random) {
  plan.nodes = 5;
  plan.witnesses = 0;
  plan.crashes = static_cast<unsigned>(random.between(6, 16));
  plan.quick_restarts = true;
  plan.crash_in_election = 0.3;
  plan.power_losses = plan.disk_losses = 0;
  plan.loss = static_cast<double>(random.below(150)) / 1000;
  plan.spike = static_cast<double>(random.below(60)) / 1000;
  plan.ghost = static_cast<double>(random.below(40)) / 1000;
}

Plan make_planned(std::uint64_t seed, Random& random) {
  Plan plan;
  plan.seed = seed;
  plan.planned = true;
  plan.nodes = static_cast<unsigned>(random.between(2, 4));
  plan.witnesses = random.chance(0.3) ? 1 : 0;
  plan.length = milliseconds(random.between(400, 600));
  plan.jitter = microseconds(random.between(0, 20));
  plan.drains = static_cast<unsigned>(random.below(4));
  plan.joins = static_cast<unsigned>(random.below(3));
  plan.leaves = static_cast<unsigned>(random.below(3));
  plan.sas = 3;
  plan.tick = microseconds(200);
  plan.traffic_every = microseconds(250);
  plan.skew = microseconds(20);
  return plan;
}

}  // namespace

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
  if (random.chance(0.25)) plan.ghost = static_cast<double>(random.below(20)) / 1000;
  plan.max_steps = random.chance(0.25) ? 2 : 6;
  plan.slow_nodes = random.chance(0.2) ? 1 : 0;
  plan.record_losses = random.chance(0.15) ? 1 : 0;
  if (random.chance(0.2)) plan.crash_in_election = 0.15;
  if (random.chance(0.1)) plan.clone = 0.3;
  plan.quick_restarts = random.chance(0.25);
  if (random.chance(0.3)) plan.clock_error = 0.002;
  if (random.chance(0.3)) plan.joins = static_cast<unsigned>(random.between(1, 2));
  if (random.chance(0.2)) plan.leaves = static_cast<unsigned>(random.between(1, 2));
  if (random.chance(0.1)) plan.expels = 1;
  plan.fixed_sas = random.chance(0.2) ? 2 : 1;
  plan.slow_disks = random.chance(0.1);
  if (random.chance(0.02)) return make_planned(seed, random);
  if (seed >= kFirstPlanned) return make_planned(seed, random);
  if (seed >= kFirstStorm) make_storm(plan, random);
  return plan;
}

std::string describe(const Plan& plan) {
  return "seed " + text(plan.seed) + ": " + text(plan.nodes) + " nodes, " + text(plan.witnesses) +
         " witnesses, " + text(plan.length.count() / 1'000'000) + " ms, loss " + text(plan.loss) +
         ", duplication " + text(plan.duplication) + ", spikes " + text(plan.spike) + ", crashes " +
         text(plan.crashes) + ", partitions " + text(plan.partitions) + ", stalls " +
         text(plan.stalls) + ", drains " + text(plan.drains) + ", joins " + text(plan.joins) +
         ", leaves " + text(plan.leaves) + ", expels " + text(plan.expels) + ", power losses " +
         text(plan.power_losses) + ", disk losses " + text(plan.disk_losses) + ", crash in step " +
         text(plan.crash_in_step) + ", in election " + text(plan.crash_in_election) +
         ", late copies " + text(plan.ghost) + ", slow nodes " + text(plan.slow_nodes) +
         ", record losses " + text(plan.record_losses) + ", clones " + text(plan.clone) +
         (plan.quick_restarts ? ", quick restarts" : "") + (plan.slow_disks ? ", slow disks" : "") +
         ", clock error " + text(plan.clock_error) + ", SAs " + text(plan.sas);
}

void World::lose_disk(Machine& machine) {
  crash(machine, "disk loss");
  const auto voters = machine.disk.voters;
  machine.disk = DiskState{};
  machine.disk.voters = voters;
  machine.disk.fresh = true;
  machine.leases.clear();
  checker_.disks.erase(machine.process.node);
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
      victim.node->drain(true);
      ++report_.counts["drains"];
      note("node " + name + " drains");
      at(milliseconds(random_.between(60, 300)),
         {.what = What::Undrain, .node = victim.process.node});
      break;
    case FaultKind::Leave:
      victim.node->leave();
      ++report_.counts["leaves"];
      note("node " + name + " is told to leave");
      break;
    case FaultKind::Expel: {
      auto other = machines_.begin();
      std::advance(other, static_cast<std::ptrdiff_t>(random_.below(machines_.size())));
      victim.node->expel(other->first);
      ++report_.counts["expels"];
      note("node " + name + " is told that node " + text(other->first.value()) + " is gone");
      break;
    }
    case FaultKind::SlowNode:
      victim.slow_until = now_ + milliseconds(random_.between(20, 200));
      ++report_.counts["slow nodes"];
      note("node " + name + " is slow");
      break;
    case FaultKind::RecordLoss:
      victim.records_lost_until = now_ + milliseconds(random_.between(50, 700));
      ++report_.counts["record losses"];
      note("node " + name + " loses its records, not its heartbeats");
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
      lose_disk(victim);
      break;
  }
}

// A second process of the same machine, with a new state directory, at the same time. Either may
// be admitted, both with one boot never.
void World::start_clone(Machine& machine) {
  auto clone = std::make_unique<Machine>();
  clone->process = {next_process_++, machine.process.node};
  clone->config = machine.config;
  clone->disk.voters = machine.disk.voters;
  clone->disk.fresh = true;
  clone->clock_rate = machine.clock_rate;
  for (std::size_t i = 0; i < 8; ++i) {
    clone->config.nonce[i] = static_cast<std::byte>(clone->process.id >> (8 * i % 32));
  }
  clone->node = std::make_unique<Node>(clone->config, clone->disk);
  ++report_.counts["clones"];
  note("a clone of node " + text(machine.process.node.value()) + " starts, process " +
       text(clone->process.id));
  at(microseconds(random_.between(0, 999)),
     {.what = What::CloneTick, .node = clone->process.node, .process = clone->process.id});
  clones_.push_back(std::move(clone));
}

// A clone is of interest until it is admitted or refused.
void World::clone_step(Machine& clone, Outputs& outputs) {
  bool over = faults_over_;
  for (const auto& output : outputs) {
    if (const auto* persist = std::get_if<Persist>(&output)) {
      clone.disk = persist->state;
    } else if (const auto* send = std::get_if<Send>(&output)) {
      transmit(clone, *send);
    } else if (const auto* event = std::get_if<Event>(&output)) {
      const auto kind = event->kind;
      if (kind == EventKind::BootRefused) {
        note("the clone of node " + text(clone.process.node.value()) + " is refused");
      }
      if (kind == EventKind::Admitted) checker_.admitted(clone.process, *clone.node);
      over |= kind == EventKind::Admitted || kind == EventKind::BootRefused ||
              kind == EventKind::Superseded;
    }
  }
  if (over) clone.node.reset();
}

// Installs, rekeys and deletes SAs wherever they are served.
void World::manage_sas() {
  for (auto& peer : peers_) {
    if (peer.fixed) {
      install_fixed(peer);
      continue;
    }
    const bool rekey = peer.installed && !plan_.planned && random_.chance(0.002);
    if (peer.installed && !rekey) continue;
    if (!rekey && !random_.chance(0.05)) continue;
    if (plan_.planned && now_ > kWarm) continue;
    auto nodes = running();
    if (nodes.empty()) return;
    auto& machine = *nodes[random_.below(nodes.size())];
    if (machine.stalled_until > now_ || !machine.node->levelled()) continue;
    Outputs out;
    const auto time = local(machine);
    if (rekey) {
      if (!machine.node->serves(peer.bucket)) continue;
      if (machine.node->remove(peer.uid, peer.bucket, time, out).ok()) {
        checker_.removed(peer.uid, machine.node->stream(),
                         machine.node->memory().streams.at(machine.node->stream()).held());
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

// Whoever serves the bucket of a static SA installs it when the cluster does not know it yet.
void World::install_fixed(Peer& peer) {
  for (auto* machine : running()) {
    if (machine->stalled_until > now_ || !machine->node->serves(peer.bucket)) continue;
    const auto& entries = machine->node->memory().table.bucket(peer.bucket).entries;
    const auto key = std::pair(machine->process.id, machine->node->stream());
    if (entries.contains(peer.uid) || machine->installed[peer.uid] == key) continue;
    Install install;
    install.bucket = peer.bucket;
    install.uid = peer.uid;
    install.leases = {LeaseValue{32, 5}, LeaseValue{32, 5}};
    Outputs out;
    if (!machine->node->install(install, local(*machine), out).ok()) continue;
    machine->installed[peer.uid] = key;
    peer.installed = true;
    ++report_.counts["static SAs installed"];
    execute(*machine, out);
    at(microseconds(50),
       {.what = What::Flush, .node = machine->process.node, .process = machine->process.id});
  }
}

// Each peer sends one packet and gets one, in order, and every one counts. Not at the very end:
// what is under way then would look lost.
void World::steady_traffic() {
  if (now_ < kWarm + milliseconds(20) || now_ > end_ + kSettle - milliseconds(20)) return;
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    auto& peer = peers_[i];
    if (!peer.installed) continue;
    const Happening esp{.what = What::Esp, .number = peer.next++, .sa = i};
    const Happening clear{.what = What::Clear, .number = ++peer.clear, .sa = i};
    checker_.expect({peer.uid, Direction::Inbound}, esp.number);
    checker_.expect({peer.uid, Direction::Outbound}, clear.number);
    for (const auto& [node, machine] : machines_) {
      for (auto copy : {esp, clear}) {
        copy.node = node;
        at(microseconds(100) + base::Duration(random_.between(0, plan_.skew.count())), copy);
      }
    }
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
      // A peer whose packets were refused for a while is far ahead.
      const bool far = peer.fixed && random_.chance(0.01);
      peer.next += far ? random_.below(3000) : random_.chance(0.02) ? random_.below(200) : 1;
      if (peer.old.size() < 64) {
        peer.old.push_back(esp.number);
      } else {
        peer.old[random_.below(peer.old.size())] = esp.number;
      }
    }
    Happening clear{.what = What::Clear, .number = ++peer.clear, .sa = i};
    for (const auto& [node, machine] : machines_) {
      esp.node = clear.node = node;
      at(microseconds(1) + base::Duration(random_.between(0, plan_.skew.count())), esp);
      at(microseconds(1) + base::Duration(random_.between(0, plan_.skew.count())), clear);
    }
  }
}

VoterSet World::voters() {
  VoterSet voters = first_voters_;
  Version newest;
  for (auto* machine : running()) {
    const auto& allocation = machine->node->memory().newest;
    if (!machine->node->levelled() || allocation.version < newest) continue;
    newest = allocation.version;
    voters = allocation.voters;
  }
  return voters;
}

bool World::has_quorum() {
  std::vector<base::NodeId> levelled;
  for (auto* machine : running()) {
    if (machine->node->levelled()) levelled.push_back(machine->process.node);
  }
  return voters().is_quorum(levelled);
}

// Strikes off what somebody serves. Two at once are one too many, whatever the time.
void World::strike_served(std::bitset<base::kNumBuckets>& unserved) {
  for (std::size_t i = 0; i < base::kNumBuckets; ++i) {
    const base::BucketIndex bucket(static_cast<std::uint8_t>(i));
    std::size_t owners = 0;
    for (auto* machine : running()) owners += machine->node->serves(bucket) ? 1u : 0u;
    if (owners != 0) unserved.reset(i);
    if (owners > 1) {
      checker_.fail(14, "bucket " + text(i) + " is served by " + text(owners) +
                            " nodes long after the last fault");
    }
  }
}

void World::note_everybody(base::BucketIndex bucket) {
  const auto version = [](const Version& v) {
    return text(v.generation.value()) + "/" + text(v.term.value()) + "/" + text(v.epoch.value());
  };
  for (auto* machine : running()) {
    const auto& memory = machine->node->memory();
    note("node " + text(machine->process.node.value()) +
         (machine->node->levelled() ? " levelled" : " not levelled") +
         (machine->node->is_master() ? " master" : "") + " term " + text(memory.term.value()) +
         " newest " + version(memory.newest.version) + " committed " + version(memory.committed) +
         " applied " + version(memory.table.applied()) + " stream " +
         name(machine->node->stream()) + " bucket owner " +
         name(memory.newest.owners()[bucket.value()].stream) + " table " +
         name(memory.table.bucket(bucket).owner.stream) + ", missing prefixes " +
         text(memory.missing(memory.newest).size()));
  }
}

// (14) Long after the last fault every bucket has one owner who runs. A bucket that moves is with
// nobody for a moment, so each gets some time to be seen with one.
void World::settle() {
  if (!has_quorum()) {
    // Design 6.1, known limit: too many lost their memory for levelling, too few for a cold start.
    ++report_.counts["ended without a quorum"];
    return;
  }
  std::bitset<base::kNumBuckets> unserved;
  unserved.set();
  strike_served(unserved);
  for (auto stop = now_ + plan_.tick; unserved.any() && stop <= end_ + kSettle + kMoveTime;
       stop += plan_.tick) {
    advance(stop);
    strike_served(unserved);
  }
  if (unserved.any()) {
    std::size_t first = 0;
    while (!unserved.test(first)) ++first;
    note_everybody(base::BucketIndex(static_cast<std::uint8_t>(first)));
    checker_.fail(14, "bucket " + text(first) + " is served by nobody long after the last fault");
    return;
  }
  checker_.settled();
  ++report_.counts["settled"];
}

}  // namespace phalanx::simulation
