// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/mgmt/command_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <nlohmann/json.hpp>

#include "phalanx/control/file_descriptor.hpp"
#include "support/temporary_directory.hpp"

namespace phalanx::mgmt {
namespace {

using testing::HasSubstr;

Commands sample_commands() {
  Commands commands;
  commands["echo"] = {{"text", "number"},
                      [](const CommandArguments& arguments) -> base::Result<Row, std::string> {
                        return Row{{"text", arguments.text("text").value_or("none")},
                                   {"number", arguments.number("number").value_or(0)}};
                      }};
  commands["fail"] = {{}, [](const CommandArguments&) -> base::Result<Row, std::string> {
                        return std::string("no such port");
                      }};
  commands["throw"] = {{}, [](const CommandArguments&) -> base::Result<Row, std::string> {
                         throw std::runtime_error("never shown");
                       }};
  return commands;
}

// ---- one line -----------------------------------------------------------------------------------

TEST(AnswerCommand, AnswersEveryLine) {
  struct Case {
    std::string line;
    std::string reply;
  };
  const Case cases[] = {
      {R"({"command":"echo","text":"a b","number":7})", R"({"ok":true,"text":"a b","number":7})"},
      {R"({"number":18446744073709551615,"command":"echo"})",
       R"({"ok":true,"text":"none","number":18446744073709551615})"},
      {R"({"command":"echo","number":true})", R"({"ok":true,"text":"none","number":1})"},
      {R"({"command":"echo","text":5,"number":"x"})", R"({"ok":true,"text":"none","number":0})"},
      {R"({"command":"echo","text":"ü"})", R"({"ok":true,"text":"\u00fc","number":0})"},
      {R"({"command":"fail"})", R"({"ok":false,"error":"no such port"})"},
      {R"({"command":"throw"})", R"({"ok":false,"error":"the command failed"})"},
      {R"({"command":"fail","text":"x"})",
       R"({"ok":false,"error":"command fail takes no argument text"})"},
      {R"({"command":"nosuch"})", R"({"ok":false,"error":"command nosuch is unknown"})"},
      {R"({"command":5})", R"({"ok":false,"error":"there is no command"})"},
      {R"({})", R"({"ok":false,"error":"there is no command"})"},
      {R"([1])", R"({"ok":false,"error":"this is no JSON object"})"},
      {"", R"({"ok":false,"error":"this is no JSON object"})"},
      {R"({"command":"echo")", R"({"ok":false,"error":"this is no JSON object"})"},
      {std::string(4000, '['), R"({"ok":false,"error":"this is no JSON object"})"},
      {R"({"command":"echo","number":-1})",
       R"({"ok":false,"error":"argument number is neither text nor a whole number nor a )"
       R"(boolean"})"},
      {R"({"command":"echo","number":1.5})",
       R"({"ok":false,"error":"argument number is neither text nor a whole number nor a )"
       R"(boolean"})"},
      {R"({"command":"echo","text":{}})",
       R"({"ok":false,"error":"argument text is neither text nor a whole number nor a boolean"})"},
  };
  for (const auto& each : cases) {
    EXPECT_EQ(answer_command(sample_commands(), each.line), each.reply) << each.line;
  }
}

TEST(AnswerCommand, TakesALineCutAtEachByte) {
  const std::string line = R"({"command":"echo","text":"\u00e9\n","number":12})";
  for (std::size_t length = 0; length < line.size(); ++length) {
    EXPECT_EQ(answer_command(sample_commands(), line.substr(0, length)),
              R"({"ok":false,"error":"this is no JSON object"})");
  }
}

TEST(AnswerCommand, RepliesInJsonToInvalidUtf8) {
  const auto reply = answer_command(sample_commands(), "{\"command\":\"\xff\xfe\"}");
  EXPECT_FALSE(nlohmann::json::parse(reply, nullptr, false).is_discarded());
  EXPECT_THAT(reply, HasSubstr("\"ok\":false"));
}

// ---- the socket ---------------------------------------------------------------------------------

class Connection {
 public:
  explicit Connection(const std::string& path)
      : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    connected_ =
        ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  [[nodiscard]] bool connected() const { return connected_; }
  void send(std::string_view text) {
    // The server may hang up before it has read everything.
    EXPECT_GT(::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL), 0);
  }
  void finish_sending() { ::shutdown(socket_.get(), SHUT_WR); }
  // The next line, or what came before the end.
  std::string line() {
    while (buffer_.find('\n') == std::string::npos) {
      std::array<char, 4096> chunk{};
      const auto length = ::recv(socket_.get(), chunk.data(), chunk.size(), 0);
      if (length <= 0) return std::exchange(buffer_, "") + "<end>";
      buffer_.append(chunk.data(), static_cast<std::size_t>(length));
    }
    const auto end = buffer_.find('\n');
    const auto text = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    return text;
  }

 private:
  control::FileDescriptor socket_;
  bool connected_ = false;
  std::string buffer_;
};

class CommandServerTest : public testing::Test {
 protected:
  void start() {
    auto started = CommandServer::start(path_, sample_commands());
    ASSERT_TRUE(started.ok()) << started.error();
    server_ = *std::move(started);
  }

