// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <string>
#include <vector>

#include "phalanx/base/result.hpp"

namespace phalanx::dpdk {

// The DPDK environment of this process: one at a time, made first and destroyed last. Main thread.
class Eal {
 public:
  // arguments[0] is the program's name. The error is one sentence for the operator.
  static base::Result<Eal, std::string> start(const std::vector<std::string>& arguments);
  ~Eal();

  Eal(const Eal&) = delete;
  Eal& operator=(const Eal&) = delete;
  Eal(Eal&& other) noexcept;
  Eal& operator=(Eal&&) = delete;

 private:
  Eal() = default;
  bool owner_ = true;
};

// What rte_strerror says of rte_errno, or of `error` when it is not 0.
[[nodiscard]] std::string error_text(int error = 0);

}  // namespace phalanx::dpdk
