// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "telemetry_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "fake_daemon.hpp"
#include "support/temporary_directory.hpp"

namespace phalanx::ctl {
namespace {

using test::FakeDaemon;
using test::kTelemetryGreeting;
using testing::HasSubstr;

// Answers "/phalanx/sa,OFFSET" with at most three of `total` rows, as the daemon does.
std::string paged_reply(const std::string& request, std::size_t total) {
  const auto comma = request.find(',');
  const auto offset = std::stoul(request.substr(comma + 1));
  Json rows = Json::object();
  const auto end = std::min<std::size_t>(total, offset + 3);
  for (auto i = offset; i < end; ++i) rows[std::to_string(i)] = {{"name", "s" + std::to_string(i)}};
  return Json{{request.substr(0, comma),
               {{"total", total}, {"offset", offset}, {"count", rows.size()}, {"rows", rows}}}}
      .dump();
}

class TelemetryClientTest : public testing::Test {
 protected:
  base::Result<Rows, Failure> rows_from(FakeDaemon::Answer answer) {
    const auto path = directory_.path("t.sock");
    FakeDaemon daemon(path, SOCK_SEQPACKET, kTelemetryGreeting, std::move(answer));
    auto client = TelemetryClient::connect(path);
    if (!client) return client.error();
    return client->rows("sa");
  }
  base::Result<std::string, Failure> text_from(FakeDaemon::Answer answer) {
    const auto path = directory_.path("t.sock");
    FakeDaemon daemon(path, SOCK_SEQPACKET, kTelemetryGreeting, std::move(answer));
    auto client = TelemetryClient::connect(path);
    if (!client) return client.error();
    return client->text("config");
  }

  test::TemporaryDirectory directory_;
};

TEST_F(TelemetryClientTest, ReadsPageAfterPage) {
  for (const std::size_t total : {0U, 1U, 3U, 4U, 10U}) {
    std::filesystem::remove(directory_.path("t.sock"));
    const auto rows = rows_from([total](const std::string& q) { return paged_reply(q, total); });
    ASSERT_TRUE(rows.ok()) << rows.error().text;
    ASSERT_EQ(rows->size(), total);
    for (std::size_t i = 0; i < total; ++i) EXPECT_EQ((*rows)[i]["name"], "s" + std::to_string(i));
  }
}

TEST_F(TelemetryClientTest, StopsWhenTheListShrinksBetweenPages) {
  const auto rows = rows_from([](const std::string& request) {
    return request.ends_with(",0") ? paged_reply(request, 9) : paged_reply(request, 2);
  });
  ASSERT_TRUE(rows.ok()) << rows.error().text;
  EXPECT_EQ(rows->size(), 3U);
}

TEST_F(TelemetryClientTest, RefusesWhatItDoesNotUnderstand) {
  const char* replies[] = {
      "no json",
      "[]",
      "{}",
      R"({"/phalanx/other":{}})",
      R"({"/phalanx/sa":5})",
      R"({"/phalanx/sa":{}})",
      R"({"/phalanx/sa":{"total":1,"offset":0,"count":1,"rows":[]}})",
      R"({"/phalanx/sa":{"total":1,"offset":0,"count":1,"rows":{}}})",
      R"({"/phalanx/sa":{"total":1,"offset":0,"count":1,"rows":{"0":7}}})",
      R"({"/phalanx/sa":{"total":1,"offset":0,"count":1,"rows":{"0":{"a":{}}}}})",
      R"({"/phalanx/sa":{"total":1,"offset":1,"count":1,"rows":{"1":{"a":1}}}})",
      R"({"/phalanx/sa":{"total":-1,"offset":0,"count":0,"rows":{}}})",
      R"({"/phalanx/sa":{"total":99999999999,"offset":0,"count":99999999999,"rows":{}}})",
  };
  for (const char* reply : replies) {
    std::filesystem::remove(directory_.path("t.sock"));
    const auto rows = rows_from([reply](const std::string&) { return reply; });
    ASSERT_FALSE(rows.ok()) << reply;
    EXPECT_EQ(rows.error().text,
              "the answer to sa is not understood: another version of phalanxd?");
  }
}

TEST_F(TelemetryClientTest, SaysWhatWentWrong) {
  const auto unknown = rows_from([](const std::string&) { return R"({"/phalanx/sa":null})"; });
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().text,
            "this daemon does not show sa; phalanxctl show --help names the lists");
  std::filesystem::remove(directory_.path("t.sock"));
  const auto gone = rows_from([](const std::string&) { return ""; });
  ASSERT_FALSE(gone.ok());
  EXPECT_THAT(gone.error().text, HasSubstr("phalanxd has hung up"));
}

TEST_F(TelemetryClientTest, PutsTheTextTogether) {
  const std::string text = "{\n  \"node\": 1\n}";
  const auto read = text_from([&text](const std::string& request) {
    const auto offset = std::stoul(request.substr(request.find(',') + 1));
    const auto chunk = text.substr(offset, 6);
    return Json{{"/phalanx/config",
                 {{"total", text.size()},
                  {"offset", offset},
                  {"count", chunk.size()},
                  {"text", {chunk.substr(0, 4), chunk.size() > 4 ? chunk.substr(4) : ""}}}}}
        .dump();
  });
  ASSERT_TRUE(read.ok()) << read.error().text;
  EXPECT_EQ(*read, text);
}

TEST_F(TelemetryClientTest, RefusesATextThatIsShorterThanItSays) {
  const auto read = text_from([](const std::string&) {
    return R"({"/phalanx/config":{"total":9,"offset":0,"count":5,"text":["abc"]}})";
  });
  ASSERT_FALSE(read.ok());
  EXPECT_THAT(read.error().text, HasSubstr("is not understood"));
}

TEST_F(TelemetryClientTest, TalksOnlyToDpdk) {
  const auto path = directory_.path("t.sock");
  FakeDaemon daemon(path, SOCK_SEQPACKET, "hello", [](const std::string&) { return ""; });
  const auto client = TelemetryClient::connect(path);
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.error().text, path + ": is no telemetry socket of DPDK");
}

