// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
//
// One SA in packet mode in each direction, on workers that are threads which stop at random points,
// while its buckets move a thousand times; inbound packets come reordered and come again. Nothing
// but the exchange of packets and the numbers is real work here: no device, no cipher.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "phalanx/dataplane/bucket_handover.hpp"
#include "phalanx/dataplane/egress_order.hpp"
#include "phalanx/ipsec/packet_mode.hpp"
#include "phalanx/net/bucket_hash.hpp"

namespace phalanx::dataplane {
namespace {

using ipsec::EspPacket;
using ipsec::ReplayVerdict;

constexpr std::size_t kWorkers = 3;
constexpr std::uint8_t kShift = 5;
constexpr std::uint64_t kMoves = 1000;
constexpr std::uint64_t kMostNumbers = 1 << 22;
// How far receiving workers may be apart: less than any context forgets.
constexpr std::uint64_t kSpread = 512;
constexpr base::Spi kSpi(0x4711);
constexpr std::uint32_t kBurst = 32;

// Clear packets name their flow (the worker that received them) and their position in it.
struct ClearPacket {
  std::uint64_t position = 0;
  std::uint8_t flow = 0;
};

struct Link {
  base::SpscRing<ClearPacket> clear{512};
  PacketLane inbound;
  PacketLane outbound;
};

// What belongs to the owner of the SA's bucket. No atomics: the handover has to order the accesses.
struct OutboundState {
  std::uint64_t next_number = 1;
  std::uint64_t last_sent = 0;
  std::array<std::uint64_t, kWorkers> last_position{};
};

struct Node {
  net::BucketHash hash{net::BucketHash::Key{1, 2, 3}};
  base::BucketIndex sa_bucket = hash.esp_session(kSpi);
  HandoverBoard board;
  std::array<std::array<Link, kWorkers>, kWorkers> links;  // [from][to]
  ipsec::StripedInbound striped;
  OutboundState outbound;

  // The wire and the judge; neither is part of what is tested.
  std::atomic<std::uint64_t> next_inbound{1};
  std::array<std::atomic<std::uint64_t>, kWorkers> receiving{};  // lowest number still on its way
  std::vector<std::atomic<std::uint8_t>> accepted =
      std::vector<std::atomic<std::uint8_t>>(kMostNumbers);
  std::vector<std::atomic<std::uint8_t>> sent =
      std::vector<std::atomic<std::uint8_t>>(kMostNumbers);
  std::atomic<std::uint64_t> received{0}, delivered{0}, old{0}, clear_in{0}, clear_out{0};
  std::atomic<std::uint64_t> disorder{0};
  std::atomic<bool> no_more_input{false};
  std::atomic<bool> stop{false};
};

class TestWorker {
 public:
  TestWorker(Node& node, std::uint8_t index, unsigned seed)
      : node_(node),
        index_(index),
        random_(seed + index),
        handover_(node.board, base::WorkerIndex(index)),
        in_(base::WorkerIndex(index), lanes(&Link::inbound)),
        out_(base::WorkerIndex(index), lanes(&Link::outbound)) {}

  void run() {
    node_.receiving[index_] = node_.next_inbound.load();
    while (!node_.stop) poll();
  }

 private:
  std::vector<PacketLane*> lanes(PacketLane Link::*lane) {
    std::vector<PacketLane*> all;
    for (std::size_t to = 0; to < kWorkers; ++to) {
      all.push_back(to == index_ ? nullptr : &(node_.links[index_][to].*lane));
    }
    return all;
  }
  // Where a real thread may lose its core.
  void stop_somewhere() {
    const auto dice = random_() % 64;
    if (dice == 0) std::this_thread::yield();
    if (dice != 1) return;
    for (auto turns = random_() % 3000; turns > 0; --turns) __builtin_ia32_pause();
  }

  void poll() {
    follow();
    std::array<ClearPacket, kBurst> clear;
    for (std::size_t from = 0; from < kWorkers; ++from) {
      if (from == index_) continue;
      auto& link = node_.links[from][index_];
      if (out_.room(index_) >= kBurst) {
        const auto count = link.clear.pop(clear.data(), kBurst, handover_.settled_version());
        number({clear.data(), count});
      }
      stop_somewhere();
      serve(link.inbound, true);
      serve(link.outbound, false);
    }
    collect();
    if (handover_.settled() && !node_.no_more_input) receive();
    if (random_() % 8 == 0) std::this_thread::yield();  // fewer cores than workers
  }

  void follow() {
    if (handover_.outdated()) {
      handover_.adopt();
      stop_somewhere();
      for (std::size_t to = 0; to < kWorkers; ++to) {
        if (to == index_) continue;
        auto& link = node_.links[index_][to];
        link.clear.fence(handover_.version());
        link.inbound.work.fence(handover_.version());
      }
      mark_.reset();
    }
    if (!handover_.drained() && is_drained()) handover_.drain();
    if (!handover_.settled()) handover_.settle();
  }
  bool is_drained() {
    for (std::size_t from = 0; from < kWorkers; ++from) {
      const auto& link = node_.links[from][index_];
      if (from == index_) continue;
      if (!link.clear.passed(handover_.version()) ||
          !link.inbound.work.passed(handover_.version())) {
        return false;
      }
    }
    if (!mark_) mark_ = out_.mark();
    return out_.passed(*mark_);
  }

