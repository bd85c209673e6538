// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
//
// What the loader thinks of settings that can be read, one by one, but do not go together. The
// files of wrong_configs/ hold one each of most mistakes; here are the boundaries.
#include <gmock/gmock.h>

#include "config_fixture.hpp"
#include "sample_config.hpp"

namespace phalanx::mgmt {
namespace {

using test::problems_of;
using test::sample_config;
using test::sample_with;
using test::warnings_of;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(ConfigCheck, WarnsOfWhatLooksLikeAMistake) {
  struct Case {
    const char* old_part;
    const char* new_part;
    const char* warning;
  };
  constexpr Case kCases[] = {
      {"out_sa = \"out\";", "",
       "policies[0].out_sa: is missing: packets of this policy are dropped, never sent in clear"},
      {"in_sas = [ \"in\" ];", "", "sas[1]: SA \"in\" is used by no policy"},
      {"routes = ( { to = \"0.0.0.0/0\"; via = \"192.0.2.254\"; } );", "",
       "sas[0].remote: there is no route to \"203.0.113.9\""},
      {"[ \"in\" ]; }",
       "[ \"in\" ]; }, { name = \"x\"; action = \"bypass\"; local = \"10.1.0.7\"; remote = "
       "\"10.2.3.0/24\"; protocol = \"tcp\"; remote_ports = 80; }",
       "policies[1]: the policy is never reached: \"hq\" before it takes all of its packets"},
      {"local = \"10.1.0.0/24\"; remote = \"10.2.0.0/16\"",
       "local = \"2001:db8:a::/64\"; remote = \"2001:db8:b::/64\"", nullptr},
      {"cpu = 1", "cpu = 0",
       "workers[0].cpu: CPU 0 is shared by threads that never sleep: each waits for the others"},
  };
  for (const auto& each : kCases) {
    const auto warnings = warnings_of(sample_with(each.old_part, each.new_part));
    if (each.warning == nullptr) {
      EXPECT_THAT(warnings, IsEmpty()) << each.new_part;
    } else {
      EXPECT_THAT(warnings, testing::Contains(HasSubstr(each.warning))) << each.old_part;
    }
  }
  EXPECT_THAT(warnings_of(sample_config()), IsEmpty());
}

// RFC 8200 5: IPv6 wants 1280 bytes of what carries it, tunnels as well.
TEST(ConfigCheck, RefusesATunnelThatIsTooNarrowForIpv6) {
  const auto v6 = sample_with("local = \"10.1.0.0/24\"; remote = \"10.2.0.0/16\"",
                              "local = \"2001:db8:a::/64\"; remote = \"2001:db8:b::/64\"");
  // 20 IP + 8 ESP + 8 IV + 16 ICV, payload and 2 bytes of trailer in whole words (RFC 4303 2.4):
  // 1336 leaves 1284 - 2 = 1282 bytes, 1332 leaves 1278.
  EXPECT_THAT(warnings_of(test::with(v6, "spi = 0x1001;", "spi = 0x1001; path_mtu = 1336;")),
              IsEmpty());
  EXPECT_THAT(problems_of(test::with(v6, "spi = 0x1001;", "spi = 0x1001; path_mtu = 1332;")),
              ElementsAre(AllOf(HasSubstr("SA \"out\" leaves 1278 bytes for an IPv6 packet"),
                                HasSubstr("path_mtu of the SA 1336 or more"))));
  EXPECT_THAT(problems_of(test::with(v6, "role = \"public\";", "role = \"public\"; mtu = 1300;")),
              ElementsAre(AllOf(HasSubstr("SA \"out\" leaves 1246 bytes for an IPv6 packet"),
                                HasSubstr("mtu of port \"wan\" 1336 or more"))));
  // IPv4 senders believe any MTU.
  EXPECT_THAT(warnings_of(sample_with("spi = 0x1001;", "spi = 0x1001; path_mtu = 576;")),
              IsEmpty());
}

// A packet that came out of an SA is compared with all policies that name it.
TEST(ConfigCheck, BoundsThePoliciesOfAnInboundSa) {
  const auto with_policies = [](std::size_t count) {
    std::string more;
    for (std::size_t i = 1; i < count; ++i) {
      more += "[ \"in\" ]; }, { name = \"p" + std::to_string(i) +
              "\"; action = \"protect\"; local = \"10.1.0.0/24\"; remote = \"10.3." +
              std::to_string(i % 256) + "." + std::to_string(i / 256) +
              "/32\"; out_sa = \"out\"; in_sas = ";
    }
    return sample_with("[ \"in\" ]; }", more + "[ \"in\" ]; }");
  };
  EXPECT_THAT(warnings_of(with_policies(256)), IsEmpty());
  EXPECT_THAT(problems_of(with_policies(258)),
              ElementsAre(HasSubstr("policies[256].in_sas: 256 policies name SA \"in\" already")));
}

TEST(ConfigCheck, ShadowsOnlyWhatOnePolicyTakesWhole) {
  const auto with_second = [](const std::string& second) {
    return warnings_of(sample_with("[ \"in\" ]; }", "[ \"in\" ]; }, { name = \"x\"; " + second +
                                                        " }, { name = \"y\"; action = \"discard\"; "
                                                        "local = \"10.0.0.0/8\"; remote = "
                                                        "\"10.0.0.0/8\"; }"));
  };
  EXPECT_THAT(
      with_second("action = \"bypass\"; local = \"10.1.0.0/23\"; remote = \"10.2.0.0/16\";"),
      IsEmpty());
  EXPECT_THAT(
      with_second("action = \"bypass\"; local = \"10.1.0.0/24\"; remote = \"10.3.0.0/16\";"),
      IsEmpty());
  EXPECT_THAT(with_second("action = \"bypass\"; local = \"0.0.0.0/0\"; remote = \"0.0.0.0/0\";"),
              ElementsAre(HasSubstr("policies[2]: the policy is never reached: \"x\"")));
}

TEST(ConfigCheck, RefusesOneOutboundSpiTwiceToOnePeer) {
  const auto second = [](const std::string& remote) {
    return problems_of(sample_with("sas = (",
                                   "sas = ( { name = \"o2\"; direction = \"out\"; spi = 0x1001; "
                                   "local = \"192.0.2.1\"; remote = \"" +
                                       remote +
                                       "\"; algorithm = \"aes128gcm16\"; key = "
                                       "\"606162636465666768696a6b6c6d6e6f70717273\"; },"));
  };
  EXPECT_THAT(second("203.0.113.9"), ElementsAre(HasSubstr("sas[1].spi: is the SPI of SA \"o2\"")));
  EXPECT_THAT(second("203.0.113.10"), IsEmpty());
}

}  // namespace
}  // namespace phalanx::mgmt
