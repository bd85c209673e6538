// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/mgmt/config_loader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "config_fixture.hpp"
#include "sample_config.hpp"
#include "support/temporary_directory.hpp"

namespace phalanx::mgmt {
namespace {

using test::four_cpus;
using test::lines;
using test::loaded;
using test::problems_of;
using test::sample_config;
using test::sample_with;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(ConfigLoader, KeepsTheDefaultsOfWhatIsLeftOut) {
  const auto config = loaded(sample_config());

  const Config defaults;
  EXPECT_EQ(config.node.id, base::NodeId(1));
  EXPECT_EQ(config.node.state_dir, "/var/lib/phalanx");
  EXPECT_EQ(config.node.user, "");
  EXPECT_FALSE(config.dataplane.tell_discarded);
  EXPECT_EQ(config.eal.memory_mb, defaults.eal.memory_mb);
  EXPECT_TRUE(config.eal.hugepages);
  EXPECT_EQ(config.dataplane.control_cpu, 0);
  EXPECT_FALSE(config.dataplane.idle_sleep.enabled);
  EXPECT_EQ(config.dataplane.limits.mbufs, defaults.dataplane.limits.mbufs);
  ASSERT_EQ(config.dataplane.ports.size(), 2U);
  EXPECT_EQ(config.dataplane.ports[1].mtu, 1500);
  EXPECT_TRUE(config.dataplane.ports[1].mac.is_zero());
  ASSERT_EQ(config.sas.size(), 2U);
  EXPECT_EQ(config.sas[1].replay_window, 64U);
  EXPECT_FALSE(config.sas[0].esn);
  EXPECT_TRUE(config.sas[0].copy_dscp);
  EXPECT_TRUE(config.policies[0].selector.local_ports.any());
}

TEST(ConfigLoader, ReadsEverySettingOfNodeEalThreadsAndLimits) {
  const auto config = loaded(sample_config() + R"(
node = { id = 255; name = "gw-2.x"; state_dir = "/s"; run_dir = "/r"; user = "root";
  tell_discarded = true; };
eal = { memory_mb = 64; hugepages = false; pci = false; file_prefix = "p";
        plugins = [ "/a.so", "/b" ]; extra = [ "--log-level", "8", "-v" ]; };
control = { cpu = 3; };
idle_sleep = { enabled = false; after_empty_polls = 9; sleep_us = 1000; };
limits = { mbufs = 10000; flow_cache_entries = 256; neighbors = 16; neighbor_queue = 1;
           hold_packets = 128; hold_packets_per_sa = 127; punt_queue = 64;
           icmp_errors_per_second = 1; };
)");

  EXPECT_EQ(config.node.id, base::NodeId(255));
  EXPECT_EQ(config.node.name, "gw-2.x");
  EXPECT_EQ(config.node.state_dir, "/s");
  EXPECT_EQ(config.node.run_dir, "/r");
  EXPECT_EQ(config.node.user, "root");
  EXPECT_TRUE(config.dataplane.tell_discarded);
  EXPECT_EQ(config.eal.memory_mb, 64U);
  EXPECT_FALSE(config.eal.hugepages);
  EXPECT_FALSE(config.eal.pci);
  EXPECT_EQ(config.eal.file_prefix, "p");
  EXPECT_THAT(config.eal.plugins, ElementsAre("/a.so", "/b"));
  EXPECT_THAT(config.eal.extra, ElementsAre("--log-level", "8", "-v"));
  EXPECT_EQ(config.dataplane.control_cpu, 3);
  EXPECT_FALSE(config.dataplane.idle_sleep.enabled);
  EXPECT_EQ(config.dataplane.idle_sleep.after_empty_polls, 9U);
  EXPECT_EQ(config.dataplane.idle_sleep.sleep_us, 1000U);
  const auto& limits = config.dataplane.limits;
  EXPECT_EQ(limits.mbufs, 10000U);
  EXPECT_EQ(limits.flow_cache_entries, 256U);
  EXPECT_EQ(limits.neighbors, 16U);
  EXPECT_EQ(limits.neighbor_queue, 1U);
  EXPECT_EQ(limits.hold_packets, 128U);
  EXPECT_EQ(limits.hold_packets_per_sa, 127U);
  EXPECT_EQ(limits.punt_queue, 64U);
  EXPECT_EQ(limits.icmp_errors_per_second, 1U);
}

TEST(ConfigLoader, ReadsPortsRoutesAndNeighbors) {
  const auto config = loaded(R"(version = 1; workers = ( { cpu = 1; }, { cpu = 2; } );
ports = (
  { name = "a"; device = "3B:00.1,arg=1"; role = "both"; mtu = 9000; vlan = 4094;
    mac = "02:00:00:00:00:01"; rx_descriptors = 256; tx_descriptors = 512;
    addresses = [ "192.0.2.1/31", "fe80::1/64" ]; },
  { name = "b"; device = "3b:00.1,arg=1"; role = "private"; vlan = 7;
    mac = "02:00:00:00:00:01"; rx_descriptors = 256; tx_descriptors = 512;
    addresses = [ "10.0.0.1/8", "fe80::1/64" ]; },
  { name = "c"; device = "net_memif0,id=0"; role = "cluster"; }
);
routes = ( { to = "::/0"; via = "fe80::9"; port = "a"; }, { to = "11.0.0.0/8"; port = "b"; },
           { to = "12.0.0.0/8"; via = "10.0.0.2"; } );
neighbors = ( { port = "a"; address = "fe80::9"; mac = "02:00:00:00:00:09"; } );
)");

  ASSERT_EQ(config.dataplane.ports.size(), 3U);
  const auto& a = config.dataplane.ports[0];
  EXPECT_EQ(a.device, "0000:3b:00.1,arg=1");
  EXPECT_EQ(config.dataplane.ports[1].device, a.device);
  EXPECT_EQ(a.role, dataplane::PortRole::Both);
  EXPECT_EQ(config.dataplane.ports[2].role, dataplane::PortRole::Cluster);
  EXPECT_EQ(a.mtu, 9000);
  EXPECT_EQ(a.vlan, 4094);
  EXPECT_EQ(net::to_string(a.mac), "02:00:00:00:00:01");
  EXPECT_EQ(a.rx_descriptors, 256);
  EXPECT_EQ(a.tx_descriptors, 512);
  ASSERT_EQ(a.addresses.size(), 2U);
  EXPECT_EQ(net::to_string(a.addresses[0]), "192.0.2.1/31");
  const auto& routes = config.dataplane.routes;
  ASSERT_EQ(routes.size(), 3U);
  EXPECT_EQ(net::to_string(routes[0].via), "fe80::9");
  EXPECT_EQ(routes[0].port, 0U);
  EXPECT_TRUE(routes[1].via.is_unspecified());
  EXPECT_EQ(routes[1].port, 1U);
  EXPECT_EQ(routes[2].port, 1U) << "the port follows from the next hop";
  ASSERT_EQ(config.dataplane.neighbors.size(), 1U);
  EXPECT_EQ(net::to_string(config.dataplane.neighbors[0].mac), "02:00:00:00:00:09");
  ASSERT_EQ(config.dataplane.workers.size(), 2U);
  EXPECT_EQ(config.dataplane.workers[1].cpu, 2);
}

TEST(ConfigLoader, ReadsSasAndPolicies) {
  const auto config = loaded(R"(version = 1; workers = ( { cpu = 1; } );
ports = ( { name = "a"; device = "net_null0"; role = "both"; addresses = [ "192.0.2.1/24" ]; } );
sas = (
  { name = "o"; direction = "out"; spi = 0xC0FFEE01; local = "192.0.2.1"; remote = "192.0.2.9";
    algorithm = "aes256-sha384"; esn = true; df = "clear"; dscp = 46; path_mtu = 1400;
    key = "0x000102030405060708090A0B0C0D0E0F"  // strings side by side are one
          "101112131415161718191a1b1c1d1e1f";
    auth_key = "303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f"
               "505152535455565758595a5b5c5d5e5f"; },
  { name = "i"; direction = "in"; spi = 4294967295; local = "192.0.2.1"; remote = "192.0.2.9";
    algorithm = "chacha20poly1305"; replay_window = 65536;
    key = "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283"; }
);
policies = (
  { name = "p"; action = "protect"; local = "10.0.0.0/8"; remote = "11.0.0.1";
    protocol = "tcp"; local_ports = "1000-2000"; remote_ports = 443;
    out_sa = "o"; in_sas = [ "i" ]; },
  { name = "q"; action = "bypass"; local = "::/0"; remote = "::/0"; protocol = 58; },
  { name = "r"; action = "discard"; local = "0.0.0.0/0"; remote = "0.0.0.0/0"; protocol = "any"; }
);
)");

  ASSERT_EQ(config.sas.size(), 2U);
  const auto& out = config.sas[0];
  EXPECT_EQ(out.direction, ipsec::Direction::Outbound);
  EXPECT_EQ(out.spi, base::Spi(0xc0ffee01));
  EXPECT_EQ(out.algorithm, ipsec::EspAlgorithm::Aes256CbcSha384);
  EXPECT_EQ(out.key.size(), 32U);
  EXPECT_EQ(out.key.bytes()[10], std::byte{0x0a});
  EXPECT_EQ(out.key.bytes()[31], std::byte{0x1f});
  EXPECT_EQ(out.auth_key.size(), 48U);
  EXPECT_TRUE(out.esn);
  EXPECT_EQ(out.df, ipsec::DfPolicy::Clear);
  EXPECT_FALSE(out.copy_dscp);
  EXPECT_EQ(out.outer_dscp, 46);
  EXPECT_EQ(out.path_mtu, 1400);
  EXPECT_NE(out.uid, base::Uid{});
  EXPECT_EQ(config.sas[1].spi, base::Spi(0xffffffff));
  EXPECT_EQ(config.sas[1].replay_window, 65536U);
  EXPECT_NE(config.sas[1].uid, out.uid);
  ASSERT_EQ(config.policies.size(), 3U);
  const auto& p = config.policies[0];
  EXPECT_EQ(p.action, ipsec::PolicyAction::Protect);
  EXPECT_EQ(net::to_string(p.selector.remote), "11.0.0.1/32");
  EXPECT_EQ(p.selector.protocol, 6);
  EXPECT_EQ(p.selector.local_ports, (ipsec::PortRange{1000, 2000}));
  EXPECT_EQ(p.selector.remote_ports, (ipsec::PortRange{443, 443}));
  EXPECT_EQ(p.out_sa, 0U);
  EXPECT_THAT(p.in_sas, ElementsAre(1U));
  EXPECT_EQ(config.policies[1].selector.protocol, 58);
  EXPECT_EQ(config.policies[1].out_sa, ipsec::Policy::kNoSa);
  EXPECT_EQ(config.policies[2].selector.protocol, 0);
}

// libconfig 1.5 reads 0x100001001 as 0x1001 and 4294967297 as something else again.
TEST(ConfigLoader, TruncatesNoNumber) {
  struct Case {
    const char* literal;
    std::uint32_t spi;  // 0: refused
  };
  constexpr Case kCases[] = {
      {"4097", 4097},
      {"+4097", 4097},
      {"0x1001", 0x1001},
      {"0X1001L", 0x1001},
      {"0x1001LL", 0x1001},
      {"0xc0ffee01", 0xc0ffee01},
      {"3237998081", 0xc0ffee01},
      {"0xffffffff", 0xffffffff},
      {"2147483648", 0x80000000},
      {"0000000000000000000000256", 256},
      {"255", 0},
      {"0x100001001", 0},
      {"0x100001001L", 0},
      {"4294971393", 0},
      {"-4294963199", 0},
      {"-1", 0},
      {"18446744073709555713", 0},
      {"0x10000000000001001", 0},
      {"4097.0", 0},
      {"4e3", 0},
      {"0x", 0},
      {"1L1", 0},
  };
  for (const auto& each : kCases) {
    const auto result =
        parse_config_text(sample_with("spi = 0x1001", std::string("spi = ") + each.literal),
                          "test.conf", four_cpus());
    ASSERT_EQ(result.ok(), each.spi != 0) << each.literal;
    if (result.ok()) {
      EXPECT_EQ(result->sas[0].spi, base::Spi(each.spi)) << each.literal;
    } else {
      EXPECT_THAT(lines(result.error()),
                  ElementsAre(HasSubstr(std::string("sas[0].spi: ") + each.literal)));
    }
  }
}

TEST(ConfigLoader, ReadsCommentsOfEveryStyle) {
  loaded("# one\n// two\n/* three\n four */" + sample_config() + "# no newline at the end");
  loaded(sample_with("name = \"hq\"", "/* \"*/ name /**/ = // x\n \"h\" /* and */ \"q\""));
}

TEST(ConfigLoader, CountsLinesAcrossCommentsAndStrings) {
  const auto text = "/*\n\n*/ # x\n" + sample_with("cpu = 1", "\n\ncpu = 70000");
  EXPECT_THAT(problems_of(text),
              ElementsAre("test.conf:7 workers[0].cpu: 70000 is out of range (0..65535)"));
}

TEST(ConfigLoader, RefusesAFileThatIncludesAnother) {
  for (const char* text : {"@include \"/etc/passwd\"\n", "\t@include  \"x\"\n", "a = @include;"}) {
    EXPECT_THAT(problems_of(sample_config() + text),
                ElementsAre(HasSubstr("include files are not supported")));
  }
  loaded(sample_config() + "# @include \"/etc/passwd\"\n/*\n@include \"/etc/passwd\"\n*/");
}

TEST(ConfigLoader, RefusesControlCharactersAndNul) {
  EXPECT_THAT(problems_of(sample_with("\"hq\"", std::string("\"h\0q\"", 5))),
              ElementsAre(HasSubstr("control character in a string")));
  EXPECT_THAT(problems_of(sample_config() + std::string("\0x = 1;", 7)),
              ElementsAre(HasSubstr("unexpected byte 0x00")));
  EXPECT_THAT(problems_of(sample_with("\"hq\"", "\"h\\x00q\"")),
              ElementsAre(HasSubstr("\\x00 in a string")));
}

TEST(ConfigLoader, BoundsWhatAFileCanHold) {
  std::string many = sample_config();
  for (int i = 0; i < 300; ++i) many += "x" + std::to_string(i) + " = 1;\n";
  EXPECT_THAT(problems_of(many), ElementsAre(HasSubstr("too many settings in one group")));
  EXPECT_THAT(problems_of(sample_with("\"hq\"", '"' + std::string(5000, 'x') + '"')),
              ElementsAre(HasSubstr("the string is too long (at most 4096 bytes)")));
}

TEST(ConfigLoader, NeverRepeatsAKeyInAMessage) {
  const std::string key = "000102030405060708090a0b0c0d0e0f10111213";
  const std::string wrong_keys[] = {key.substr(1), key + "00", key + "zz", "\"" + key,
                                    key + "\"; spi = \"" + key};
  for (const auto& wrong : wrong_keys) {
    for (const auto& message : problems_of(sample_with(key, wrong))) {
      EXPECT_THAT(message, Not(HasSubstr(key.substr(2, 16))));
    }
    EXPECT_THAT(problems_of(sample_with(key, wrong)), Not(IsEmpty()));
  }
}

TEST(ConfigLoader, ReadsKeysFromAFileOfTheirOwn) {
  const test::TemporaryDirectory directory;
  auto text = sample_with("key = \"000102030405060708090a0b0c0d0e0f10111213\";", "");
  text = "key_file = \"keys.conf\";\n" + text;
  const auto config = directory.write("gw.conf", text);
  directory.write(
      "keys.conf",
      "keys = ( { sa = \"out\"; key = \"404142434445464748494a4b4c4d4e4f50515253\"; } );");

  const auto result = load_config(config, four_cpus());

  ASSERT_TRUE(result.ok()) << testing::PrintToString(lines(result.error()));
  EXPECT_EQ(result->sas[0].key.bytes()[0], std::byte{0x40});
  EXPECT_EQ(result->sas[1].key.bytes()[0], std::byte{0x20});
}

TEST(ConfigLoader, RefusesKeysThatOthersCanRead) {
  const test::TemporaryDirectory directory;
  const std::string key = "key = \"000102030405060708090a0b0c0d0e0f10111213\";";
  const auto with_file = "key_file = \"keys.conf\";\n" + sample_with(key, "");
  const auto in_file = "keys = ( { sa = \"out\"; " + key + " } );";
  struct Case {
    mode_t mode;
    bool good;
  };
  constexpr Case kModes[] = {{0600, true},  {0400, true},  {0700, true}, {0640, false},
                             {0604, false}, {0620, false}, {0610, false}};
  for (const auto& each : kModes) {
    const auto inline_keys = directory.write("inline.conf", sample_config(), each.mode);
    const auto config = directory.write("gw.conf", with_file);
    directory.write("keys.conf", in_file, each.mode);
    for (const auto& path : {inline_keys, config}) {
      const auto result = load_config(path, four_cpus());
      ASSERT_EQ(result.ok(), each.good) << std::oct << each.mode;
      if (result.ok()) continue;
      EXPECT_THAT(lines(result.error()), ElementsAre(HasSubstr("holds keys and has mode 0")));
    }
  }
}

TEST(ConfigLoader, TakesAReadableFileWhenItsKeysAreDeclaredPublished) {
  const test::TemporaryDirectory directory;
  const auto path = directory.write("gw.conf", "published_keys = true;\n" + sample_config(), 0644);
  std::vector<ConfigProblem> warnings;

  EXPECT_TRUE(load_config(path, four_cpus(&warnings)).ok());
  EXPECT_THAT(lines(warnings), ElementsAre(HasSubstr("keys that everybody knows")));
}

TEST(ConfigLoader, RefusesKeysOfAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  const test::TemporaryDirectory directory;
  const auto path = directory.write("gw.conf", sample_config());
  ASSERT_EQ(::chown(path.c_str(), 65534, 65534), 0);
  const auto result = load_config(path, four_cpus());
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(lines(result.error()),
              ElementsAre(HasSubstr("holds keys and belongs to user 65534")));
}

TEST(ConfigLoader, OpensOnlyRegularFiles) {
  const test::TemporaryDirectory directory;
  const auto fifo = directory.path("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  for (const auto& path : {fifo, directory.path(), std::string("/dev/null")}) {
    const auto result = load_config(path, four_cpus());
    ASSERT_FALSE(result.ok());
    EXPECT_THAT(lines(result.error()),
                ElementsAre(path + ": is not a regular file (a regular file)"));
  }
  const auto missing = load_config(directory.path("missing"), four_cpus());
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(lines(missing.error()), ElementsAre(HasSubstr("missing: cannot be opened")));
}

TEST(ConfigLoader, OpensNoKeyFileForTextFromMemory) {
  EXPECT_THAT(problems_of("key_file = \"/etc/shadow\";\n" + sample_config()),
              ElementsAre(HasSubstr("key_file: no file is opened for a config from memory")));
}

TEST(ConfigLoader, ReadsTenThousandTunnels) {
  constexpr unsigned kTunnels = 10000;
  std::string sas;
  std::string policies;
  for (unsigned i = 0; i < kTunnels; ++i) {
    const auto n = std::to_string(i);
    std::string key = "00000000000000000000000000000000" + n;
    key = "aa" + key.substr(key.size() - 30) + "00000000";
    sas +=
        (i == 0 ? "" : ",") + std::string("{ name = \"s") + n +
        "\"; direction = \"out\"; spi = " + std::to_string(100000 + i) +
        "; local = \"192.0.2.1\"; remote = \"203.0.113.9\"; algorithm = \"aes128gcm16\"; key = \"" +
        key + "\"; }\n";
    policies += (i == 0 ? "" : ",") + std::string("{ name = \"p") + n +
                "\"; action = \"protect\"; local = \"10.1.0.0/24\"; remote = \"10." +
                std::to_string(2 + i / 256) + "." + std::to_string(i % 256) +
                ".0/24\"; out_sa = \"s" + n + "\"; }\n";
  }
  const auto head = sample_config();
  const auto config = loaded(head.substr(0, head.find("sas = (")) + "sas = (" + sas +
                             ");\npolicies = (" + policies + ");\n");
  ASSERT_EQ(config.sas.size(), kTunnels);
  EXPECT_EQ(config.policies.back().out_sa, kTunnels - 1);
}

}  // namespace
}  // namespace phalanx::mgmt