// ---- finding the daemon -------------------------------------------------------------------------

class ConnectTest : public testing::Test {
 protected:
  std::unique_ptr<FakeDaemon> daemon(const std::string& prefix) {
    return std::make_unique<FakeDaemon>(
        directory_.path("dpdk/" + prefix + "/dpdk_telemetry.v2"), SOCK_SEQPACKET,
        kTelemetryGreeting, [](const std::string& request) { return paged_reply(request, 1); });
  }
  [[nodiscard]] base::Result<TelemetryClient, Failure> connect(const Target& target) const {
    return connect_to(target, {directory_.path("none"), directory_.path()});
  }

  test::TemporaryDirectory directory_;
};

TEST_F(ConnectTest, FindsTheOnlyDaemon) {
  const auto gateway = daemon("phalanx-gw1");
  const auto other = daemon("testpmd");
  const auto client = connect({});
  EXPECT_TRUE(client.ok()) << client.error().text;
}

TEST_F(ConnectTest, AsksWhichOfSeveral) {
  const auto one = daemon("phalanx-a");
  const auto two = daemon("phalanx-b");
  {
    const auto any = connect({});
    ASSERT_FALSE(any.ok());
    EXPECT_THAT(any.error().text, HasSubstr("several daemons run here, name one with --prefix:"));
    EXPECT_THAT(any.error().text, HasSubstr(" phalanx-a"));
  }
  EXPECT_TRUE(connect({"", "phalanx-b"}).ok());
}

TEST_F(ConnectTest, FindsADaemonOfAnyPrefixByName) {
  const auto named = daemon("edge");
  EXPECT_FALSE(connect({}).ok());
  EXPECT_TRUE(connect({"", "edge"}).ok());
  EXPECT_TRUE(connect({directory_.path("dpdk/edge/dpdk_telemetry.v2"), ""}).ok());
}

TEST_F(ConnectTest, PassesOverTheSocketOfACrashedDaemon) {
  daemon("phalanx-dead").reset();
  {
    const auto none = connect({});
    ASSERT_FALSE(none.ok());
    EXPECT_THAT(none.error().text, HasSubstr("phalanx-dead/dpdk_telemetry.v2: cannot connect"));
  }
  const auto alive = daemon("phalanx-alive");
  EXPECT_TRUE(connect({}).ok());
}

TEST_F(ConnectTest, SaysThatNoDaemonRuns) {
  const auto any = connect({});
  ASSERT_FALSE(any.ok());
  EXPECT_EQ(any.error().text, "no phalanxd runs here, or it is not ours to ask");
  const auto named = connect({"", "gw7"});
  ASSERT_FALSE(named.ok());
  EXPECT_EQ(named.error().text, "no phalanxd with file prefix gw7 runs here");
}

}  // namespace
}  // namespace phalanx::ctl
