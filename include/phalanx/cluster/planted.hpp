// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>

namespace phalanx::cluster {

// Mistakes that the simulator must be able to find. Only a build with PHALANX_PLANTED_BUGS (a test
// target, never the daemon) can commit them; everywhere else planted() is a constant false and the
// compiler drops the branch. docs/cluster-simulation.md says which invariant catches each.
enum class Bug : std::uint8_t {
  None,
  FloorEqualsLease,
  UseBeforeAcknowledgement,
  DuplicateAcknowledgementCounted,
  RestartedVoterKeepsCounting,
  WitnessStoresNothing,
  AcknowledgementAfterFreeze,
  LevelToShortest,
  ImpliedLeaseIgnored,
  OlderStreamAcknowledged,
  AllocationUsedOnReceipt,
  LowerTermAccepted,
  OwnerWithoutPrefixes,
  BuildOnCommittedOnly,
  LevelledCountingItself,
  OldBootCounted,
  MasterDoesNotFreezeItself,
  VoteWithoutBoot,
  LateAcknowledgementRaises,
  ServeAgainAfterClosing,
  FrozenVoterIsContact,
  AllocationWithoutPrefixes,
  FreezeStallsAllStreams,
  SnapshotBeatsTombstone,
  EqualBootOtherNonce,
  LevellingAcknowledges,
  HeartbeatIsLife,
  BootWrittenLate,
  FloorFromLastOwnerOnly,
  LeasesMergedByMaximum,
  LowerVersionAccepted,
  SettledTooEarly,
  FrozenNodeForgets,
  VotersChangedUnlevelled,
  ColdStartForgetsLeases,
  DiskLeaseIgnored,
  DiskLeaseLoweredBlindly,
};

#ifdef PHALANX_PLANTED_BUGS
// The one mistake of this run. Set before the first Node exists; read everywhere.
inline Bug planted_bug = Bug::None;
[[nodiscard]] inline bool planted(Bug bug) noexcept {
  return planted_bug == bug;
}
#else
[[nodiscard]] constexpr bool planted(Bug) noexcept {
  return false;
}
#endif

}  // namespace phalanx::cluster
