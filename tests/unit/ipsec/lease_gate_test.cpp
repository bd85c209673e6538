// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/ipsec/lease_gate.hpp"

#include <gtest/gtest.h>

namespace phalanx::ipsec {
namespace {

TEST(LeaseGate, AllowsNumbersUpToTheLimitOnly) {
  LeaseGate gate;
  EXPECT_FALSE(gate.allows(1));
  gate.publish(10, 5);
  EXPECT_TRUE(gate.allows(10));
  EXPECT_FALSE(gate.allows(11));
}

TEST(LeaseGate, AsksOncePerPublicationFromTheMarkOn) {
  LeaseGate gate;
  gate.publish(10, 5);
  EXPECT_FALSE(gate.wants_raise(4));
  EXPECT_TRUE(gate.wants_raise(5));
  EXPECT_FALSE(gate.wants_raise(6));
  gate.publish(20, 15);
  EXPECT_FALSE(gate.wants_raise(14));
  EXPECT_TRUE(gate.wants_raise(21));
}

// A busy SA asks at 10, is raised, falls silent and is lowered to 10 again: its next packet has to
// ask again, or it would be held for good.
TEST(LeaseGate, AsksAgainForALimitThatWasPublishedBefore) {
  LeaseGate gate;
  gate.publish(10, 10);
  EXPECT_TRUE(gate.wants_raise(10));
  gate.publish(1000, 500);
  gate.publish(10, 10);
  EXPECT_FALSE(gate.allows(11));
  EXPECT_TRUE(gate.wants_raise(11));
  EXPECT_FALSE(gate.wants_raise(12));
}

}  // namespace
}  // namespace phalanx::ipsec
