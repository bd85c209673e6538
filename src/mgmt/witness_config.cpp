// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/mgmt/witness_config.hpp"

#include <utility>

#include "config_draft.hpp"
#include "config_file.hpp"

namespace phalanx::mgmt {
namespace {

constexpr const char* kStateDir = "/var/lib/phalanx-witness";

void check_self(Group& root, const Draft& draft) {
  const auto& members = draft.config.cluster.members;
  auto group = root.group("cluster");
  if (!group || members.empty() || !group->good("members")) return;
  const auto id = draft.config.node.id;
  const auto* self = draft.config.cluster.find(id);
  if (self == nullptr) {
    group->error("members", "node " + std::to_string(id.value()) + ", this one, is not among them",
                 "every member of the cluster, node.id among them");
  } else if (!self->witness) {
    group->error("members", "member " + quoted(self->name) + ", this one, is no witness",
                 "witness = true; nodes run phalanxd");
  }
}

}  // namespace

base::Result<WitnessConfig, std::vector<ConfigProblem>> load_witness_config(
    const std::string& path) {
  auto file = read_config_file(path);
  if (!file) return std::vector<ConfigProblem>{file.error()};
  auto tree = parse_config_tree(file->text.view());
  if (!tree) {
    const auto& error = tree.error();
    return std::vector<ConfigProblem>{{path, error.line, "", error.problem, error.allowed}};
  }
  Problems problems(path);
  Problems secret_problems(path);
  Group root(*tree, "", problems);
  if (!known_version(root)) return problems.take_errors();
  Draft draft;
  draft.config.node.name = "witness";
  draft.config.node.state_dir = kStateDir;
  root.require("node", "node = { id = 3; };");
  read_node(root, draft);
  root.require("cluster", "the section that every member has");
  read_cluster(root, draft);
  load_cluster_secrets(root, path, draft, secret_problems);
  root.finish();
  check_self(root, draft);
  auto errors = problems.take_errors();
  for (auto& each : secret_problems.take_errors()) errors.push_back(std::move(each));
  if (!errors.empty()) return errors;
  return WitnessConfig{std::move(draft.config.node), std::move(draft.config.cluster)};
}

}  // namespace phalanx::mgmt
