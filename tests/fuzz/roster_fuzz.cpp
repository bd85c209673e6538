// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
// modules: control cluster
//
// What another member says that operators said. What parses must write back to the same, and can be
// merged: then everybody knows it, and no address or name is wrong.
#include <cstdlib>
#include <span>

#include "phalanx/control/cluster_roster.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace phalanx::control;
  const auto parsed = parse_roster(std::as_bytes(std::span(data, size)));
  if (!parsed) return 0;
  if (parse_roster(write_roster(*parsed)) != parsed) std::abort();
  Roster roster({});
  static_cast<void>(roster.merge(*parsed));
  if (roster.merge(*parsed)) std::abort();
  for (const auto& member : roster.members()) {
    if (!is_member_name(member.name) || !member.address.is_v4()) std::abort();
  }
  return 0;
}
