// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/mgmt/config_loader.hpp"

#include <sched.h>

#include <filesystem>
#include <utility>

#include "config_draft.hpp"
#include "config_file.hpp"

namespace phalanx::mgmt {
namespace {

std::vector<std::uint16_t> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<std::uint16_t> cpus;
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return cpus;
  for (std::uint16_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

// Where the keys may come from: nothing opens files for text that came from memory.
struct Source {
  std::string path;      // empty: text from memory
  std::string exposure;  // see ConfigFile
};

void load_key_file(Group& root, const Source& source, Draft& draft, Node& tree,
                   Problems& problems) {
  if (source.path.empty()) {
    return root.error("key_file", "no file is opened for a config from memory", "keys in the SAs");
  }
  auto path = std::filesystem::path(draft.key_file);
  if (path.is_relative()) path = std::filesystem::path(source.path).parent_path() / path;
  problems = Problems(path.string());
  auto file = read_config_file(path.string());
  if (!file) {
    return root.error("key_file", path.string() + " " + file.error().problem, kKeyFileRule);
  }
  if (!file->exposure.empty()) {
    root.error("key_file", path.string() + " holds keys and " + file->exposure, kKeyFileRule);
  }
  auto parsed = parse_config_tree(file->text.view());
  if (!parsed) {
    const auto& error = parsed.error();
    return problems.error(error.line, "", error.problem, error.allowed);
  }
  tree = *std::move(parsed);
  read_key_file(tree, problems, draft);
}

void check_exposure(Group& root, const Source& source, const Draft& draft, Problems& problems) {
  if (draft.published_keys && draft.inline_keys) {
    root.warn("published_keys", "keys that everybody knows protect nothing", "labs only");
  } else if (draft.inline_keys && !source.exposure.empty()) {
    problems.error(0, "", "holds keys and " + source.exposure, kKeyFileRule);
  }
}

base::Result<Config, std::vector<ConfigProblem>> parse_config(std::string_view text,
                                                              const std::string& filename,
                                                              const LoadOptions& options,
                                                              const Source& source) {
  auto tree = parse_config_tree(text);
  if (!tree) {
    const auto& error = tree.error();
    return std::vector<ConfigProblem>{{filename, error.line, "", error.problem, error.allowed}};
  }
  Problems problems(filename);
  Problems key_problems(filename);
  Problems secret_problems(filename);
  Node key_tree;
  Group root(*tree, "", problems);
  // Of another schema every other message would be wrong.
  if (!known_version(root)) return problems.take_errors();
  Draft draft;
  read_node(root, draft);
  read_eal(root, draft);
  read_threads(root, draft, options.cpus.empty() ? allowed_cpus() : options.cpus);
  read_limits(root, draft);
  read_ports(root, draft);
  read_routes(root, draft);
  read_neighbors(root, draft);
  read_sas(root, draft);
  if (!draft.key_file.empty()) load_key_file(root, source, draft, key_tree, key_problems);
  read_policies(root, draft);
  read_cluster(root, draft);
  load_cluster_secrets(root, source.path, draft, secret_problems);
  root.finish();
  check_exposure(root, source, draft, problems);
  check_keys(draft);
  check_network(root, draft);
  check_cluster(root, draft);
  check_sas(draft);
  check_policies(root, draft);
  for (auto& each : check_eal_arguments(draft.config.eal.extra, draft.config, filename)) {
    each.line = root.group("eal")->line_of("extra");
    each.key = "eal.extra";
    problems.add(std::move(each));
  }
  auto errors = problems.take_errors();
  for (auto& each : key_problems.take_errors()) errors.push_back(std::move(each));
  for (auto& each : secret_problems.take_errors()) errors.push_back(std::move(each));
  if (options.warnings != nullptr) *options.warnings = problems.take_warnings();
  if (!errors.empty()) return errors;
  return std::move(draft.config);
}

}  // namespace

base::Result<Config, std::vector<ConfigProblem>> load_config(const std::string& path,
                                                             const LoadOptions& options) {
  auto file = read_config_file(path);
  if (!file) return std::vector<ConfigProblem>{file.error()};
  return parse_config(file->text.view(), path, options, {path, file->exposure});
}

base::Result<Config, std::vector<ConfigProblem>> parse_config_text(std::string_view text,
                                                                   const std::string& filename,
                                                                   const LoadOptions& options) {
  return parse_config(text, filename, options, {});
}

}  // namespace phalanx::mgmt
