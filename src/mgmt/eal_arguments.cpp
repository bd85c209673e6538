// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <algorithm>
#include <optional>
#include <string_view>

#include "config_reader.hpp"

namespace phalanx::mgmt {
namespace {

enum class Value : std::uint8_t { None, Required, Optional };

// One EAL option of DPDK 22.11. `instead` says what to do; empty: the option may be given.
struct EalOption {
  std::string_view name;  // without "--"; empty: short form only
  char letter;            // '\0': long form only
  Value value;
  std::string_view instead;
};

constexpr std::string_view kThreads = "set control.cpu and workers";
constexpr std::string_view kMemory = "set eal.memory_mb";
constexpr std::string_view kPorts = "set the device of a port";

constexpr EalOption kOptions[] = {
    // What the config decides.
    {"", 'c', Value::Required, kThreads},
    {"", 'l', Value::Required, kThreads},
    {"lcores", '\0', Value::Required, kThreads},
    {"main-lcore", '\0', Value::Required, kThreads},
    {"", 's', Value::Required, kThreads},
    {"", 'S', Value::Required, kThreads},
    {"", 'm', Value::Required, kMemory},
    {"socket-mem", '\0', Value::Required, kMemory},
    {"no-huge", '\0', Value::None, "set eal.hugepages = false"},
    {"no-pci", '\0', Value::None, "set eal.pci = false"},
    {"file-prefix", '\0', Value::Required, "set eal.file_prefix"},
    {"allow", 'a', Value::Required, kPorts},
    {"block", 'b', Value::Required, kPorts},
    // What would take away something phalanxd relies on.
    {"proc-type", '\0', Value::Required, "phalanxd is a primary process"},
    {"no-telemetry", '\0', Value::None, "phalanxctl reads from the telemetry socket"},
    {"help", 'h', Value::None, "see the manual of DPDK"},
    // What the config leaves open.
    {"vdev", '\0', Value::Required, ""},
    {"in-memory", '\0', Value::None, ""},
    {"", 'd', Value::Required, ""},
    {"", 'n', Value::Required, ""},
    {"", 'r', Value::Required, ""},
    {"", 'v', Value::None, ""},
    {"base-virtaddr", '\0', Value::Required, ""},
    {"create-uio-dev", '\0', Value::None, ""},
    {"force-max-simd-bitwidth", '\0', Value::Required, ""},
    {"huge-dir", '\0', Value::Required, ""},
    {"huge-unlink", '\0', Value::Optional, ""},
    {"huge-worker-stack", '\0', Value::Optional, ""},
    {"iova-mode", '\0', Value::Required, ""},
    {"legacy-mem", '\0', Value::None, ""},
    {"log-level", '\0', Value::Required, ""},
    {"match-allocations", '\0', Value::None, ""},
    {"mbuf-pool-ops-name", '\0', Value::Required, ""},
    {"no-hpet", '\0', Value::None, ""},
    {"no-shconf", '\0', Value::None, ""},
    {"single-file-segments", '\0', Value::None, ""},
    {"socket-limit", '\0', Value::Required, ""},
    {"syslog", '\0', Value::Required, ""},
    {"telemetry", '\0', Value::None, ""},
    {"trace", '\0', Value::Required, ""},
    {"trace-bufsz", '\0', Value::Required, ""},
    {"trace-dir", '\0', Value::Required, ""},
    {"trace-mode", '\0', Value::Required, ""},
    {"vfio-intr", '\0', Value::Required, ""},
    {"vfio-vf-token", '\0', Value::Required, ""},
    {"vmware-tsc-map", '\0', Value::None, ""},
};

// Walks the arguments as getopt_long(3) does inside EAL: abbreviated long options, values after "="
// or in the next argument, grouped letters.
class Check {
 public:
  Check(const std::vector<std::string>& arguments, const Config& config, const std::string& origin)
      : arguments_(arguments), config_(config), origin_(origin) {}

