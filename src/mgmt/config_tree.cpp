// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "config_tree.hpp"

#include <libconfig.h>

#include <cstring>
#include <utility>

namespace phalanx::mgmt {
namespace {

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

}  // namespace

base::Result<Node, TextProblem> parse_config_tree(std::string_view text) {
  auto skeleton = scan_config_text(text);
  if (!skeleton) return skeleton.error();
  LibconfigTree tree;
  if (!tree.read(skeleton->text)) return tree.error();
  return convert(tree.root(), skeleton->literals);
}

}  // namespace phalanx::mgmt
