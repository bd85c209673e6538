// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "phalanx/mgmt/config_loader.hpp"

namespace phalanx::mgmt {
namespace {

struct Case {
  std::vector<std::string> arguments;
  std::vector<std::string> problems;  // without the part in parentheses
};

std::vector<std::string> check(const std::vector<std::string>& arguments, bool hugepages = true) {
  Config config;
  config.eal.hugepages = hugepages;
  config.dataplane.ports.emplace_back().name = "wan";
  config.dataplane.ports[0].device = "net_tap0,iface=t0";
  std::vector<std::string> problems;
  for (const auto& each : check_eal_arguments(arguments, config, "command line")) {
    const auto text = to_string(each);
    problems.push_back(text.substr(0, text.find(" (")));
  }
  return problems;
}

TEST(EalArguments, AllowWhatTheConfigLeavesOpen) {
  const std::vector<std::string> allowed[] = {
      {},
      {"--log-level", "lib.eal:debug", "--log-level=8"},
      {"-n", "4", "-n4", "-v", "-vn4", "-r", "2"},
      {"-d", "librte_net_null.so", "-d/usr/lib/dpdk"},
      {"--vdev", "net_null7", "--vdev=net_null8,copy=0"},
      {"--in-memory", "--iova-mode=va", "--iova-mode", "pa", "--no-shconf"},
      {"--huge-unlink", "--huge-unlink=never", "--huge-dir", "/mnt/huge"},
      {"--force-max-simd-bitwidth=512", "--single-file", "--match-alloc"},
  };
  for (const auto& arguments : allowed) {
    EXPECT_THAT(check(arguments), testing::IsEmpty()) << testing::PrintToString(arguments);
  }
}

TEST(EalArguments, RefuseWhatContradictsTheConfig) {
  const Case cases[] = {
      {{"-l", "0-3"}, {"command line: \"-l\" contradicts the config"}},
      {{"-l0-3"}, {"command line: \"-l\" contradicts the config"}},
      {{"-vl", "0"}, {"command line: \"-l\" contradicts the config"}},
      {{"-c", "ff"}, {"command line: \"-c\" contradicts the config"}},
      {{"--lcores=0@0"}, {"command line: \"--lcores\" contradicts the config"}},
      {{"--lc", "0@0"}, {"command line: \"--lcores\" contradicts the config"}},
      {{"--main-lcore", "1"}, {"command line: \"--main-lcore\" contradicts the config"}},
      {{"-S", "1"}, {"command line: \"-S\" contradicts the config"}},
      {{"-m", "512"}, {"command line: \"-m\" contradicts the config"}},
      {{"--socket-mem=512"}, {"command line: \"--socket-mem\" contradicts the config"}},
      {{"--file-prefix", "x"}, {"command line: \"--file-prefix\" contradicts the config"}},
      {{"--file-p=x"}, {"command line: \"--file-prefix\" contradicts the config"}},
      {{"--no-huge"}, {"command line: \"--no-huge\" contradicts the config"}},
      {{"--no-pci"}, {"command line: \"--no-pci\" contradicts the config"}},
      {{"-a", "0000:01:00.0"}, {"command line: \"-a\" contradicts the config"}},
      {{"--block=0000:01:00.0"}, {"command line: \"--block\" contradicts the config"}},
      {{"--proc-type=secondary"}, {"command line: \"--proc-type\" contradicts the config"}},
      {{"--no-telemetry"}, {"command line: \"--no-telemetry\" contradicts the config"}},
      {{"-h"}, {"command line: \"-h\" contradicts the config"}},
      {{"--vdev", "net_tap0"}, {"command line: \"--vdev net_tap0\" is the device of port \"wan\""}},
      {{"--vdev=net_tap0,iface=x"},
       {"command line: \"--vdev net_tap0\" is the device of port \"wan\""}},
      {{"-l", "0", "--no-pci"},
       {"command line: \"-l\" contradicts the config",
        "command line: \"--no-pci\" contradicts the config"}},
  };
  for (const auto& each : cases) {
    EXPECT_EQ(check(each.arguments), each.problems) << testing::PrintToString(each.arguments);
  }
}

TEST(EalArguments, RefuseWhatEalWouldNotUnderstand) {
  const Case cases[] = {
      {{"--no-such"}, {"command line: \"--no-such\" is no EAL option"}},
      {{"-x"}, {"command line: \"-x\" is no EAL option"}},
      {{"stray"}, {"command line: \"stray\" is no EAL option"}},
      {{"--"}, {"command line: \"--\" is no EAL option"}},
      {{"-"}, {"command line: \"-\" is no EAL option"}},
      {{""}, {"command line: \"\" is no EAL option"}},
      {{"--no"}, {"command line: \"--no\" is short for several EAL options"}},
      {{"--log-level"}, {"command line: \"--log-level\" needs a value"}},
      {{"-n"}, {"command line: \"-n\" needs a value"}},
      {{"--legacy-mem=1"}, {"command line: \"--legacy-mem\" takes no value"}},
      // The value of -n, not an option.
      {{"-n", "-l", "0"}, {"command line: \"0\" is no EAL option"}},
  };
  for (const auto& each : cases) {
    EXPECT_EQ(check(each.arguments), each.problems) << testing::PrintToString(each.arguments);
  }
}

TEST(EalArguments, RefuseWhatDoesNotGoWithTheMemoryInUse) {
  for (const std::string option :
       {"--in-memory", "--huge-unlink", "--huge-worker-stack", "--match-allocations"}) {
    EXPECT_THAT(check({option}, true), testing::IsEmpty());
    EXPECT_THAT(
        check({option}, false),
        testing::ElementsAre("command line: \"" + option + "\" does not start without hugepages"));
  }
  EXPECT_THAT(check({"--legacy-mem"}, false), testing::IsEmpty());
  EXPECT_THAT(
      check({"--legacy-mem"}, true),
      testing::ElementsAre("command line: \"--legacy-mem\" does not start with memory of our own"));
}

}  // namespace
}  // namespace phalanx::mgmt