  std::vector<ConfigProblem> run() {
    while (at_ < arguments_.size()) {
      const std::string_view argument = arguments_[at_++];
      if (argument.starts_with("--") && argument.size() > 2) {
        long_option(argument.substr(2));
      } else if (argument.starts_with('-') && argument.size() > 1 && argument != "--") {
        letters(argument.substr(1));
      } else {
        fail(argument, "is no EAL option", "options and their values");
      }
    }
    return std::move(problems_);
  }

 private:
  void fail(std::string_view argument, std::string problem, std::string allowed) {
    problems_.push_back(
        {origin_, 0, "", quoted(argument) + " " + std::move(problem), std::move(allowed)});
  }

  void long_option(std::string_view text) {
    const auto equals = text.find('=');
    const auto name = text.substr(0, equals);
    const EalOption* option = nullptr;
    std::size_t candidates = 0;
    for (const auto& row : kOptions) {
      if (row.name.empty() || !row.name.starts_with(name)) continue;
      option = &row;
      ++candidates;
      if (row.name == name) {
        candidates = 1;
        break;
      }
    }
    const auto shown = "--" + std::string(name);
    if (candidates != 1) {
      return fail(shown, candidates == 0 ? "is no EAL option" : "is short for several EAL options",
                  "options of DPDK's EAL, in full");
    }
    std::optional<std::string_view> value;
    if (equals != std::string_view::npos) value = text.substr(equals + 1);
    if (value && option->value == Value::None) return fail(shown, "takes no value", "no \"=\"");
    use(*option, "--" + std::string(option->name), value);
  }

  void letters(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto* option =
          std::find_if(std::begin(kOptions), std::end(kOptions),
                       [&](const EalOption& row) { return row.letter == text[i]; });
      const auto shown = std::string("-") + text[i];
      if (option == std::end(kOptions)) {
        return fail(shown, "is no EAL option", "options of DPDK's EAL");
      }
      const auto rest = text.substr(i + 1);
      if (option->value == Value::None) {
        use(*option, shown, std::nullopt);
        continue;
      }
      return use(*option, shown, rest.empty() ? std::nullopt : std::optional(rest));
    }
  }

  void use(const EalOption& option, const std::string& shown,
           std::optional<std::string_view> value) {
    if (option.value == Value::Required && !value) {
      if (at_ == arguments_.size()) return fail(shown, "needs a value", "a value after it");
      value = arguments_[at_++];
    }
    if (!option.instead.empty()) {
      return fail(shown, "contradicts the config", "leave it out; " + std::string(option.instead));
    }
    if (option.name == "vdev") check_vdev(*value);
    check_memory(option.name, shown);
  }

  // With hugepages phalanxd runs with --in-memory, else with --no-huge; EAL refuses some pairs.
  void check_memory(std::string_view name, const std::string& shown) {
    constexpr std::string_view kHuge[] = {"in-memory", "huge-unlink", "huge-worker-stack",
                                          "match-allocations"};
    if (!config_.eal.hugepages &&
        std::find(std::begin(kHuge), std::end(kHuge), name) != std::end(kHuge)) {
      fail(shown, "does not start without hugepages", "leave it out, or eal.hugepages = true");
    }
    if (config_.eal.hugepages && name == "legacy-mem") {
      fail(shown, "does not start with memory of our own",
           "leave it out, or eal.hugepages = false");
    }
  }

  void check_vdev(std::string_view device) {
    const auto name = device.substr(0, device.find(','));
    for (const auto& port : config_.dataplane.ports) {
      if (port.device.substr(0, port.device.find(',')) != name) continue;
      return fail("--vdev " + std::string(name), "is the device of port " + quoted(port.name),
                  "leave it out; ports make their own devices");
    }
  }

  const std::vector<std::string>& arguments_;
  const Config& config_;
  const std::string& origin_;
  std::size_t at_ = 0;
  std::vector<ConfigProblem> problems_;
};

}  // namespace

std::vector<ConfigProblem> check_eal_arguments(const std::vector<std::string>& arguments,
                                               const Config& config, const std::string& origin) {
  return Check(arguments, config, origin).run();
}

}  // namespace phalanx::mgmt
