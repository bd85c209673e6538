// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "world.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "phalanx/cluster/message_codec.hpp"
#include "phalanx/cluster/planted.hpp"

namespace phalanx::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr auto kFlushAfter = microseconds(50);

template <typename T>
std::string text(T value) {
  return std::to_string(value);
}

}  // namespace

World::World(const Plan& plan, bool keep_timeline)
    : plan_(plan), random_(plan.seed * 2 + 1), keep_timeline_(keep_timeline) {
  end_ = now_ + plan.length;
  const auto count = plan.nodes + plan.witnesses;
  for (unsigned i = 1; i <= count; ++i)
    first_voters_.current.push_back(base::NodeId(static_cast<std::uint8_t>(i)));
  for (const auto node : first_voters_.current) start(add_machine(node, node.value() > plan.nodes));
  for (unsigned i = 1; i <= plan.joins; ++i) {
    const base::NodeId node(static_cast<std::uint8_t>(count + i));
    (void)add_machine(node, false);
    at(milliseconds(random_.between(150, plan.length.count() / 1'000'000)),
       {.what = What::Restart, .node = node});
  }
  peers_.resize(plan.sas);
  for (std::size_t i = 0; i < std::min<std::size_t>(plan.fixed_sas, peers_.size()); ++i) {
    peers_[i].fixed = true;
    peers_[i].uid = base::Uid(i + 1);
    peers_[i].bucket = base::BucketIndex(static_cast<std::uint8_t>(97 * (i + 1)));
  }
  at(milliseconds(100), {.what = What::Traffic});
  const auto schedule = [&](unsigned times, FaultKind kind) {
    for (unsigned i = 0; i < times; ++i) {
      const auto after = milliseconds(random_.between(250, plan.length.count() / 1'000'000 - 1));
      at(after, {.what = What::Fault, .number = static_cast<std::uint64_t>(kind)});
    }
  };
  schedule(plan.crashes, FaultKind::Crash);
  schedule(plan.partitions, FaultKind::Partition);
  schedule(plan.stalls, FaultKind::Stall);
  schedule(plan.drains, FaultKind::Drain);
  schedule(plan.leaves, FaultKind::Leave);
  schedule(plan.expels, FaultKind::Expel);
  schedule(plan.power_losses, FaultKind::PowerLoss);
  schedule(plan.disk_losses, FaultKind::DiskLoss);
  schedule(plan.slow_nodes, FaultKind::SlowNode);
  schedule(plan.record_losses, FaultKind::RecordLoss);
  at(plan.length, {.what = What::Settle});
}

World::Machine& World::add_machine(base::NodeId node, bool witness) {
  auto& machine = machines_[node];
  machine.process.node = node;
  machine.config.id = node;
  machine.config.duty = witness ? Duty::Witness : Duty::Serve;
  machine.config.machine[0] = std::byte{node.value()};
  // Small, so that the bound of the log is met in a short run.
  machine.config.stream_log_bytes = 24 * 1024;
  machine.config.snapshot_bytes = 4096;
  machine.config.max_steps = plan_.max_steps;
  machine.config.seeds = first_voters_.current;
  machine.disk.voters = first_voters_;
  if (plan_.clock_error > 0) {
    machine.clock_rate +=
        plan_.clock_error * (static_cast<double>(random_.between(-1000, 1000)) / 1000);
  }
  return machine;
}

void World::at(base::Duration after, Happening happening) {
  happening.at = now_ + after;
  happening.order = ++order_;
  queue_.push(std::move(happening));
}

void World::note(const std::string& line) {
  if (!keep_timeline_) return;
  char stamp[32];
  const auto us = (now_.time_since_epoch() - std::chrono::seconds(1)).count() / 1000;
  (void)std::snprintf(stamp, sizeof(stamp), "%9.3f ms  ", static_cast<double>(us) / 1000.0);
  report_.timeline.push_back(stamp + line);
}

World::Machine* World::machine_of(base::NodeId node) {
  const auto found = machines_.find(node);
  return found == machines_.end() ? nullptr : &found->second;
}

std::vector<World::Machine*> World::running() {
  std::vector<Machine*> out;
  for (auto& [id, machine] : machines_) {
    if (machine.node) out.push_back(&machine);
  }
  return out;
}

