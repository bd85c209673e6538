// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "lease_world.hpp"
#include "phalanx/control/state_store.hpp"

// The whole of a node that must not forget, against everything that makes it forget: processes that
// are killed or lose power at any operation of the disk, disks that fail, workers that see limits
// late. Packets are told by (boot, IV counter) and by number; none may come twice. The peer's
// packets are all recorded and replayed after each restart.
namespace phalanx::control {
namespace {

using cluster::LeaseDirection;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::SimDisk;

struct Totals {
  int starts = 0;
  int refused = 0;
  int stops = 0;
  int exact = 0;
  int ends = 0;  // starts of SAs that had used all numbers
  std::uint64_t sent = 0;
  std::uint64_t delivered = 0;
  std::uint64_t replays_refused = 0;
  std::uint64_t held = 0;
  cluster::LeaseBookStats book;
  std::uint64_t failed_batches = 0;
};

// One SA over all its lives. Numbers that went out or came in stay here.
struct Outbound {
  std::uint64_t highest = 0;    // of the numbering space
  std::uint64_t last_sent = 0;  // in any life
  std::uint64_t next = 1;
  std::uint64_t view = 0;  // the limit as its worker sees it
  test::FakeSa sa;
};
struct Inbound {
  std::uint64_t highest = 0;
  std::uint64_t peer_next = 1;  // the peer never restarts
  std::set<std::uint64_t> delivered;
  std::vector<std::uint64_t> recorded;
  std::uint64_t floor = 1;
  std::set<std::uint64_t> seen;  // window of this life
  std::vector<std::uint64_t> held;
  std::uint64_t view = 0;
  test::FakeSa sa;
};

class Node {
 public:
  Node(std::uint64_t seed, Totals& totals) : random_(seed), disk_(seed * 13 + 1), totals_(totals) {
    for (std::size_t i = 0; i < kPairs; ++i) {
      out_.emplace_back().highest = pick(3) == 0 ? kNoEsn : kEsn;
      in_.emplace_back().highest = pick(3) == 0 ? kNoEsn : kEsn;
    }
  }

  void live() {
    disk_.fate = nullptr;
    const bool dies_by_disk = pick(2) == 0;
    auto operations = pick(60);
    const bool failing = pick(3) == 0;
    disk_.fate = [this, dies_by_disk, failing, operations](SimDisk::Op) mutable {
      if (dies_by_disk && operations-- == 0) return SimDisk::Fate::Die;
      return failing && service_ && pick(6) == 0 ? SimDisk::Fate::Error : SimDisk::Fate::Good;
    };
    start();
    if (!testing::Test::HasFatalFailure() && service_) {
      const auto steps = 50 + pick(300);
      for (std::uint64_t i = 0; i < steps && !disk_.dead(); ++i) step();
      if (!disk_.dead() && pick(3) == 0) stop();
      collect();
    }
    service_.reset();
    pick(2) == 0 ? disk_.kill() : disk_.power_cut();
  }

 private:
  static constexpr std::size_t kPairs = 2;
  static constexpr std::uint64_t kNoEsn = 0xffffffff;
  static constexpr std::uint64_t kEsn = ~std::uint64_t{0};

  std::uint64_t pick(std::uint64_t below) { return random_() % below; }

