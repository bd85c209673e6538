// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>

#include "phalanx/mgmt/command_server.hpp"

namespace phalanx::mgmt {
namespace {

using Json = nlohmann::ordered_json;

std::string written(const Json& reply) {
  // ASCII: what comes from a client goes back to a terminal.
  return reply.dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::string failure(const std::string& error) {
  return written({{"ok", false}, {"error", error}});
}

base::Result<Row, std::string> arguments_of(const Json& request) {
  Row row;
  for (const auto& [name, value] : request.items()) {
    if (name == "command") continue;
    if (value.is_string()) {
      row.emplace_back(name, value.get<std::string>());
    } else if (value.is_number_unsigned()) {
      row.emplace_back(name, value.get<std::uint64_t>());
    } else if (value.is_boolean()) {
      row.emplace_back(name, std::uint64_t{value.get<bool>() ? 1U : 0U});
    } else {
      return "argument " + name + " is neither text nor a whole number nor a boolean";
    }
  }
  return row;
}

std::string answer(const Commands& commands, std::string_view line) {
  const auto request = Json::parse(line.begin(), line.end(), nullptr, false);
  if (request.is_discarded() || !request.is_object()) return failure("this is no JSON object");
  const auto name = request.find("command");
  if (name == request.end() || !name->is_string()) return failure("there is no command");
  const auto command = commands.find(name->get<std::string>());
  if (command == commands.end()) {
    return failure("command " + name->get<std::string>() + " is unknown");
  }
  auto arguments = arguments_of(request);
  if (!arguments) return failure(arguments.error());
  for (const auto& [argument, value] : *arguments) {
    const auto& known = command->second.arguments;
    if (std::find(known.begin(), known.end(), argument) == known.end()) {
      return failure("command " + command->first + " takes no argument " + argument);
    }
  }
  const auto result = command->second.run(CommandArguments(*std::move(arguments)));
  if (!result) return failure(result.error());
  Json reply = {{"ok", true}};
  for (const auto& [column, value] : *result) {
    std::visit([&reply, &column = column](const auto& each) { reply[column] = each; }, value);
  }
  return written(reply);
}

}  // namespace

std::optional<std::string> CommandArguments::text(std::string_view name) const {
  for (const auto& [key, value] : values_) {
    if (key != name) continue;
    if (const auto* found = std::get_if<std::string>(&value)) return *found;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> CommandArguments::number(std::string_view name) const {
  for (const auto& [key, value] : values_) {
    if (key != name) continue;
    if (const auto* found = std::get_if<std::uint64_t>(&value)) return *found;
  }
  return std::nullopt;
}

std::string answer_command(const Commands& commands, std::string_view line) noexcept {
  try {
    return answer(commands, line);
  } catch (const std::exception&) {
    return R"({"ok":false,"error":"the command failed"})";
  }
}

}  // namespace phalanx::mgmt