  test::TemporaryDirectory directory_;
  std::string path_ = directory_.path("run/control.sock");
  std::unique_ptr<CommandServer> server_;
};

TEST_F(CommandServerTest, AnswersLineByLine) {
  start();
  Connection client(path_);
  client.send("{\"command\":\"echo\",\"number\":1}\n{\"command\":\"fa");
  EXPECT_EQ(client.line(), R"({"ok":true,"text":"none","number":1})");
  client.send("il\"}\n");
  EXPECT_EQ(client.line(), R"({"ok":false,"error":"no such port"})");
}

TEST_F(CommandServerTest, AnswersAClientThatHasStoppedSending) {
  start();
  Connection client(path_);
  client.send("{\"command\":\"fail\"}\n{\"command\":\"echo\"}\n");
  client.finish_sending();
  EXPECT_EQ(client.line(), R"({"ok":false,"error":"no such port"})");
  EXPECT_EQ(client.line(), R"({"ok":true,"text":"none","number":0})");
  EXPECT_EQ(client.line(), "<end>");
}

TEST_F(CommandServerTest, ServesClientsSideBySide) {
  start();
  Connection idle(path_);
  Connection slow(path_);
  slow.send("{\"command\":");
  Connection client(path_);
  client.send("{\"command\":\"echo\"}\n");
  EXPECT_EQ(client.line(), R"({"ok":true,"text":"none","number":0})");
  slow.send("\"fail\"}\n");
  EXPECT_EQ(slow.line(), R"({"ok":false,"error":"no such port"})");
}

TEST_F(CommandServerTest, HangsUpOnALineThatIsTooLong) {
  start();
  for (const bool ended : {false, true}) {
    Connection client(path_);
    client.send(std::string(CommandServer::kMaxLineBytes + 1, 'x') + (ended ? "\n" : ""));
    EXPECT_EQ(client.line(), R"({"ok":false,"error":"the line is too long"})");
    EXPECT_EQ(client.line(), "<end>");
  }
  Connection client(path_);
  client.send(std::string(CommandServer::kMaxLineBytes, 'x') + "\n");
  EXPECT_EQ(client.line(), R"({"ok":false,"error":"this is no JSON object"})");
}

TEST_F(CommandServerTest, BoundsTheNumberOfClients) {
  start();
  std::vector<std::unique_ptr<Connection>> clients;
  for (std::size_t i = 0; i < CommandServer::kMaxClients; ++i) {
    clients.push_back(std::make_unique<Connection>(path_));
    // Its answer shows that the server has taken it in.
    clients.back()->send("{\"command\":\"echo\"}\n");
    EXPECT_EQ(clients.back()->line(), R"({"ok":true,"text":"none","number":0})");
  }
  Connection one_more(path_);
  EXPECT_EQ(one_more.line(), R"({"ok":false,"error":"too many clients"})");
  EXPECT_EQ(one_more.line(), "<end>");
  clients.front()->send("{\"command\":\"fail\"}\n");
  EXPECT_EQ(clients.front()->line(), R"({"ok":false,"error":"no such port"})");
}

TEST_F(CommandServerTest, IsOpenToItsOwnerOnly) {
  const auto old_mask = ::umask(0);
  start();
  ::umask(old_mask);
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_TRUE(S_ISSOCK(status.st_mode));
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(CommandServerTest, RemovesItsSocketAtTheEnd) {
  start();
  Connection open(path_);
  server_.reset();
  struct stat status {};
  EXPECT_NE(::lstat(path_.c_str(), &status), 0);
  EXPECT_EQ(open.line(), "<end>");
}

TEST_F(CommandServerTest, TakesOverASocketThatNobodyServes) {
  ASSERT_EQ(::mkdir(directory_.path("run").c_str(), 0755), 0);
  {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
    const control::FileDescriptor left(::socket(AF_UNIX, SOCK_STREAM, 0));
    ASSERT_EQ(::bind(left.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  start();
  Connection client(path_);
  client.send("{\"command\":\"fail\"}\n");
  EXPECT_EQ(client.line(), R"({"ok":false,"error":"no such port"})");
}

TEST_F(CommandServerTest, LeavesTheSocketOfAnotherDaemonAlone) {
  start();
  const auto second = CommandServer::start(path_, sample_commands());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error(), "command socket " + path_ + " is in use by another phalanxd");
  EXPECT_TRUE(Connection(path_).connected());
}

TEST_F(CommandServerTest, RefusesAPathItCannotServe) {
  const auto file = directory_.write("file", "precious");
  const auto over_file = CommandServer::start(file, {});
  ASSERT_FALSE(over_file.ok());
  EXPECT_EQ(over_file.error(), "command socket " + file + " is a file of another kind");
  EXPECT_EQ(test::read_file(file), "precious");

  const auto too_long = CommandServer::start("/tmp/" + std::string(200, 'x'), {});
  ASSERT_FALSE(too_long.ok());
  EXPECT_THAT(too_long.error(), HasSubstr("is too long"));

  const auto nowhere = CommandServer::start(directory_.path("a/b/control.sock"), {});
  ASSERT_FALSE(nowhere.ok());
  EXPECT_THAT(nowhere.error(), HasSubstr("has no directory: No such file or directory"));
}

}  // namespace
}  // namespace phalanx::mgmt