  // ---- inbound: numbers from the wire, in disorder, some of them again
  void receive() {
    auto low = ~std::uint64_t{0} - kSpread;
    for (const auto& each : node_.receiving) low = std::min(low, each.load());
    if (node_.next_inbound >= low + kSpread || in_.outstanding() > 4 * kBurst) return;
    node_.receiving[index_] = node_.next_inbound.load();
    const auto first = node_.next_inbound.fetch_add(kBurst / 2);
    if (first + kBurst >= kMostNumbers) return;
    std::vector<std::uint64_t> numbers;
    for (std::uint64_t i = 0; i < kBurst / 2; ++i) numbers.push_back(first + i);
    while (random_() % 2 != 0 && numbers.size() < kBurst) {
      numbers.push_back(first + kBurst / 2 - 1 - random_() % std::min<std::uint64_t>(first, 300));
    }
    std::shuffle(numbers.begin(), numbers.end(), random_);
    node_.received += numbers.size();
    std::array<std::vector<EspPacket>, kWorkers> by_owner;
    for (const auto number : numbers) {
      EspPacket packet;
      packet.sequence = number;
      packet.bucket =
          node_.hash.esp_packet(kSpi, static_cast<std::uint32_t>(number >> kShift)).value();
      const auto owner = handover_.owner(packet.bucket);
      in_.give(owner, 1);
      by_owner[owner].push_back(packet);
    }
    for (std::uint8_t owner = 0; owner < kWorkers; ++owner) {
      stop_somewhere();
      if (owner != index_) {
        in_.send(owner, by_owner[owner], no_flags);
        continue;
      }
      for (auto& packet : by_owner[owner]) accept(packet);
      finish_own(in_, by_owner[owner]);
    }
    receive_clear();
  }
  void accept(EspPacket& packet) {
    stop_somewhere();
    auto& context = node_.striped.contexts[packet.bucket];
    const auto verdict = context.accept(packet.sequence, kShift);
    packet.verdict = verdict == ReplayVerdict::Fresh       ? ipsec::EspVerdict::Done
                     : verdict == ReplayVerdict::Duplicate ? ipsec::EspVerdict::ReplayDuplicate
                                                           : ipsec::EspVerdict::ReplayTooOld;
  }

  // ---- outbound: clear packets to the SA's owner, who numbers them and gives them out
  void receive_clear() {
    if (node_.clear_in + 1000 >= kMostNumbers || out_.room(index_) < 4 * kBurst) return;
    std::array<ClearPacket, 8> clear;
    for (auto& packet : clear) packet = {0, index_};
    const auto owner = handover_.owner(node_.sa_bucket.value());
    if (owner == index_) {
      for (auto& packet : clear) packet.position = ++position_;
      node_.clear_in += clear.size();
      number(clear);
      return;
    }
    auto& ring = node_.links[index_][owner].clear;
    if (ring.room(8) < 8) return;
    for (auto& packet : clear) packet.position = ++position_;
    node_.clear_in += clear.size();
    ring.push(clear.data(), 8);
  }
  void number(std::span<const ClearPacket> clear) {
    while (!clear.empty()) {
      auto worker = static_cast<std::uint8_t>(random_() % kWorkers);
      if (out_.room(worker) == 0) worker = index_;
      const auto count =
          std::min({clear.size(), 1 + random_() % 16, std::size_t{out_.room(worker)}});
      std::vector<EspPacket> run(count);
      for (std::size_t i = 0; i < count; ++i) {
        stop_somewhere();
        run[i].sequence = node_.outbound.next_number++;
        // Of the position only what travels; it is compared in the same width.
        run[i].length = static_cast<std::uint16_t>(clear[i].position);
        run[i].tag = clear[i].flow;
      }
      clear = clear.subspan(count);
      out_.give(worker, static_cast<std::uint32_t>(count));
      if (worker == index_) {
        finish_own(out_, run);
      } else {
        out_.send(worker, run, no_flags);
      }
    }
  }

  static std::uint8_t no_flags(const EspPacket&) { return 0; }
  static void finish_own(EgressOrder& order, const std::vector<EspPacket>& packets) {
    const std::vector<std::uint8_t> ports(packets.size());
    order.finish_own(packets, ports.data());
  }
  void serve(PacketLane& lane, bool inbound) {
    std::array<EspPacket, kBurst> packets;
    const auto settled = inbound ? handover_.settled_version() : ~std::uint64_t{0};
    const auto count =
        lane.work.pop_each(kBurst, settled, [&](std::uint32_t i, const LanePacket& packet) {
          packets[i].sequence = packet.sequence;
          packets[i].length = packet.length;
          packets[i].bucket = packet.bucket;
        });
    for (std::uint32_t i = 0; i < count && inbound; ++i) accept(packets[i]);
    stop_somewhere();
    const auto pushed = lane.done.push_each(count, [&](std::uint32_t i, LaneResult& result) {
      result = {};
      result.sequence = packets[i].sequence;
      result.length = static_cast<std::uint16_t>(packets[i].length);
      result.verdict = packets[i].verdict;
    });
    ASSERT_EQ(pushed, count);
  }

