// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/datagram_pieces.hpp"

#include <algorithm>

#include "phalanx/base/bytes.hpp"
#include "phalanx/base/endian.hpp"

namespace phalanx::control {
namespace {

// No message of the secure channel begins with it.
constexpr std::uint8_t kPieceVersion = 0xf0;
// A datagram of kMaxUdpPayload in pieces for the smallest MTU, 1280.
constexpr std::size_t kMaxPieces = 64;

// |  version (1)  | reserved (1) |   count (2)   |   index (2)   | reserved (2) |    id (4)    |
struct PieceHeader {
  std::uint8_t version;
  std::uint8_t reserved;
  base::be16 count;
  base::be16 index;
  base::be16 reserved2;
  base::be32 id;
  // followed by: the piece
};
static_assert(sizeof(PieceHeader) == 12 && alignof(PieceHeader) == 1);

}  // namespace

void split_datagram(std::span<const std::byte> datagram, std::size_t room, std::uint32_t id,
                    const PieceSink& sink) {
  if (datagram.size() > kMaxUdpPayload) return;
  if (datagram.size() <= room) return sink({}, datagram);
  const auto step = room - sizeof(PieceHeader);
  PieceHeader header{};
  header.version = kPieceVersion;
  header.count = base::be16(static_cast<std::uint16_t>((datagram.size() + step - 1) / step));
  header.id = base::be32(id);
  for (std::uint16_t i = 0; i < header.count.host(); ++i) {
    header.index = base::be16(i);
    const auto offset = i * step;
    sink(std::as_bytes(std::span(&header, 1)),
         datagram.subspan(offset, std::min(step, datagram.size() - offset)));
  }
}

std::optional<std::vector<std::byte>> DatagramPieces::collect(const net::IpAddress& from,
                                                              std::span<const std::byte> payload,
                                                              base::TimePoint now) {
  if (!payload.empty() && std::to_integer<std::uint8_t>(payload[0]) == kPieceVersion) {
    return take(from, payload, now);
  }
  return std::vector<std::byte>(payload.begin(), payload.end());
}

std::optional<std::vector<std::byte>> DatagramPieces::take(const net::IpAddress& from,
                                                           std::span<const std::byte> piece,
                                                           base::TimePoint now) {
  while (!partial_.empty() && now - partial_.front().since > kPatience) partial_.pop_front();
  const auto* header = base::view_as<PieceHeader>(piece);
  if (header == nullptr || piece.size() == sizeof(PieceHeader)) return std::nullopt;
  const std::size_t count = header->count.host();
  const std::size_t index = header->index.host();
  if (count > kMaxPieces || index >= count) return std::nullopt;
  auto found = std::find_if(partial_.begin(), partial_.end(), [&](const Partial& each) {
    return each.from == from && each.id == header->id.host();
  });
  if (found == partial_.end()) {
    if (partial_.size() == kMaxPartial) partial_.pop_front();
    Partial fresh;
    fresh.from = from;
    fresh.id = header->id.host();
    fresh.since = now;
    fresh.pieces.resize(count);
    fresh.missing = count;
    partial_.push_back(std::move(fresh));
    found = partial_.end() - 1;
  }
  if (found->pieces.size() != count || !found->pieces[index].empty()) return std::nullopt;
  const auto body = piece.subspan(sizeof(PieceHeader));
  found->pieces[index].assign(body.begin(), body.end());
  if (--found->missing != 0) return std::nullopt;
  std::vector<std::byte> datagram;
  for (const auto& each : found->pieces) datagram.insert(datagram.end(), each.begin(), each.end());
  partial_.erase(found);
  return datagram;
}

}  // namespace phalanx::control
