// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "phalanx/base/clock.hpp"
#include "phalanx/base/result.hpp"
#include "phalanx/control/channel_crypto.hpp"
#include "phalanx/control/cluster_driver.hpp"
#include "phalanx/control/cluster_start.hpp"
#include "phalanx/control/socket_port.hpp"
#include "phalanx/control/supervisor.hpp"
#include "phalanx/mgmt/witness_config.hpp"

namespace phalanx {

// A member that votes and stores what the others promise, and owns nothing: the third party of two
// nodes. One thread.
class Witness {
 public:
  // Locks the state directory and counts the boot. Errors are for the operator.
  [[nodiscard]] static base::Result<std::unique_ptr<Witness>, std::string> start(
      mgmt::WitnessConfig config, const control::ClusterBeginning& beginning);

  // Until `stop` is set, or it has left the cluster: true. False: this boot is over, the log says
  // why.
  [[nodiscard]] bool run(const std::atomic<bool>& stop);

 private:
  using Status = base::Result<base::Ok, std::string>;
  explicit Witness(mgmt::WitnessConfig config) : config_(std::move(config)) {}
  [[nodiscard]] Status open_state(const control::ClusterBeginning& beginning);
  [[nodiscard]] Status open_cluster(const control::ClusterBeginning& beginning);
  void on_event(const cluster::Event& event);
  void end(const std::string& why);

  mgmt::WitnessConfig config_;
  base::SteadyClock clock_;
  control::Supervisor supervisor_;
  control::ChannelCrypto crypto_;
  std::shared_ptr<control::StateDir> dir_;
  std::unique_ptr<control::StateStore> state_;
  std::unique_ptr<control::ClusterStateFile> file_;
  std::unique_ptr<control::RosterFile> roster_file_;
  std::unique_ptr<control::DiskLeaseStore> leases_;
  std::unique_ptr<control::SocketPort> port_;
  std::unique_ptr<control::ClusterDriver> driver_;
  bool over_ = false;
  bool left_ = false;  // the cluster, as it was told to
};

}  // namespace phalanx