// Clocks of different machines have nothing to do with each other.
base::TimePoint World::local(const Machine& machine) const {
  const auto elapsed = static_cast<double>((now_ - base::TimePoint{}).count()) * machine.clock_rate;
  return base::TimePoint{base::Duration(static_cast<std::int64_t>(elapsed))} +
         std::chrono::seconds(machine.process.node.value() * 1000);
}

void World::start(Machine& machine) {
  machine.process.id = next_process_++;
  machine.stalled_until = machine.slow_until = machine.records_lost_until = {};
  machine.uid_counter = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    machine.config.nonce[i] = static_cast<std::byte>(machine.process.id >> (8 * i % 32));
  }
  std::vector<DiskLease> leases;
  for (const auto& [key, lease] : machine.leases) leases.push_back(lease);
  machine.node = std::make_unique<Node>(machine.config, machine.disk, leases);
  machine.gateway = std::make_unique<Gateway>(*machine.node, checker_, gateway_counters_);
  checker_.alive[machine.process.node] = machine.node.get();
  note("node " + text(machine.process.node.value()) + " starts, process " +
       text(machine.process.id));
  at(microseconds(random_.between(0, 999)),
     {.what = What::Tick, .node = machine.process.node, .process = machine.process.id});
}

void World::crash(Machine& machine, const char* why) {
  if (!machine.node) return;
  note("node " + text(machine.process.node.value()) + " stops: " + why);
  ++report_.counts[why];
  checker_.crashed(machine.process, *machine.node);
  lose_writes(machine);
  checker_.alive.erase(machine.process.node);
  machine.gateway.reset();
  machine.node.reset();
  if (planted(Bug::BootWrittenLate) && machine.disk_lost) machine.disk.boot = base::BootCount{};
  if (plan_.scripted) return;
  at(milliseconds(random_.between(plan_.quick_restarts ? 1 : 2, plan_.quick_restarts ? 6 : 150)),
     {.what = What::Restart, .node = machine.process.node});
}

bool World::is_cut(base::NodeId from, base::NodeId to) const {
  return std::any_of(cuts_.begin(), cuts_.end(),
                     [&](const Cut& cut) { return cut.from == from && cut.to == to; });
}

void World::transmit(const Machine& machine, const Send& send) {
  const auto from = machine.process.node;
  ++report_.counts["messages"];
  const bool sick =
      machine.records_lost_until > now_ && std::holds_alternative<Records>(send.message.body);
  if (sick || is_cut(from, send.to) || (!faults_over_ && random_.chance(plan_.loss))) {
    ++report_.counts["messages lost"];
    return;
  }
  auto message = std::make_shared<const Message>(send.message);
  if (plan_.encode) {
    const auto bytes = write_message(send.message);
    if (!bytes.ok()) {
      checker_.fail(0, "a message does not fit a datagram");
      return;
    }
    auto parsed = parse_message(*bytes);
    if (!parsed.ok() || !(*parsed == send.message)) {
      checker_.fail(0, "a message does not survive the codec");
      return;
    }
  }
  const auto copies = random_.chance(plan_.duplication) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    auto delay = plan_.delay + base::Duration(random_.between(0, plan_.jitter.count()));
    if (random_.chance(plan_.spike)) delay += milliseconds(random_.between(1, 20));
    if (const auto* to = machine_of(send.to); to != nullptr && to->slow_until > now_) {
      delay += microseconds(random_.between(500, 4000));
    }
    at(delay, {.what = What::Deliver, .node = send.to, .message = message});
  }
  if (!faults_over_ && plan_.ghost > 0 && random_.chance(plan_.ghost)) {
    ++report_.counts["late copies"];
    at(milliseconds(random_.between(5, 400)),
       {.what = What::Deliver, .node = send.to, .message = message});
  }
}

void World::handle(Machine& machine, const Event& event) {
  const auto name = "node " + text(machine.process.node.value());
  switch (event.kind) {
    case EventKind::Admitted:
      checker_.admitted(machine.process, *machine.node);
      note(name + " admitted as boot " + text(machine.node->self().boot.value()));
      break;
    case EventKind::Levelled:
      ++report_.counts["levelled"];
      checker_.levelled(*machine.node);
      note(name + " levelled");
      break;
    case EventKind::MasterChanged:
      if (event.node == machine.process.node) {
        ++report_.counts["elections"];
        note(name + " is master of term " + text(machine.node->memory().term.value()));
      }
      break;
    case EventKind::ColdStarted:
      ++report_.counts["cold starts"];
      if (!machine.leases.empty()) ++report_.counts["cold starts that resume SAs"];
      note(name + " begins generation " + text(machine.node->memory().generation.value()));
      break;
    case EventKind::StreamFrozen:
      ++report_.counts["frozen alive"];
      note(name + " finds its stream frozen");
      break;
    case EventKind::VotersChanged: note_voters(machine); break;
    case EventKind::BucketOpened:
    case EventKind::BucketShut:
    case EventKind::CloseWanted:
    case EventKind::MoveWanted:
    case EventKind::MoveComing:
    case EventKind::EntryInstalled:
    case EventKind::GateChanged:
    case EventKind::BootRefused:
    case EventKind::Left:
    case EventKind::Superseded: break;
  }
  machine.gateway->on(event, local(machine));
}

