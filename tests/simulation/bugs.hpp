// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <string_view>

#include "phalanx/cluster/planted.hpp"

namespace phalanx::simulation {

// In the order of cluster::Bug.
inline constexpr std::array<std::string_view, 37> kBugNames{
    "none",
    "floor-equals-lease",
    "use-before-acknowledgement",
    "duplicate-acknowledgement",
    "restarted-voter-counts",
    "witness-stores-nothing",
    "acknowledgement-after-freeze",
    "level-to-shortest",
    "implied-lease-ignored",
    "older-stream-acknowledged",
    "allocation-used-on-receipt",
    "rule-3-lower-term",
    "rule-2-owner-without-prefixes",
    "rule-4-build-on-committed",
    "rule-5-levelled-by-itself",
    "rule-6-old-boot-counted",
    "rule-7-master-not-frozen-first",
    "rule-8-vote-without-boot",
    "rule-11-late-acknowledgement-raises",
    "rule-12-serve-after-closing",
    "frozen-voter-is-contact",
    "allocation-without-prefixes",
    "freeze-stalls-all",
    "snapshot-beats-tombstone",
    "equal-boot-other-nonce",
    "rule-9-levelling-acknowledges",
    "heartbeat-is-life",
    "boot-written-late",
    "floor-from-last-owner-only",
    "leases-by-maximum",
    "lower-version-accepted",
    "rule-1-settled-too-early",
    "rule-10-frozen-node-forgets",
    "voters-changed-unlevelled",
    "cold-start-forgets-leases",
    "disk-lease-ignored",
    "disk-lease-lowered-blindly",
};
static_assert(static_cast<std::size_t>(cluster::Bug::DiskLeaseLoweredBlindly) ==
              kBugNames.size() - 1);

}  // namespace phalanx::simulation
