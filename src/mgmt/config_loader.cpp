// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/mgmt/config_loader.hpp"

#include <libconfig.h>
#include <sched.h>

#include <charconv>
#include <cstring>
#include <filesystem>
#include <utility>

#include "config_draft.hpp"
#include "config_file.hpp"

namespace phalanx::mgmt {
namespace {

constexpr std::uint64_t kSchemaVersion = 1;

// libconfig's own tree. The C interface: it neither throws nor keeps state between files.
class LibconfigTree {
 public:
  LibconfigTree() { config_init(&config_); }
  ~LibconfigTree() { config_destroy(&config_); }
  LibconfigTree(const LibconfigTree&) = delete;
  LibconfigTree& operator=(const LibconfigTree&) = delete;

  bool read(const std::string& text) {
    return config_read_string(&config_, text.c_str()) == CONFIG_TRUE;
  }
  [[nodiscard]] const config_setting_t* root() const { return config_root_setting(&config_); }
  [[nodiscard]] TextProblem error() const {
    const char* text = config_error_text(&config_);
    const bool duplicate = text != nullptr && std::strstr(text, "duplicate") != nullptr;
    return {static_cast<std::uint32_t>(config_error_line(&config_)),
            duplicate ? "this setting is there already" : "syntax error, here or just before",
            duplicate ? "each setting once in its group" : "name = value;"};
  }

 private:
  config_t config_{};
};

Node convert(const config_setting_t* setting, std::vector<Literal>& literals) {
  Node node;
  if (const char* name = config_setting_name(setting)) node.name = name;
  node.line = config_setting_source_line(setting);
  switch (config_setting_type(setting)) {
    case CONFIG_TYPE_INT: {
      // The only integers libconfig saw are positions in the list of literals.
      auto& literal = literals[static_cast<std::size_t>(config_setting_get_int(setting))];
      node.kind = literal.is_string ? NodeKind::String : NodeKind::Number;
      node.line = literal.line;
      node.text = std::move(literal.text);
      return node;
    }
    case CONFIG_TYPE_BOOL:
      node.kind = NodeKind::Boolean;
      node.boolean = config_setting_get_bool(setting) == CONFIG_TRUE;
      return node;
    case CONFIG_TYPE_ARRAY: node.kind = NodeKind::Array; break;
    case CONFIG_TYPE_LIST: node.kind = NodeKind::List; break;
    default: node.kind = NodeKind::Group; break;
  }
  const int length = config_setting_length(setting);
  node.children.reserve(static_cast<std::size_t>(length));
  for (int i = 0; i < length; ++i) {
    node.children.push_back(
        convert(config_setting_get_elem(setting, static_cast<unsigned>(i)), literals));
  }
  return node;
}

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

bool known_version(Group& root) {
  std::uint64_t version = 0;
  if (!root.require("version", "version = 1;")) return true;
  return root.number("version", kSchemaVersion, kSchemaVersion, version);
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

base::Result<Node, TextProblem> parse_config_tree(std::string_view text) {
  auto skeleton = scan_config_text(text);
  if (!skeleton) return skeleton.error();
  LibconfigTree tree;
  if (!tree.read(skeleton->text)) return tree.error();
  return convert(tree.root(), skeleton->literals);
}

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