// Takes as long as a disk takes, unless what comes next must wait for it.
void World::store(Machine& machine, const StoreLeases& leases) {
  ++report_.counts["lease writes"];
  machine.storing[leases.id] = leases;
  if (leases.wait) {
    while (!machine.storing.empty()) stored(machine, machine.storing.begin()->first);
    return;
  }
  const base::Duration most = plan_.slow_disks ? milliseconds(60) : milliseconds(5);
  const auto extra =
      plan_.planned ? base::Duration{} : base::Duration(random_.between(0, most.count()));
  at(microseconds(200) + extra, {.what = What::Stored,
                                 .node = machine.process.node,
                                 .process = machine.process.id,
                                 .number = leases.id});
}

void World::stored(Machine& machine, std::uint64_t id) {
  const auto found = machine.storing.find(id);
  if (found == machine.storing.end()) return;
  for (const auto& lease : found->second.leases) {
    machine.leases[{lease.uid, lease.direction}] = lease;
  }
  machine.storing.erase(found);
}

// What the disk has not confirmed is there or not, each of them.
void World::lose_writes(Machine& machine) {
  for (const auto& [id, storing] : std::exchange(machine.storing, {})) {
    for (const auto& lease : storing.leases) {
      if (random_.chance(0.5)) {
        ++report_.counts["lease writes lost"];
      } else {
        machine.leases[{lease.uid, lease.direction}] = lease;
      }
    }
  }
}

// In order; a crash may come after any of them.
void World::execute(Machine& machine, Outputs& outputs) {
  const char* over = nullptr;
  for (const auto& output : outputs) {
    if (!faults_over_ && random_.chance(plan_.crash_in_step)) {
      crash(machine, "crash within a step");
      return;
    }
    if (const auto* persist = std::get_if<Persist>(&output)) {
      machine.disk = persist->state;
      if (!machine.disk.fresh) checker_.disks[machine.process.node] = &machine.leases;
    } else if (const auto* leases = std::get_if<StoreLeases>(&output)) {
      store(machine, *leases);
    } else if (const auto* send = std::get_if<Send>(&output)) {
      checker_.sent(*machine.node, send->message);
      transmit(machine, *send);
      const auto* ask = std::get_if<VoteRequest>(&send->message.body);
      if (ask != nullptr && !ask->pre && !faults_over_ && plan_.crash_in_election > 0 &&
          random_.chance(plan_.crash_in_election)) {
        crash(machine, "crash in an election");
        return;
      }
    } else {
      const auto& event = std::get<Event>(output);
      if (event.kind == EventKind::Superseded) over = "superseded";
      if (event.kind == EventKind::Left) over = "left";
      handle(machine, event);
    }
  }
  checker_.local_now = local(machine);
  checker_.stepped(machine.process, *machine.node);
  note_allocation(machine);
  ++report_.counts["steps"];
  if (++steps_ > kMaxSteps) checker_.fail(0, "the run does not come to rest: a storm of messages");
  if (over != nullptr) {
    crash(machine, over);
    return;
  }
  Outputs answers;
  machine.gateway->answer(local(machine), answers);
  if (!answers.empty()) execute(machine, answers);
}

