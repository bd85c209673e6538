// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "gateway.hpp"

#include <chrono>
#include <cstring>
#include <random>
#include <thread>
#include <utility>

#include "eal_setup.hpp"
#include "phalanx/base/log.hpp"
#include "phalanx/control/process.hpp"
#include "phalanx/mgmt/commands.hpp"
#include "phalanx/mgmt/config_loader.hpp"
#include "phalanx/mgmt/views.hpp"
#include "phalanx/mgmt/views_cluster.hpp"

namespace phalanx {
namespace {

using namespace std::chrono_literals;

// How long the disk may take to write the exact leases when the gateway stops.
constexpr auto kCloseLimit = 700ms;
// The control thread's rest when it found nothing to do: short enough for a handshake of neighbor
// discovery, long enough to leave a shared CPU to the workers.
constexpr auto kControlRest = 100us;
// How long a node that stops waits until others have its buckets: half a second, usually.
constexpr std::int64_t kHandOverHeartbeats = 50;

std::uint64_t unpredictable() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

std::string command_socket(const mgmt::Config& config) {
  return config.node.run_dir + "/control.sock";
}

std::string describe(const ipsec::SaStoreFailure& failure, const mgmt::Config& config) {
  const auto name_at = [&](const auto& list) {
    return failure.position < list.size() ? " " + list[failure.position].name : std::string();
  };
  const bool policy = failure.error == ipsec::SaStoreError::BadPolicy;
  return (policy ? "policy" + name_at(config.policies) : "SA" + name_at(config.sas)) + " " +
         ipsec::to_string(failure.error);
}

}  // namespace

Gateway::Gateway(mgmt::Config config) : config_(std::move(config)) {}

base::Result<std::unique_ptr<Gateway>, std::string> Gateway::start(
    mgmt::Config config, const NewState& wanted, const std::vector<std::string>& eal_extra) {
  std::unique_ptr<Gateway> gateway(new Gateway(std::move(config)));
  if (auto done = gateway->claim(wanted); !done) return done.error();
  if (auto done = gateway->start_eal(eal_extra); !done) return done.error();
  auto dataplane = dataplane::Dataplane::open(gateway->config_.dataplane, gateway->clock_);
  if (!dataplane) return dataplane.error();
  gateway->dataplane_ = std::move(*dataplane);
  if (auto done = gateway->count_boot(); !done) return done.error();
  if (auto done = gateway->open_cluster(wanted); !done) return done.error();
  if (auto done = gateway->install_sas(); !done) return done.error();
  auto& parts = *gateway;
  auto& leases = parts.cluster_ ? static_cast<control::SequenceLeases&>(*parts.cluster_)
                                : static_cast<control::SequenceLeases&>(*parts.leases_);
  std::vector<std::string> sa_names;
  for (const auto& sa : parts.config_.sas) sa_names.push_back(sa.name);
  parts.loop_ = std::make_unique<control::ControlLoop>(*parts.dataplane_, leases, parts.clock_,
                                                       unpredictable(), std::move(sa_names));
  if (parts.cluster_) {
    parts.loop_->set_cluster_frames(
        [cluster = parts.cluster_.get()](base::PortIndex port, std::span<const std::byte> frame) {
          cluster->take_frame(port, frame);
        });
    parts.loop_->set_answers(
        [cluster = parts.cluster_.get()](const auto& asker, const auto& address) {
          return cluster->answers(asker, address);
        });
    if (parts.config_.cluster.hands_on()) {
      parts.loop_->set_receives([cluster = parts.cluster_.get()](const net::IpAddress& address) {
        return cluster->announces(address);
      });
      parts.cluster_->set_announce(
          [loop = parts.loop_.get()](base::TimePoint now) { loop->announce_all(now); });
    }
  }
  auto routed = parts.loop_->install_routes(parts.config_.dataplane.routes,
                                            parts.config_.dataplane.neighbors, parts.config_.sas);
  if (!routed) return routed.error();
  if (auto done = parts.start_workers(); !done) return done.error();
  if (auto done = parts.start_management(); !done) return done.error();
  if (auto dropped = control::drop_privileges(parts.config_.node.user); !dropped)
    return dropped.error();
  const auto sizes = "workers=" + std::to_string(parts.dataplane_->num_workers()) +
                     " sas=" + std::to_string(parts.config_.sas.size());
  base::log_info("phalanxd", "is ready " + sizes);
  parts.supervisor_.ready(sizes);
  return gateway;
}

// What another daemon may hold, and what an operator may have to put right: before any device is
// touched and before a boot is counted.
Gateway::Status Gateway::claim(const NewState& wanted) {
  if (auto free = mgmt::CommandServer::check(command_socket(config_)); !free) return free;
  const bool new_state = wanted.state || wanted.cluster;
  auto dir = control::open_state_dir(config_.node.state_dir, new_state,
                                     control::owner_of(config_.node.user));
  if (!dir) return dir.error().message;
  state_dir_ = std::move(*dir);
  state_options_.node = config_.node.id;
  state_options_.new_state = new_state;
  state_options_.machine = control::this_machine();
  auto usable = control::StateStore::check(state_dir_, state_options_);
  if (!usable) return usable.error().message;
  return check_past(wanted);
}

// What the directory of a gateway alone and that of a node of a cluster do not tell each other.
Gateway::Status Gateway::check_past(const NewState& wanted) {
  const bool clustered = config_.cluster.enabled();
  const auto dir = "state directory " + config_.node.state_dir;
  if (wanted.cluster && !clustered) return std::string("--new-cluster needs a cluster section");
  if (wanted.cluster && control::is_of_cluster(*state_dir_)) {
    return dir +
           " is that of a member that was started before; --new-cluster is for a cluster that "
           "never was";
  }
  if (!clustered && !wanted.state && control::is_of_cluster(*state_dir_)) {
    return dir +
           " is that of a node of a cluster, whose numbers it does not know: give all SAs new "
           "keys and start with --new-state";
  }
  return base::Ok{};
}

Gateway::Status Gateway::count_boot() {
  auto state = control::StateStore::open(state_dir_, state_options_);
  if (!state) return state.error().message;
  if (!state->notice().empty()) base::log_warn("state", state->notice());
  if (state_options_.new_state && control::is_of_cluster(*state_dir_)) {
    const auto forgotten = control::forget_cluster(*state_dir_);
    if (!forgotten) return "the cluster cannot be forgotten: " + to_string(forgotten.error());
  }
  state_ = std::make_unique<control::StateStore>(std::move(*state));
  base::log_info("phalanxd", "starts node=" + std::to_string(config_.node.id.value()) +
                                 " boot=" + std::to_string(state_->identity().boot.value()) +
                                 " name=" + config_.node.name);
  return base::Ok{};
}

Gateway::Status Gateway::start_eal(const std::vector<std::string>& extra) {
  auto eal = dpdk::Eal::start(eal_arguments(config_, extra));
  if (!eal) {
    // EAL's own lines say more; its error number often says "Permission denied" for this.
    constexpr auto kHint = " (eal.hugepages needs reserved pages: sysctl vm.nr_hugepages)";
    return eal.error() + (config_.eal.hugepages ? kHint : "");
  }
  eal_ = std::make_unique<dpdk::Eal>(std::move(*eal));
  return base::Ok{};
}

Gateway::Status Gateway::open_cluster(const NewState& wanted) {
  if (!config_.cluster.enabled()) return base::Ok{};
  control::ClusterService::Setup setup;
  setup.config = &config_.cluster;
  setup.dir = state_dir_;
  setup.state = state_.get();
  setup.dataplane = dataplane_.get();
  setup.new_state = wanted.state;
  setup.new_cluster = wanted.cluster;
  auto cluster = control::ClusterService::open(setup, clock_.now());
  if (!cluster) return cluster.error();
  cluster_ = std::move(*cluster);
  return base::Ok{};
}

Gateway::Status Gateway::open_leases() {
  if (cluster_) return base::Ok{};
  auto& quiescence = dataplane_->quiescence();
  auto leases = control::LeaseService::open(
      state_->take_leases(), specs_,
      {[&quiescence] { return quiescence.start(); },
       [&quiescence](std::uint64_t token) { return quiescence.passed(token); }},
      clock_.now());
  if (!leases) return leases.error().message;
  leases_ = std::move(*leases);
  leases_open_ = true;
  return base::Ok{};
}

Gateway::Status Gateway::install_sas() {
  net::BucketHash::Key birth_key;
  const auto& born = cluster_ ? config_.cluster.birth_key : state_->identity().birth_key;
  std::memcpy(birth_key.data(), born.data(), birth_key.size());
  dataplane_->set_bucket_key(birth_key);
  if (auto done = dataplane_->set_policies(config_.policies); !done) return done;

  for (const auto& sa : config_.sas) {
    specs_.push_back({{sa.uid, static_cast<cluster::LeaseDirection>(sa.direction)}, sa.esn});
  }
  if (auto opened = open_leases(); !opened) return opened;

  keys_ = control::KeyRegistry::create();
  if (!keys_) return std::string("the system has no random bytes");
  std::vector<ipsec::SaStart> starts(config_.sas.size());
  for (std::size_t i = 0; i < starts.size(); ++i) {
    // In a cluster nothing may be used before a quorum has agreed to it.
    const auto lease = leases_ ? leases_->start(i) : control::LeaseStart{};
    if (lease.exhausted) {
      base::log_error("phalanxd", "the SA has no sequence numbers left, give it new keys sa=" +
                                      config_.sas[i].name);
    }
    auto use = keys_->acquire(config_.sas[i]);
    if (!use) return "SA " + config_.sas[i].name + " has the key of SA " + use.error().holder;
    key_uses_.push_back(std::move(*use));
    starts[i] = {lease.first, lease.limit, lease.raise_at, key_uses_.back().counter()};
  }
  auto sas = ipsec::SaStore::create(config_.sas, config_.policies, starts, config_.node.id,
                                    state_->identity().boot);
  if (!sas) return describe(sas.error(), config_);
  for (std::uint32_t i = 0; i < starts.size() && leases_; ++i) {
    if (auto* in = (*sas)->inbound(i)) leases_->attach(i, control::LeaseSource::of(*in));
    if (auto* out = (*sas)->outbound(i)) leases_->attach(i, control::LeaseSource::of(*out));
  }
  // The keys live expanded in the store now; the configuration's copies are wiped.
  for (auto& sa : config_.sas) {
    sa.key = base::Secret();
    sa.auth_key = base::Secret();
  }
  if (auto set = dataplane_->set_sas(std::move(*sas)); !set) return set;
  if (cluster_) cluster_->attach(specs_, clock_.now());
  return base::Ok{};
}

Gateway::Status Gateway::start_management() {
  auto views = mgmt::make_views(config_, *dataplane_, *loop_);
  if (cluster_) {
    for (auto& view : mgmt::make_cluster_views(config_, *cluster_, *loop_)) {
      views.push_back(std::move(view));
    }
  }
  auto telemetry = mgmt::Telemetry::start(
      std::move(views),
      {{"config", "The configuration, without keys, as JSON.", mgmt::render_redacted(config_)}});
  if (!telemetry) return telemetry.error();
  telemetry_ = std::move(*telemetry);
  auto commands = mgmt::CommandServer::start(command_socket(config_),
                                             mgmt::make_commands(config_, *loop_, cluster_.get()));
  if (!commands) return commands.error();
  commands_ = std::move(*commands);
  return base::Ok{};
}

Gateway::Status Gateway::start_workers() {
  if (auto started = dataplane_->start(unpredictable()); !started) return started;
  loop_->announce_links();
  return base::Ok{};
}

bool Gateway::run(const std::atomic<bool>& stop) {
  while (!stop.load(std::memory_order_relaxed)) {
    if (loop_->poll() == 0) std::this_thread::sleep_for(kControlRest);
    supervisor_.alive(clock_.now());
    if (cluster_ && !cluster_->fatal().empty()) return false;
    if (cluster_ && cluster_->left()) return true;
  }
  hand_over();
  return true;
}

// A node that stops as planned leaves exact windows to the others, if there are others.
void Gateway::hand_over() {
  if (!cluster_ || cluster_->owned() == 0) return;
  cluster_->hand_over();
  const auto limit = config_.cluster.heartbeat_interval * kHandOverHeartbeats;
  for (const auto end = clock_.now() + limit; clock_.now() < end && cluster_->owned() != 0;) {
    if (loop_->poll() == 0) std::this_thread::sleep_for(kControlRest);
  }
}

bool Gateway::shutdown() {
  base::log_info("phalanxd", "stops");
  supervisor_.stopping();
  // Or each client that waits for this thread would hold up the end by a second.
  loop_->end_calls();
  commands_.reset();
  telemetry_.reset();
  dataplane_->stop();
  loop_->shutdown();
  const bool exact = cluster_ != nullptr || close_leases();
  if (!exact) base::log_warn("phalanxd", "the leases are not exact, a restart loses some numbers");
  cluster_.reset();
  dataplane_->close_devices();
  const auto leaked = dataplane_->pool().in_use();
  if (leaked != 0) {
    base::log_error("phalanxd",
                    "packet buffers were not given back leaked=" + std::to_string(leaked));
  } else {
    base::log_info("phalanxd", "has stopped leaked=0");
  }
  return leaked == 0;
}

// Once, after the workers have stopped.
bool Gateway::close_leases() {
  return std::exchange(leases_open_, false) && leases_->close(clock_.now(), kCloseLimit);
}

// Members go in reverse: management before what it shows, SAs before the leases' storage thread
// would be asked again, devices before EAL.
Gateway::~Gateway() {
  if (loop_) loop_->end_calls();
  commands_.reset();
  telemetry_.reset();
  if (dataplane_) dataplane_->stop();
  if (loop_) loop_->shutdown();
  // A start that failed had leases, perhaps workers that used them; not made exact, they are a gap.
  static_cast<void>(close_leases());
  loop_.reset();
  leases_.reset();
  cluster_.reset();
  dataplane_.reset();
}

}  // namespace phalanx
