// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "phalanx/base/clock.hpp"
#include "phalanx/net/address.hpp"

namespace phalanx::control {

// Largest datagram that can be sent.
inline constexpr std::size_t kMaxUdpPayload = 65507;

// Both parts of a UDP payload, one behind the other: header of the piece (empty: it is the whole
// datagram) and bytes of the datagram.
using PieceSink =
    std::function<void(std::span<const std::byte> head, std::span<const std::byte> body)>;

// A datagram of the cluster as UDP payloads of at most `room` bytes (docs/cluster-protocol.md): IP
// fragments are lost by too many switches, firewalls and packet sockets. Larger ones than
// kMaxUdpPayload are not sent.
void split_datagram(std::span<const std::byte> datagram, std::size_t room, std::uint32_t id,
                    const PieceSink& sink);

// Puts pieces together. Everything that comes in may be hostile: at most kMaxPartial datagrams are
// held, each for at most a second.
class DatagramPieces {
 public:
  static constexpr std::size_t kMaxPartial = 16;
  static constexpr base::Duration kPatience = std::chrono::seconds(1);

  // A UDP payload from `from`, who is known. The datagram, when this was its last missing part.
  [[nodiscard]] std::optional<std::vector<std::byte>> collect(const net::IpAddress& from,
                                                              std::span<const std::byte> payload,
                                                              base::TimePoint now);
  [[nodiscard]] std::size_t partial() const noexcept { return partial_.size(); }

 private:
  struct Partial {
    net::IpAddress from;
    std::uint32_t id = 0;
    base::TimePoint since{};
    std::vector<std::vector<std::byte>> pieces;
    std::size_t missing = 0;
  };
  [[nodiscard]] std::optional<std::vector<std::byte>> take(const net::IpAddress& from,
                                                           std::span<const std::byte> piece,
                                                           base::TimePoint now);

  std::deque<Partial> partial_;  // oldest first
};

}  // namespace phalanx::control
