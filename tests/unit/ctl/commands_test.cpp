// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "commands.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "fake_daemon.hpp"
#include "support/temporary_directory.hpp"

namespace phalanx::ctl {
namespace {

using testing::HasSubstr;

// The options of a command line, or the exit code as a test failure.
Options parsed(std::vector<std::string> words) {
  words.insert(words.begin(), "phalanxctl");
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  auto result = parse_options(static_cast<int>(argv.size()), argv.data());
  if (const auto* code = std::get_if<int>(&result)) {
    ADD_FAILURE() << "exit code " << *code;
    return {};
  }
  return std::get<Options>(result);
}

int exit_code(std::vector<std::string> words) {
  words.insert(words.begin(), "phalanxctl");
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  const auto result = parse_options(static_cast<int>(argv.size()), argv.data());
  const auto* code = std::get_if<int>(&result);
  return code == nullptr ? -1 : *code;
}

TEST(Options, NameAListAndARow) {
  const auto options = parsed({"-j", "--prefix", "gw", "show", "sa", "hq-out"});
  EXPECT_EQ(options.action, Action::Show);
  EXPECT_TRUE(options.json);
  EXPECT_EQ(options.target.prefix, "gw");
  EXPECT_EQ(options.list, "sa");
  EXPECT_EQ(options.name, "hq-out");
}

TEST(Options, MayFollowTheCommand) {
  const auto options = parsed({"watch", "ports", "--interval", "0.5", "--count", "3", "-j", "-a"});
  EXPECT_EQ(options.action, Action::Watch);
  EXPECT_DOUBLE_EQ(options.interval_s, 0.5);
  EXPECT_EQ(options.count, 3U);
  EXPECT_TRUE(options.json);
  EXPECT_TRUE(options.all);
}

TEST(Options, DescribeACapture) {
  const auto start = parsed({"capture", "start", "--sa", "hq", "--file", "x.pcap", "--snaplen",
                             "96", "--max-packets", "5", "--control", "/run/c.sock"});
  EXPECT_EQ(start.action, Action::CaptureStart);
  EXPECT_EQ(start.capture.sa, "hq");
  EXPECT_EQ(start.capture.file, (std::filesystem::current_path() / "x.pcap").string());
  EXPECT_EQ(start.capture.snaplen, 96U);
  EXPECT_EQ(start.capture.max_packets, 5U);
  EXPECT_EQ(start.control_socket, "/run/c.sock");
  EXPECT_EQ(parsed({"capture", "stop"}).action, Action::CaptureStop);
  EXPECT_EQ(parsed({"capture", "status"}).action, Action::CaptureStatus);
}

TEST(Options, AreRefusedWithExitCodeTwo) {
  const std::vector<std::string> wrong[] = {
      {},
      {"list"},
      {"show"},
      {"show", "sa", "a", "b"},
      {"--socket", "/x", "--prefix", "y", "show", "sa"},
      {"watch", "sa", "--interval", "0"},
      {"capture"},
      {"move", "17"},
      {"move", "256", "0"},
      {"capture", "start", "--file", "x"},
      {"capture", "start", "--port", "a"},
      {"capture", "start", "--port", "a", "--sa", "b", "--file", "x"},
      {"capture", "start", "--port", "a", "--file", "x", "--snaplen", "10"},
      {"show", "sa", "--no-such-option"},
  };
  for (const auto& words : wrong) {
    EXPECT_EQ(exit_code(words), kExitUsage) << testing::PrintToString(words);
  }
  EXPECT_EQ(exit_code({"--help"}), kExitOk);
  EXPECT_EQ(exit_code({"--version"}), kExitOk);
}

TEST(CommandRequest, IsOneLineOfJson) {
  EXPECT_EQ(command_request(parsed({"capture", "status"})), R"({"command":"capture_status"})");
  EXPECT_EQ(
      command_request(parsed({"capture", "start", "--drop", "no_route", "--file", "/t/x\ny"})),
      R"({"command":"capture_start","drop":"no_route","file":"/t/x\ny","snaplen":262144,)"
      R"("max_packets":0})");
  EXPECT_EQ(command_request(parsed({"move", "17", "1"})),
            R"({"command":"bucket_move","bucket":17,"worker":1})");
}

TEST(CommandRequest, SaysWhatIsWantedOfMembers) {
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"drain"}, R"({"command":"cluster_drain"})"},
      {{"undrain", "n2"}, R"({"command":"cluster_undrain","node":"n2"})"},
      {{"leave"}, R"({"command":"cluster_leave"})"},
      {{"expel", "3"}, R"({"command":"cluster_expel","node":"3"})"},
      {{"weight", "2", "0"}, R"({"command":"cluster_weight","node":"2","weight":0})"},
      {{"join", "4", "10.9.0.4"}, R"({"command":"cluster_join","node":"4","address":"10.9.0.4"})"},
      {{"join", "5", "10.9.0.5", "--name", "w5", "--witness"},
       R"({"command":"cluster_join","node":"5","address":"10.9.0.5","name":"w5","witness":true})"},
  };
  for (auto [words, expected] : cases) {
    words.insert(words.begin(), "cluster");
    EXPECT_EQ(command_request(parsed(words)), expected);
  }
}