  void start() {
    StateOptions options;
    options.new_state = !born_;
    auto store = StateStore::open(disk_.dir(), options);
    if (!store) {
      ASSERT_TRUE(disk_.dead() || !born_) << store.error().message;
      ++totals_.refused;
      return;
    }
    const auto boot = store->identity().boot.value();
    ASSERT_TRUE(boots_.insert(boot).second) << "boot " << boot << " again";
    born_ = true;

    std::vector<LeaseSpec> specs;
    for (std::size_t i = 0; i < kPairs; ++i) {
      specs.push_back({{base::Uid(i), LeaseDirection::Outbound}, out_[i].highest != kNoEsn});
      specs.push_back({{base::Uid(i), LeaseDirection::Inbound}, in_[i].highest != kNoEsn});
    }
    const auto writer = [this](LeaseFile leases) {
      auto made = std::make_unique<test::ManualWriter>(std::move(leases));
      writer_ = made.get();
      return made;
    };
    QuiescenceProbe probe{[this] { return ++token_; },
                          [this](std::uint64_t token) { return token <= quiescent_; }};
    auto service =
        LeaseService::open(store->take_leases(), specs, std::move(probe), now_, {}, writer);
    if (!service) {
      ASSERT_TRUE(disk_.dead()) << service.error().message;
      ++totals_.refused;
      return;
    }
    service_ = std::move(service).value();
    ++totals_.starts;
    for (std::size_t i = 0; i < kPairs; ++i) start_pair(i);
  }

  void start_pair(std::size_t i) {
    // Of a fresh gate in each life, as of fresh SAs.
    auto& out = out_[i];
    out.next = service_->start(2 * i).first;
    reset(out.sa, out.next - 1);
    service_->attach(2 * i, out.sa.source());
    auto& in = in_[i];
    in.floor = service_->start(2 * i + 1).first;
    in.seen.clear();
    in.held.clear();
    reset(in.sa, in.floor - 1);
    service_->attach(2 * i + 1, in.sa.source());
    totals_.ends += service_->start(2 * i).exhausted ? 1 : 0;
    out.view = out.sa.gate.limit();
    in.view = in.sa.gate.limit();
    for (int k = 0; k < 20 && !in.recorded.empty(); ++k) replay(i);
  }
  static void reset(test::FakeSa& sa, std::uint64_t number) {
    std::destroy_at(&sa);
    std::construct_at(&sa);
    sa.number = number;
  }

  void step() {
    const auto i = pick(kPairs);
    switch (pick(11)) {
      case 0:
      case 1: send(i, pick(4) == 0 ? pick(3000) : 1 + pick(3)); break;
      case 2:
      case 3: receive(i, pick(4) == 0 ? pick(500) : 1 + pick(3)); break;
      case 4: replay(i); break;
      case 5: see_limits(i); break;
      case 6:
        for (std::size_t k = 0; k < kPairs; ++k) see_limits(k);
        quiescent_ = token_;
        break;
      case 7: writer_->write_one(); break;
      case 8:
        if (pick(60) == 0) jump(i);
        break;
      default:
        now_ += milliseconds(pick(8) == 0 ? 900 : pick(60));
        service_->step(now_);
        break;
    }
  }

  // Near to the end of numbers without ESN.
  void jump(std::size_t i) {
    auto& out = out_[i];
    auto& in = in_[i];
    if (out.highest == kNoEsn && out.next < kNoEsn - 9000) {
      out.next = kNoEsn - 9000;
      out.sa.number = out.next - 1;
    }
    if (in.highest == kNoEsn) in.peer_next = std::max(in.peer_next, kNoEsn - 3000);
  }

  void send(std::size_t i, std::uint64_t count) {
    auto& out = out_[i];
    for (; count > 0 && out.next <= out.highest && out.next != 0; --count) {
      if (out.sa.gate.wants_raise(out.next)) service_->on_raise_request(2 * i, now_);
      if (out.next > out.view) return;
      ASSERT_GT(out.next, out.last_sent) << "sent again";
      out.last_sent = out.sa.number = out.next++;
      ++out.sa.packets;
      ++totals_.sent;
    }
  }

