// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dataplane/spd_classifier.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <random>

#include "eal_for_tests.hpp"

namespace phalanx::dataplane {
namespace {

// Few distinct values, so that random packets hit random policies often.
net::IpAddress random_address(std::mt19937_64& random, net::Family family) {
  net::IpAddress address;
  address.family = family;
  for (std::size_t i = 0; i < address.size(); ++i) {
    address.bytes[i] = static_cast<std::uint8_t>(random() % 3 == 0 ? random() % 4 : 1);
  }
  return address;
}

ipsec::PortRange random_ports(std::mt19937_64& random) {
  if (random() % 2 == 0) return {};
  const auto low = static_cast<std::uint16_t>(random() % 8);
  return {low, static_cast<std::uint16_t>(low + random() % 4)};
}

ipsec::Policy random_policy(std::mt19937_64& random) {
  const auto family = random() % 2 == 0 ? net::Family::V4 : net::Family::V6;
  const unsigned bits = family == net::Family::V4 ? 32 : 128;
  ipsec::Policy policy;
  policy.action = static_cast<ipsec::PolicyAction>(random() % 3);
  policy.selector.local = net::make_prefix(random_address(random, family),
                                           static_cast<std::uint8_t>(random() % (bits + 1)));
  policy.selector.remote = net::make_prefix(random_address(random, family),
                                            static_cast<std::uint8_t>(random() % (bits + 1)));
  constexpr std::array<std::uint8_t, 4> kProtocols = {0, 1, 6, 17};
  policy.selector.protocol = kProtocols[random() % kProtocols.size()];
  if (policy.selector.protocol == 6 || policy.selector.protocol == 17) {
    policy.selector.local_ports = random_ports(random);
    policy.selector.remote_ports = random_ports(random);
  }
  return policy;
}

ipsec::FlowKey random_key(std::mt19937_64& random) {
  const auto family = random() % 2 == 0 ? net::Family::V4 : net::Family::V6;
  ipsec::FlowKey key;
  key.family = static_cast<std::uint8_t>(family);
  key.source = random_address(random, family).bytes;
  key.destination = random_address(random, family).bytes;
  constexpr std::array<std::uint8_t, 4> kProtocols = {1, 6, 17, 50};
  key.protocol = kProtocols[random() % kProtocols.size()];
  if ((key.protocol == 6 || key.protocol == 17) && random() % 5 != 0) {
    key.has_ports = 1;
    key.source_port = static_cast<std::uint16_t>(random() % 10);
    key.destination_port = static_cast<std::uint16_t>(random() % 10);
  }
  return key;
}

TEST(SpdClassifier, AnswersAsTheOrderedSpdDoes) {
  need_eal();
  std::mt19937_64 random(20260901);
  unsigned decided = 0;
  for (int round = 0; round < 25; ++round) {
    std::vector<ipsec::Policy> policies(1 + random() % 40);
    for (auto& policy : policies) policy = random_policy(random);
    const auto classifier = SpdClassifier::create(policies);
    ASSERT_TRUE(classifier.ok()) << classifier.error();
    const ipsec::Spd spd(policies);
    for (int i = 0; i < 4000; ++i) {
      const auto key = random_key(random);
      const auto outbound = classifier->lookup(ipsec::Direction::Outbound, key);
      ASSERT_EQ(outbound, spd.lookup_outbound(key)) << "round " << round << " packet " << i;
      ASSERT_EQ(classifier->lookup(ipsec::Direction::Inbound, key), spd.lookup_inbound(key));
      decided += outbound != ipsec::Spd::kNoPolicy ? 1 : 0;
    }
  }
  // The comparison means something only if policies do match.
  EXPECT_GT(decided, 10000U);
}

TEST(SpdClassifier, KnowsNoPolicyOfAnotherFamily) {
  need_eal();
  ipsec::Policy policy;
  policy.selector.local = *net::parse_prefix("0.0.0.0/0");
  policy.selector.remote = *net::parse_prefix("0.0.0.0/0");
  const auto classifier = SpdClassifier::create({&policy, 1});
  ASSERT_TRUE(classifier.ok());
  ipsec::FlowKey key;
  key.protocol = 1;
  EXPECT_EQ(classifier->lookup(ipsec::Direction::Outbound, key), 0U);
  key.family = 6;
  EXPECT_EQ(classifier->lookup(ipsec::Direction::Outbound, key), ipsec::Spd::kNoPolicy);
}

}  // namespace
}  // namespace phalanx::dataplane
