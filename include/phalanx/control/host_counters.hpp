// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace phalanx::control {

// Every event of the slow path. The groups keep a balance that tests assert:
//   Punted = sum(Done) + sum(Drop)                      one outcome for each packet
//   HeldIn = HeldSent + sum(HeldDrop) + packets waiting
// IcmpError: one outcome for each error that was wanted. Event: anything else.
enum class HostCounterGroup : std::uint8_t {
  Punted,
  Done,
  Drop,
  HeldIn,
  HeldSent,
  HeldDrop,
  IcmpError,
  Event
};

enum class HostCounter : std::uint8_t {
  Punted,
  // Done
  ArpRequestAnswered,
  ArpReplyUsed,
  ArpSeen,
  SolicitationAnswered,
  AdvertisementUsed,
  MldQueryAnswered,
  EchoAnswered,
  ErrorWanted,
  NeighborWanted,
  LeftToOthers,
  // Drop
  BadPunt,
  ArpMalformed,
  ArpNotForUs,
  OwnFrame,
  AddressConflict,
  NdpMalformed,
  NdpNotForUs,
  RouterSolicitation,
  RouterAdvertisement,
  Redirect,
  MldMalformed,
  MldNotForUs,
  BadPacket,
  NotOurAddress,
  SourceIsOurs,
  FragmentToUs,
  IcmpMalformed,
  EchoToGroup,
  EchoTooBig,
  IcmpNotSpoken,
  IcmpErrorToUs,
  EspToUs,
  PortNotOpen,
  ProtocolNotSpoken,
  GroupPacketIgnored,
  AnswerNotSent,
  // Held
  HeldIn,
  HeldSent,
  HeldUnreachable,
  HeldQueueOverflow,
  HeldTotalLimit,
  HeldTableFull,
  HeldBadNextHop,
  HeldShutdown,
  // IcmpError
  IcmpErrorSent,
  IcmpErrorNotSent,
  IcmpErrorRateAll,
  IcmpErrorRateReceiver,
  IcmpErrorAboutError,
  IcmpErrorAboutFragment,
  IcmpErrorAboutGroup,
  IcmpErrorBadSource,
  IcmpErrorMalformed,
  IcmpErrorNoAddress,
  // Event
  SolicitationSent,
  SolicitationNotSent,
  AnnouncementSent,
  AnswerRelayed,
  AnswerNotRelayed,
  MldReportSent,
  NeighborLearned,
  NeighborMoved,
  NeighborEvicted,
  NeighborAged,
  NeighborFailed,
  NeighborRefused,
  NeighborNotPublished,
};
inline constexpr std::size_t kNumHostCounters =
    static_cast<std::size_t>(HostCounter::NeighborNotPublished) + 1;

struct HostCounterInfo {
  HostCounter counter;
  HostCounterGroup group;
  std::string_view name;
  std::string_view help;
};
[[nodiscard]] const std::array<HostCounterInfo, kNumHostCounters>& host_counter_table() noexcept;

// writer: control thread; readers: any
class HostCounters {
 public:
  void add(HostCounter counter) noexcept {
    auto& value = values_[static_cast<std::size_t>(counter)];
    value.store(value.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t get(HostCounter counter) const noexcept {
    return values_[static_cast<std::size_t>(counter)].load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t sum(HostCounterGroup group) const noexcept;

 private:
  std::array<std::atomic<std::uint64_t>, kNumHostCounters> values_{};
};

}  // namespace phalanx::control
