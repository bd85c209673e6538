// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dataplane/fib.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "eal_for_tests.hpp"

namespace phalanx::dataplane {
namespace {

TEST(Fib, TakesTheLongestPrefixOfBothFamilies) {
  need_eal();
  std::vector<RouteTarget> targets(4);
  for (std::uint8_t i = 0; i < 4; ++i) targets[i].port = i;
  const std::vector<Route> routes = {
      {*net::parse_prefix("0.0.0.0/0"), 0},     {*net::parse_prefix("10.0.0.0/8"), 1},
      {*net::parse_prefix("10.1.2.0/25"), 2},   {*net::parse_prefix("10.1.2.3"), 3},
      {*net::parse_prefix("2001:db8::/32"), 1}, {*net::parse_prefix("2001:db8:1::/64"), 2},
      {*net::parse_prefix("2001:db8:1::7"), 3},
  };
  const auto fib = Fib::create(routes, targets);
  ASSERT_TRUE(fib.ok()) << fib.error();
  const struct {
    const char* address;
    int port;  // -1: no route
  } cases[] = {
      {"192.0.2.1", 0},     {"10.255.0.1", 1},    {"10.1.2.127", 2},
      {"10.1.2.128", 1},    {"10.1.2.3", 3},      {"2001:db8:2::1", 1},
      {"2001:db8:1::8", 2}, {"2001:db8:1::7", 3}, {"2001:db9::1", -1},
  };
  for (const auto& row : cases) {
    const auto number = fib->lookup(*net::parse_ip(row.address));
    if (row.port < 0) {
      EXPECT_EQ(number, Fib::kNoRoute) << row.address;
    } else {
      ASSERT_NE(number, Fib::kNoRoute) << row.address;
      EXPECT_EQ(fib->target(number).port, row.port) << row.address;
    }
  }
}

TEST(Fib, WithoutRoutesOfAFamilyHasNone) {
  need_eal();
  const std::vector<Route> routes = {{*net::parse_prefix("10.0.0.0/8"), 0}};
  const auto fib = Fib::create(routes, std::vector<RouteTarget>(1));
  ASSERT_TRUE(fib.ok()) << fib.error();
  EXPECT_EQ(fib->lookup(*net::parse_ip("2001:db8::1")), Fib::kNoRoute);
  EXPECT_NE(fib->lookup(*net::parse_ip("10.0.0.1")), Fib::kNoRoute);
}

}  // namespace
}  // namespace phalanx::dataplane
