// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/base/ids.hpp"
#include "phalanx/cluster/types.hpp"
#include "phalanx/dataplane/dataplane.hpp"

namespace phalanx::control {

// The workers' part in planned moves between nodes (docs/cluster-protocol.md): lets them note what
// they send of a bucket that leaves, and hold what comes for one that arrives, and says when all of
// them do. Control thread.
class MoveKeeper {
 public:
  // Workers do what was asked for, all of them.
  using Ready = std::function<void(base::BucketIndex)>;
  MoveKeeper(dataplane::Dataplane& dataplane, base::Duration hold_for, Ready ready);

  // MoveWanted and MoveComing. Repeated while the move is under way.
  void note(base::BucketIndex bucket, base::TimePoint now);
  void expect(base::BucketIndex bucket, base::TimePoint now);
  [[nodiscard]] bool expects(base::BucketIndex bucket) const noexcept;
  // The bucket is about to be ours: `passed` is what its last owner noted.
  void arrived(base::BucketIndex bucket, std::vector<std::uint64_t> passed);
  // It was assigned: what was held may go.
  void release(base::BucketIndex bucket, base::TimePoint now);
  // No worker has the bucket any more: what was noted of it.
  [[nodiscard]] std::vector<std::uint64_t> left(base::BucketIndex bucket);
  // It will not come or go.
  void forget(base::BucketIndex bucket);
  void step(base::TimePoint now);

  // That each worker has dealt with all it had received at some time.
  struct Drain {
    base::TimePoint since{};
    std::vector<std::uint64_t> emptied;  // how often its queues had been, by worker
  };
  [[nodiscard]] Drain start_drain(base::TimePoint now) const;
  [[nodiscard]] bool is_drained(const Drain& drain, base::TimePoint now) const;

 private:
  using Phase = dataplane::NodeMoves::Phase;
  struct Move {
    Phase phase = Phase::None;
    base::TimePoint asked{};     // last
    std::optional<Drain> drain;  // waited for before packets are held
    std::uint64_t token = 0;     // quiescence that is waited for
    bool waiting = false;
    std::vector<std::uint64_t> noted;
  };
  void begin(base::BucketIndex bucket, Phase phase, base::TimePoint now);
  void enter(base::BucketIndex bucket, Move& move);
  void collect();

  dataplane::Dataplane& dataplane_;
  dataplane::NodeMoves& moves_;
  base::Duration hold_for_;
  Ready ready_;
  std::map<base::BucketIndex, Move> moving_;
  std::map<base::BucketIndex, Drain> arrived_;  // assigned to us
  std::map<base::BucketIndex, std::unique_ptr<dataplane::PassedPackets>> passed_;
  // Replaced; freed when no worker looks at them any more.
  std::vector<std::pair<std::uint64_t, std::unique_ptr<dataplane::PassedPackets>>> retired_;
};

// Digests as a closing record carries them, eight bytes each; no more than a record holds.
[[nodiscard]] cluster::Bytes write_passed(const std::vector<std::uint64_t>& digests);
[[nodiscard]] std::vector<std::uint64_t> parse_passed(const cluster::Bytes& bytes);

}  // namespace phalanx::control
