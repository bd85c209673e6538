// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <algorithm>
#include <cstring>

#include "phalanx/dataplane/tables.hpp"

namespace phalanx::dataplane {
namespace {

std::uint32_t wire_word(const net::IpAddress& address) {
  std::uint32_t word = 0;
  std::memcpy(&word, address.bytes.data(), 4);
  return word;
}

}  // namespace

void LocalAddresses::add(const net::IpAddress& address) {
  if (address.is_v4()) {
    v4_.push_back(wire_word(address));
  } else {
    v6_.push_back(address.bytes);
  }
}

void LocalAddresses::add_broadcast(const net::IpAddress& address) {
  broadcast4_.push_back(wire_word(address));
}

bool LocalAddresses::contains6(const std::uint8_t* address) const noexcept {
  return std::any_of(v6_.begin(), v6_.end(), [&](const auto& own) {
    return std::memcmp(own.data(), address, own.size()) == 0;
  });
}

bool LocalAddresses::wants4(const std::uint8_t* destination) const noexcept {
  if (contains4(destination)) return true;
  std::uint32_t word = 0;
  std::memcpy(&word, destination, 4);
  return word == 0xffffffff ||
         std::find(broadcast4_.begin(), broadcast4_.end(), word) != broadcast4_.end();
}

bool LocalAddresses::wants6(const std::uint8_t* destination) const noexcept {
  // RFC 4291 2.7.1: ff02::1 all nodes, ff02::1:ff00:0/104 solicited-node groups.
  static constexpr std::array<std::uint8_t, 13> kSolicited = {0xff, 2, 0, 0, 0, 0,   0,
                                                              0,    0, 0, 0, 1, 0xff};
  static constexpr std::array<std::uint8_t, 16> kAllNodes = {0xff, 2, 0, 0, 0, 0, 0, 0,
                                                             0,    0, 0, 0, 0, 0, 0, 1};
  if (contains6(destination)) return true;
  return std::memcmp(destination, kSolicited.data(), kSolicited.size()) == 0 ||
         std::memcmp(destination, kAllNodes.data(), kAllNodes.size()) == 0;
}

}  // namespace phalanx::dataplane