TEST(SelectRow, FindsARowByItsFirstColumn) {
  const Rows rows = {{{"name", "a"}, {"x", 1}}, {{"name", "b"}, {"x", 2}}};
  const auto found = select_row("sa", rows, "b");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(Json(*found).dump(), R"([{"name":"b","x":2}])");
  const auto numbered = select_row("workers", {{{"worker", 1U}}}, "1");
  EXPECT_TRUE(numbered.ok());
  const auto missing = select_row("sa", rows, "c");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().text, "there is no c in sa");
}

TEST(ControlSocket, IsInTheRunDirectoryOfTheConfig) {
  const auto found = control_socket_in(R"({"node":{"run_dir":"/run/p"}})");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(*found, "/run/p/control.sock");
  for (const char* config : {"", "[]", "{}", R"({"node":{}})", R"({"node":{"run_dir":5}})"}) {
    EXPECT_FALSE(control_socket_in(config).ok()) << config;
  }
}

class CaptureTest : public testing::Test {
 protected:
  Outcome capture(const std::string& reply) {
    const auto path = directory_.path("c.sock");
    test::FakeDaemon daemon(path, SOCK_STREAM, "", [&](const std::string& request) {
      request_ = request;
      return reply;
    });
    testing::internal::CaptureStdout();
    auto outcome = run_command(parsed({"capture", "status"}), path);
    printed_ = testing::internal::GetCapturedStdout();
    return outcome;
  }

  test::TemporaryDirectory directory_;
  std::string request_;
  std::string printed_;
};

TEST_F(CaptureTest, PrintsWhatTheDaemonAnswers) {
  const auto outcome = capture("{\"ok\":true,\"running\":1,\"file\":\"/x\"}\n");
  EXPECT_TRUE(outcome.ok()) << outcome.error().text;
  EXPECT_EQ(request_, "{\"command\":\"capture_status\"}\n");
  EXPECT_EQ(printed_, "running  1\nfile     /x\n");
}

TEST_F(CaptureTest, FailsWithTheDaemonsError) {
  const auto outcome = capture("{\"ok\":false,\"error\":\"no such port\"}\n");
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().text, "no such port");
  EXPECT_EQ(printed_, "");
}

TEST_F(CaptureTest, RefusesWhatItDoesNotUnderstand) {
  const auto outcome = capture("what?\n");
  ASSERT_FALSE(outcome.ok());
  EXPECT_THAT(outcome.error().text, HasSubstr("is not understood"));
}

TEST_F(CaptureTest, FailsWhenTheDaemonHangsUp) {
  const auto outcome = capture("");
  ASSERT_FALSE(outcome.ok());
  EXPECT_THAT(outcome.error().text, HasSubstr("phalanxd has hung up"));
}

}  // namespace
}  // namespace phalanx::ctl
