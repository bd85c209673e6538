// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "phalanx/base/result.hpp"
#include "phalanx/mgmt/view.hpp"

namespace phalanx::mgmt {

// The arguments of one command: texts and whole numbers by name; true and false are 1 and 0.
class CommandArguments {
 public:
  explicit CommandArguments(Row values) : values_(std::move(values)) {}

  // Nothing when it is missing or of the other kind.
  [[nodiscard]] std::optional<std::string> text(std::string_view name) const;
  [[nodiscard]] std::optional<std::uint64_t> number(std::string_view name) const;
  [[nodiscard]] const Row& values() const noexcept { return values_; }

 private:
  Row values_;
};

// What a command does: the row becomes the reply, the text its error. Runs on the server's thread,
// one command at a time; may wait for other threads, but not for ever.
using CommandHandler = std::function<base::Result<Row, std::string>(const CommandArguments&)>;
struct Command {
  std::vector<std::string> arguments;  // names that it takes; others are refused
  CommandHandler run;
};
using Commands = std::map<std::string, Command, std::less<>>;

// Serves commands on a unix stream socket that only its owner and root can open:
//   {"command": "NAME", "argument": "text", "other": 5}   one line each way
//   {"ok": true, ...the row...}  or  {"ok": false, "error": "..."}
// Lines, clients and idle time are bounded. A thread of its own.
class CommandServer {
 public:
  static constexpr std::size_t kMaxLineBytes = 4096;
  static constexpr std::size_t kMaxClients = 8;
  static constexpr int kIdleSeconds = 60;

  // Whether start would find its path free: before anything is begun that a second daemon must not
  // do twice.
  static base::Result<base::Ok, std::string> check(const std::string& path);

  // Makes the socket's directory, one level of it, and takes over a socket that nobody serves. The
  // error is one sentence for the operator.
  static base::Result<std::unique_ptr<CommandServer>, std::string> start(const std::string& path,
                                                                         Commands commands);
  // Ends the thread and removes the socket.
  ~CommandServer();
  CommandServer(const CommandServer&) = delete;
  CommandServer& operator=(const CommandServer&) = delete;

 private:
  class Loop;
  explicit CommandServer(std::unique_ptr<Loop> loop);
  std::unique_ptr<Loop> loop_;
};

// One request line to one reply line, without the newline. Never throws.
[[nodiscard]] std::string answer_command(const Commands& commands, std::string_view line) noexcept;

}  // namespace phalanx::mgmt