  void receive(std::size_t i, std::uint64_t count) {
    auto& in = in_[i];
    for (; count > 0 && in.peer_next <= in.highest && in.peer_next != 0; --count) {
      const auto number = in.peer_next;
      in.peer_next += pick(40) == 0 ? 1 + pick(100) : 1;  // some are lost on the way
      in.recorded.push_back(number);
      accept(i, number);
    }
  }
  void replay(std::size_t i) {
    auto& in = in_[i];
    if (in.recorded.empty()) return;
    // Mostly the newest: those are the ones that a bad floor lets in again.
    const auto back = std::min<std::uint64_t>(pick(in.recorded.size()), pick(50));
    accept(i, in.recorded[in.recorded.size() - 1 - static_cast<std::size_t>(back)]);
  }
  void accept(std::size_t i, std::uint64_t number) {
    auto& in = in_[i];
    if (number < in.floor || !in.seen.insert(number).second) {
      ++totals_.replays_refused;
      return;
    }
    in.sa.number = std::max(in.sa.number, number);
    ++in.sa.packets;
    if (in.sa.gate.wants_raise(number)) service_->on_raise_request(2 * i + 1, now_);
    if (number <= in.view) {
      deliver(in, number);
    } else {
      in.held.push_back(number);
      ++totals_.held;
    }
  }
  void deliver(Inbound& in, std::uint64_t number) {
    ASSERT_TRUE(in.delivered.insert(number).second) << number << " delivered again";
    ++totals_.delivered;
  }

  void see_limits(std::size_t i) {
    out_[i].view = out_[i].sa.gate.limit();
    auto& in = in_[i];
    in.view = in.sa.gate.limit();
    for (const auto number : std::exchange(in.held, {})) {
      if (number <= in.view) {
        deliver(in, number);
      } else if (pick(4) != 0) {  // else: held too long
        in.held.push_back(number);
      }
    }
  }

  // Orderly, and the next process loses nothing.
  void stop() {
    for (std::size_t i = 0; i < kPairs; ++i) see_limits(i);
    const bool exact = service_->close(now_, seconds(1));
    collect();
    service_.reset();
    ++totals_.stops;
    std::vector<std::uint64_t> used;
    for (std::size_t i = 0; i < kPairs; ++i) {
      used.push_back(out_[i].sa.number);
      used.push_back(in_[i].sa.number);
    }
    disk_.power_cut();
    start();
    if (!service_ || !exact) return;
    for (std::size_t i = 0; i < used.size(); ++i) {
      ASSERT_EQ(service_->start(i).first, used[i] + 1);
      ++totals_.exact;
    }
  }

  void collect() {
    if (!service_) return;
    const auto stats = service_->stats();
    totals_.book.raises += stats.book.raises;
    totals_.book.lowers += stats.book.lowers;
    totals_.book.restores += stats.book.restores;
    totals_.book.failures += stats.book.failures;
    totals_.failed_batches += stats.failed_batches;
  }

  std::mt19937_64 random_;
  SimDisk disk_;
  Totals& totals_;
  base::TimePoint now_{seconds(9)};
  bool born_ = false;
  std::set<std::uint16_t> boots_;
  std::deque<Outbound> out_;
  std::deque<Inbound> in_;
  std::uint64_t token_ = 0;
  std::uint64_t quiescent_ = 0;
  test::ManualWriter* writer_ = nullptr;
  std::unique_ptr<LeaseService> service_;
};

TEST(LeaseCrash, NothingIsSentOrDeliveredTwiceWhateverCrashes) {
  Totals totals;
  for (std::uint64_t seed = 1; seed <= 80; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Node node(seed, totals);
    for (int life = 0; life < 25; ++life) {
      node.live();
      if (testing::Test::HasFatalFailure()) return;
    }
  }
  EXPECT_GT(totals.starts, 1000);
  EXPECT_GT(totals.refused, 100);
  EXPECT_GT(totals.stops, 100);
  EXPECT_GT(totals.exact, 200);
  EXPECT_GT(totals.ends, 50);
  EXPECT_GT(totals.sent, 100000U);
  EXPECT_GT(totals.delivered, 100000U);
  EXPECT_GT(totals.replays_refused, 10000U);
  EXPECT_GT(totals.held, 10000U);
  EXPECT_GT(totals.book.lowers, 100U);
  EXPECT_GT(totals.book.restores, 20U);
  EXPECT_GT(totals.failed_batches, 300U);
}

}  // namespace
}  // namespace phalanx::control
