// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/hex.hpp"

namespace phalanx::test {

// A file of tests/vectors with lines "name hexadecimal"; lines that start with # are comments.
class NamedVectors {
 public:
  explicit NamedVectors(const std::string& file) : file_(file) {
    std::ifstream input(PHALANX_TESTS_DIR "/vectors/" + file);
    for (std::string line; std::getline(input, line);) {
      if (line.empty() || line.starts_with('#')) continue;
      std::istringstream columns(line);
      std::string name, digits;
      columns >> name >> digits;
      if (!vectors_.emplace(name, unhex(digits)).second) {
        throw std::invalid_argument("two vectors named " + name);
      }
    }
    if (vectors_.empty()) throw std::invalid_argument("no vectors in " + file);
  }

  // Throws on an unknown name, so that a misspelt one cannot pass for an empty packet.
  [[nodiscard]] const std::vector<std::byte>& operator[](const std::string& name) const {
    const auto found = vectors_.find(name);
    if (found == vectors_.end()) throw std::invalid_argument("no vector " + name + " in " + file_);
    return found->second;
  }
  [[nodiscard]] const std::map<std::string, std::vector<std::byte>>& all() const noexcept {
    return vectors_;
  }

 private:
  std::string file_;
  std::map<std::string, std::vector<std::byte>> vectors_;
};

}  // namespace phalanx::test