  void collect() {
    LaneBurst burst;
    auto& packets = burst.packets;
    while (const auto count = in_.take(burst)) {
      node_.delivered += count;
      for (std::uint32_t i = 0; i < count; ++i) {
        if (packets[i].verdict == ipsec::EspVerdict::Done) ++node_.accepted[packets[i].sequence];
        if (packets[i].verdict == ipsec::EspVerdict::ReplayTooOld) ++node_.old;
      }
    }
    if (in_.outstanding() == 0) node_.receiving[index_] = ~std::uint64_t{0};
    while (const auto count = out_.take(burst)) {
      for (std::uint32_t i = 0; i < count; ++i) send(packets[i]);
      node_.clear_out += count;
    }
  }
  // By the SA's owner, or by who was it and has not drained yet.
  void send(const EspPacket& packet) {
    ++node_.sent[packet.sequence];
    auto& state = node_.outbound;
    auto& position = state.last_position[packet.tag];
    if (packet.sequence != state.last_sent + 1 ||
        packet.length != static_cast<std::uint16_t>(position + 1)) {
      ++node_.disorder;
    }
    state.last_sent = packet.sequence;
    ++position;
  }

  Node& node_;
  std::uint8_t index_;
  std::mt19937_64 random_;
  BucketHandover handover_;
  EgressOrder in_;
  EgressOrder out_;
  std::optional<std::uint64_t> mark_;
  std::uint64_t position_ = 0;
};

using Tables = std::vector<std::unique_ptr<BucketTable>>;

// Moves one to four buckets at a time, the SA's own one often among them.
void move_buckets(Node& node, Tables& tables, unsigned seed) {
  std::mt19937_64 random(seed);
  for (std::uint64_t moves = 0; moves < kMoves;) {
    if (!node.board.settled(tables.back()->version, kWorkers)) {
      std::this_thread::yield();
      continue;
    }
    std::vector<BucketMove> next;
    for (auto count = 1 + random() % 4; count > 0; --count) {
      const auto bucket = random() % 3 == 0
                              ? node.sa_bucket
                              : base::BucketIndex(static_cast<std::uint8_t>(random()));
      next.push_back({bucket, base::WorkerIndex(static_cast<std::uint8_t>(random() % kWorkers))});
    }
    moves += next.size();
    tables.push_back(std::make_unique<BucketTable>(after_moves(*tables.back(), next)));
    node.board.publish(*tables.back());
  }
  // Everything on its way arrives.
  node.no_more_input = true;
  while (node.received != node.delivered || node.clear_in != node.clear_out ||
         !node.board.settled(tables.back()->version, kWorkers)) {
    std::this_thread::yield();
  }
  node.stop = true;
}

TEST(BucketMovesProperty, NoNumberTwiceNothingLostWhileAThousandBucketsMove) {
  constexpr unsigned kSeed = 20261121;
  const auto node = std::make_unique<Node>();
  for (auto& context : node->striped.contexts) context.start(1, kShift);
  for (auto& each : node->receiving) each = ~std::uint64_t{0};
  const std::vector<std::uint8_t> shares(kWorkers, 100);
  Tables tables;
  tables.push_back(std::make_unique<BucketTable>(make_bucket_table(shares)));
  node->board.publish(*tables.back());
  std::vector<std::unique_ptr<TestWorker>> workers;
  std::vector<std::thread> threads;
  for (std::uint8_t i = 0; i < kWorkers; ++i) {
    workers.push_back(std::make_unique<TestWorker>(*node, i, kSeed));
  }
  for (auto& worker : workers) threads.emplace_back([&worker] { worker->run(); });
  move_buckets(*node, tables, kSeed);
  for (auto& thread : threads) thread.join();

  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  const auto numbers = node->next_inbound.load();
  ASSERT_GT(numbers, 10'000U);
  EXPECT_EQ(node->old, 0U);
  std::uint64_t not_once = 0;
  for (std::uint64_t number = 1; number < numbers; ++number) {
    not_once += node->accepted[number] == 1 ? 0 : 1;
  }
  EXPECT_EQ(not_once, 0U) << "inbound numbers accepted never or twice, of " << numbers;
  ASSERT_GT(node->clear_in, 5'000U);
  EXPECT_EQ(node->outbound.next_number, node->clear_in + 1);
  for (std::uint64_t number = 1; number <= node->clear_in; ++number) {
    ASSERT_EQ(node->sent[number], 1) << "outbound number " << number;
  }
  EXPECT_EQ(node->disorder, 0U);
}

}  // namespace
}  // namespace phalanx::dataplane
