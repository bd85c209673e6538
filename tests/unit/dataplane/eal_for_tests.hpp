// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "phalanx/dpdk/eal.hpp"

namespace phalanx::dataplane {

// rte_acl, rte_fib and rte_hash want DPDK's allocator: an environment without hugepages, devices or
// files, started once by the first test that needs it. Lcore 1 is for a worker, on the same CPU.
inline void need_eal() {
  static const bool started = [] {
    auto eal = dpdk::Eal::start({"dataplane_test", "--no-huge", "--no-shconf", "--no-pci",
                                 "--no-telemetry", "-m", "256", "--lcores", "0@0,1@0",
                                 "--log-level", "lib.eal:error", "--file-prefix",
                                 "phalanx-test-" + std::to_string(::getpid())});
    if (!eal) return false;
    static const dpdk::Eal keep = std::move(*eal);
    return true;
  }();
  ASSERT_TRUE(started) << "the DPDK environment did not start";
}

}  // namespace phalanx::dataplane
