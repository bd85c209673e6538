// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "witness.hpp"

#include <chrono>
#include <utility>

#include "phalanx/base/log.hpp"
#include "phalanx/control/process.hpp"

namespace phalanx {
namespace {

using namespace std::chrono_literals;
using cluster::EventKind;

constexpr const char* kComponent = "witness";
// The core wants to be called at least every millisecond.
constexpr auto kLongestWait = 500us;

std::string text(base::NodeId node) {
  return std::to_string(node.value());
}

}  // namespace

base::Result<std::unique_ptr<Witness>, std::string> Witness::start(
    mgmt::WitnessConfig config, const control::ClusterBeginning& beginning) {
  std::unique_ptr<Witness> witness(new Witness(std::move(config)));
  // What may fail for reasons outside comes before a boot is counted.
  auto port = control::SocketPort::open(witness->config_.cluster, witness->config_.node.id);
  if (!port) return port.error();
  witness->port_ = std::move(*port);
  if (auto done = witness->open_state(beginning); !done) return done.error();
  if (auto done = witness->open_cluster(beginning); !done) return done.error();
  if (auto done = control::drop_privileges(witness->config_.node.user); !done) return done.error();
  base::log_info(kComponent, "is ready");
  witness->supervisor_.ready("votes");
  return witness;
}

Witness::Status Witness::open_state(const control::ClusterBeginning& beginning) {
  const auto& node = config_.node;
  control::StateOptions options;
  options.node = node.id;
  options.new_state = beginning.new_state || beginning.new_cluster;
  options.machine = control::this_machine();
  auto dir =
      control::open_state_dir(node.state_dir, options.new_state, control::owner_of(node.user));
  if (!dir) return dir.error().message;
  dir_ = std::move(*dir);
  if (beginning.new_cluster && control::is_of_cluster(*dir_)) {
    return "state directory " + node.state_dir +
           " is that of a member that was started before; --new-cluster is for a cluster that "
           "never was";
  }
  auto state = control::StateStore::open(dir_, options);
  if (!state) return state.error().message;
  if (!state->notice().empty()) base::log_warn(kComponent, state->notice());
  state_ = std::make_unique<control::StateStore>(std::move(*state));
  base::log_info(kComponent, "starts node=" + text(node.id) +
                                 " boot=" + std::to_string(state_->identity().boot.value()) +
                                 " name=" + node.name);
  return base::Ok{};
}

Witness::Status Witness::open_cluster(const control::ClusterBeginning& beginning) {
  file_ = std::make_unique<control::ClusterStateFile>(dir_, *state_);
  auto disk = control::begin_cluster(config_.cluster, *file_, *state_, beginning);
  if (!disk) return disk.error();
  roster_file_ = std::make_unique<control::RosterFile>(dir_, *state_);
  auto roster = control::begin_roster(*roster_file_, beginning, *disk, config_.node.id);
  if (!roster) return roster.error();
  auto leases = control::DiskLeaseStore::open(state_->take_leases());
  if (!leases) return leases.error().message;
  leases_ = std::move(*leases);
  auto hooks = control::driver_hooks(*file_, *roster_file_, *leases_);
  hooks.event = [this](const cluster::Event& event, base::TimePoint) { on_event(event); };
  driver_ = std::make_unique<control::ClusterDriver>(
      config_.cluster, control::core_config(config_.cluster, *state_, cluster::Duty::Witness),
      *disk, leases_->found(), *roster, *port_, crypto_, std::move(hooks), clock_.now());
  return base::Ok{};
}

bool Witness::run(const std::atomic<bool>& stop) {
  while (!stop.load(std::memory_order_relaxed)) {
    const auto found = driver_->poll(clock_.now());
    if (driver_->stats().failed) end("the state directory refuses writes");
    if (left_) break;
    if (over_) return false;
    supervisor_.alive(clock_.now());
    if (found == 0) port_->wait(kLongestWait);
  }
  base::log_info(kComponent, "stops");
  supervisor_.stopping();
  return true;
}

// A witness owns no bucket and has no SA: other events are none of its business.
void Witness::on_event(const cluster::Event& event) {
  if (event.kind == EventKind::Admitted) {
    base::log_info(kComponent, "is admitted");
  } else if (event.kind == EventKind::Levelled) {
    base::log_info(kComponent, "is a voter now");
  } else if (event.kind == EventKind::MasterChanged) {
    base::log_info(kComponent, "the master is node=" + text(event.node));
  } else if (event.kind == EventKind::StreamFrozen) {
    base::log_warn(kComponent, "the others have given up on this witness");
  } else if (event.kind == EventKind::ColdStarted) {
    base::log_warn(kComponent, "a new generation begins: nobody remembered the one before");
  } else if (event.kind == EventKind::Superseded) {
    end("a newer boot of this witness, or a newer generation of the cluster, exists");
  } else if (event.kind == EventKind::Left) {
    base::log_info(kComponent, "has left the cluster, as it was told to");
    left_ = true;
  } else if (event.kind == EventKind::BootRefused) {
    end("node " + text(config_.node.id) +
        " is another machine's: two machines must not have one id");
  }
}

void Witness::end(const std::string& why) {
  if (std::exchange(over_, true)) return;
  base::log_error(kComponent, "must be started again: " + why);
}

}  // namespace phalanx
