// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/dpdk/eal.hpp"

#include <rte_eal.h>
#include <rte_errno.h>

#include <cstdlib>
#include <utility>

namespace phalanx::dpdk {

std::string error_text(int error) {
  return rte_strerror(error != 0 ? std::abs(error) : rte_errno);
}

base::Result<Eal, std::string> Eal::start(const std::vector<std::string>& arguments) {
  // rte_eal_init keeps pointers into argv and reorders it: it gets a copy that lives for ever.
  static std::vector<std::string> storage;
  static std::vector<char*> argv;
  storage = arguments;
  argv.clear();
  for (auto& argument : storage) argv.push_back(argument.data());
  argv.push_back(nullptr);
  if (rte_eal_init(static_cast<int>(argv.size() - 1), argv.data()) < 0) {
    return "the DPDK environment did not start: " + error_text();
  }
  return Eal{};
}

Eal::Eal(Eal&& other) noexcept : owner_(std::exchange(other.owner_, false)) {}

Eal::~Eal() {
  if (owner_) rte_eal_cleanup();
}

}  // namespace phalanx::dpdk