void World::node_happening(Machine& machine, const Happening& happening) {
  if (!machine.node) return;
  if (machine.stalled_until > now_) {
    auto later = happening;
    at(machine.stalled_until - now_ + base::Duration(random_.between(0, 1000)), std::move(later));
    return;
  }
  const auto time = local(machine);
  const auto raises = gateway_counters_.raises;
  Outputs out;
  switch (happening.what) {
    case What::Tick:
      if (happening.process != machine.process.id) return;
      at(plan_.tick, {.what = What::Tick, .node = happening.node, .process = happening.process});
      machine.node->tick(time, out);
      execute(machine, out);
      if (!machine.node) return;
      out.clear();
      machine.gateway->tick(time, out, random_);
      break;
    case What::Flush:
      if (happening.process != machine.process.id) return;
      machine.node->flush(time, out);
      break;
    case What::Stored:
      if (happening.process != machine.process.id) return;
      stored(machine, happening.number);
      machine.node->stored(happening.number, time, out);
      break;
    case What::Deliver:
      for (auto& clone : clones_) {
        if (clone->process.node != happening.node || !clone->node) continue;
        Outputs to_clone;
        clone->node->receive(*happening.message, local(*clone), to_clone);
        clone_step(*clone, to_clone);
      }
      machine.node->receive(*happening.message, time, out);
      break;
    case What::Esp:
      machine.gateway->inbound(peers_[happening.sa].uid, peers_[happening.sa].bucket,
                               happening.number, happening.genuine, time, out);
      break;
    case What::Clear:
      machine.gateway->outbound(peers_[happening.sa].uid, peers_[happening.sa].bucket,
                                happening.number, time, out);
      break;
    case What::Fault:
    case What::Restart:
    case What::Heal:
    case What::Resume:
    case What::Undrain:
    case What::Traffic:
    case What::CloneTick:
    case What::Settle: return;
  }
  if (gateway_counters_.raises != raises) {
    at(kFlushAfter, {.what = What::Flush, .node = happening.node, .process = machine.process.id});
  }
  execute(machine, out);
}

void World::happen(const Happening& happening) {
  switch (happening.what) {
    case What::Tick:
    case What::Flush:
    case What::Deliver:
    case What::Esp:
    case What::Stored:
    case What::Clear: node_happening(machines_.at(happening.node), happening); break;
    case What::Fault: fault(static_cast<FaultKind>(happening.number)); break;
    case What::Restart:
      if (auto& machine = machines_.at(happening.node); !machine.node) {
        if (!faults_over_ && plan_.clone > 0 && random_.chance(plan_.clone)) start_clone(machine);
        start(machine);
      }
      break;
    case What::CloneTick:
      for (auto& clone : clones_) {
        if (clone->process.id != happening.process || !clone->node) continue;
        Outputs out;
        clone->node->tick(local(*clone), out);
        clone_step(*clone, out);
        at(plan_.tick, happening);
        break;
      }
      break;
    case What::Heal:
      std::erase_if(cuts_, [&](const Cut& cut) { return cut.id == happening.number; });
      note("partition " + text(happening.number) + " heals");
      break;
    case What::Undrain:
      if (auto& machine = machines_.at(happening.node); machine.node) {
        machine.node->drain(false);
      }
      break;
    case What::Traffic:
      if (!faults_over_) manage_sas();
      if (plan_.planned) {
        steady_traffic();
      } else {
        traffic();
      }
      at(plan_.traffic_every, {.what = What::Traffic});
      break;
    case What::Settle:
      faults_over_ = true;
      cuts_.clear();
      for (auto& [node, machine] : machines_) {
        machine.slow_until = machine.records_lost_until = {};
      }
      note("all faults end");
      break;
    case What::Resume: break;
  }
}

void World::advance(base::TimePoint stop) {
  while (!queue_.empty() && !checker_.violation()) {
    const auto happening = queue_.top();
    if (happening.at > stop) break;
    queue_.pop();
    now_ = happening.at;
    checker_.now = now_;
    happen(happening);
  }
}

Report World::run() {
  advance(end_ + kSettle);
  if (!checker_.violation()) settle();
  if (plan_.planned) {
    checker_.all_passed();
    const auto wait = gateway_counters_.longest_wait / microseconds(1);
    if (wait > 1000) checker_.fail(13, "a packet waited for " + text(wait) + " us");
  }
  report_.violation = checker_.violation();
  if (report_.violation) note("stopped");
  report_.at = now_;
  auto& counts = report_.counts;
  const auto& g = gateway_counters_;
  counts["delivered"] = g.delivered;
  counts["sent"] = g.sent;
  counts["held"] = g.held;
  counts["released"] = g.released;
  counts["hold expired"] = g.expired;
  counts["replays refused"] = g.refused;
  counts["forged refused"] = g.forged;
  counts["lease raises"] = g.raises;
  counts["lease lowerings"] = g.lowerings;
  counts["planned moves"] = g.closed;
  counts["buckets opened"] = g.opened;
  return report_;
}

}  // namespace phalanx::simulation
