// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/base/result.hpp"
#include "phalanx/control/cluster_service.hpp"
#include "phalanx/control/control_loop.hpp"
#include "phalanx/control/key_registry.hpp"
#include "phalanx/control/lease_service.hpp"
#include "phalanx/control/state_store.hpp"
#include "phalanx/control/supervisor.hpp"
#include "phalanx/dataplane/dataplane.hpp"
#include "phalanx/dpdk/eal.hpp"
#include "phalanx/mgmt/command_server.hpp"
#include "phalanx/mgmt/config.hpp"
#include "phalanx/mgmt/telemetry.hpp"

namespace phalanx {

// What the operator says on the command line about the past.
struct NewState {
  bool state = false;    // --new-state
  bool cluster = false;  // --new-cluster
};

// The composition root: makes every part in the order in which they need each other, runs the
// control loop on the calling thread, and takes them down in reverse.
//
//   state locked and looked at -> EAL -> devices -> boot raised, on disk -> leases, keys, SAs
//   -> tables -> workers -> management -> privileges dropped -> control loop until stop
//
// Boots are few and nonces hang on them: what usually goes wrong, goes wrong before one is counted.
class Gateway {
 public:
  // eal_extra: arguments for EAL from the command line.
  static base::Result<std::unique_ptr<Gateway>, std::string> start(
      mgmt::Config config, const NewState& wanted, const std::vector<std::string>& eal_extra);
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // Returns when `stop` is set, or (false) when this node of a cluster must be started again. Main
  // thread.
  [[nodiscard]] bool run(const std::atomic<bool>& stop);
  // Workers drain, leases become exact, buffers are counted. False: something was lost on the way.
  [[nodiscard]] bool shutdown();

 private:
  using Status = base::Result<base::Ok, std::string>;

  explicit Gateway(mgmt::Config config);
  Status claim(const NewState& wanted);
  Status check_past(const NewState& wanted);
  Status count_boot();
  Status open_cluster(const NewState& wanted);
  Status open_leases();
  Status start_eal(const std::vector<std::string>& extra);
  Status install_sas();
  Status start_management();
  Status start_workers();
  [[nodiscard]] bool close_leases();
  void hand_over();

  mgmt::Config config_;
  base::SteadyClock clock_;
  control::Supervisor supervisor_;
  std::shared_ptr<control::StateDir> state_dir_;  // locked
  control::StateOptions state_options_;
  std::unique_ptr<control::StateStore> state_;
  std::unique_ptr<dpdk::Eal> eal_;
  std::unique_ptr<control::KeyRegistry> keys_;
  std::vector<control::KeyRegistry::Use> key_uses_;  // by SA
  std::unique_ptr<dataplane::Dataplane> dataplane_;
  std::unique_ptr<control::LeaseService> leases_;     // alone
  std::unique_ptr<control::ClusterService> cluster_;  // in a cluster
  std::vector<control::LeaseSpec> specs_;
  bool leases_open_ = false;  // not made exact yet
  std::unique_ptr<control::ControlLoop> loop_;
  std::unique_ptr<mgmt::Telemetry> telemetry_;
  std::unique_ptr<mgmt::CommandServer> commands_;
};

}  // namespace phalanx
