// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/lease_file.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "sim_disk.hpp"
#include "support/exact_buffer.hpp"
#include "support/hex.hpp"

namespace phalanx::control {
namespace {

using cluster::LeaseDirection;
using cluster::LeaseKey;
using cluster::LeaseRecord;
using test::SimDisk;

constexpr StateId kState = {std::byte{1}, std::byte{2}, std::byte{3}};
constexpr std::size_t kPage = 4096;

LeaseKey key(std::uint64_t uid, LeaseDirection direction = LeaseDirection::Inbound) {
  return {base::Uid(uid), direction};
}
LeaseRecord record(const LeaseKey& of, std::uint64_t number) {
  LeaseRecord value;
  value.key = of;
  value.number = number;
  return value;
}
std::vector<LeaseKey> keys(std::uint64_t count) {
  std::vector<LeaseKey> all;
  for (std::uint64_t i = 0; i < count; ++i) {
    all.push_back(
        key(1000 + i / 2, i % 2 == 0 ? LeaseDirection::Inbound : LeaseDirection::Outbound));
  }
  return all;
}

// Opens, with the same SAs each time.
struct Opened {
  std::optional<LeaseFile> file;
  std::vector<LeaseFile::Assigned> slots;
  std::optional<StateError> error;
};
Opened open(SimDisk& disk, std::span<const LeaseKey> sas) {
  Opened opened;
  auto file = LeaseFile::open(disk.dir(), kState);
  if (!file) {
    opened.error = file.error();
    return opened;
  }
  opened.file = std::move(file).value();
  auto slots = opened.file->assign(sas);
  if (!slots) {
    opened.error = slots.error();
    return opened;
  }
  opened.slots = std::move(slots).value();
  return opened;
}

// ---- one copy of one slot

TEST(LeaseSlot, ReadsWhatItWrote) {
  const LeaseSlot full{77, 9, record(key(0xabcdef, LeaseDirection::Outbound), 1ULL << 40)};
  const LeaseSlot free{3, 1, std::nullopt};
  for (const auto& slot : {full, free}) {
    const auto parsed = parse_lease_slot(write_lease_slot(slot), slot.slot);
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(*parsed, slot);
  }
}

// Packed by Python, with a CRC-32C of its own: what is on disks must stay readable.
TEST(LeaseSlot, ReadsAndWritesTheVectors) {
  std::ifstream file(PHALANX_TESTS_DIR "/vectors/state_files.txt");
  int rows = 0;
  for (std::string kind; file >> kind;) {
    LeaseSlot slot{0, 0, record(key(0xfedcba9876, LeaseDirection::Outbound), 0)};
    std::string wire;
    if (kind != "slot") {
      std::getline(file, kind);
      continue;
    }
    file >> slot.slot >> slot.version >> slot.record->number >> wire;
    const auto parsed = parse_lease_slot(test::unhex(wire), slot.slot);
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(*parsed, slot);
    EXPECT_EQ(test::to_hex(write_lease_slot(slot)), wire);
    ++rows;
  }
  EXPECT_EQ(rows, 2);
}

TEST(LeaseSlot, NoticesEveryFlippedBitAndEveryTruncation) {
  const auto bytes = write_lease_slot({5, 9, record(key(7), 100)});
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto copy = bytes;
    copy[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    EXPECT_FALSE(parse_lease_slot(copy, 5).ok()) << bit;
  }
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const test::ExactBuffer cut(std::span<const std::byte>(bytes).first(length));
    EXPECT_FALSE(parse_lease_slot(cut.bytes(), 5).ok()) << length;
  }
}

TEST(LeaseSlot, RefusesACopyThatBelongsElsewhere) {
  const auto parsed = parse_lease_slot(write_lease_slot({5, 9, record(key(7), 100)}), 6);
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.error(), LeaseSlotError::BadSlot);
}

// ---- the file

class LeaseFileTest : public testing::Test {
 protected:
  LeaseFileTest() { EXPECT_TRUE(LeaseFile::create(*disk_.dir(), kState).ok()); }
  SimDisk disk_{1};
};

TEST_F(LeaseFileTest, BeginsWithTheHeaderOfTheVectors) {
  std::ifstream file(PHALANX_TESTS_DIR "/vectors/state_files.txt");
  std::string header;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("header ")) header = line.substr(line.rfind(' ') + 1);
  }
  StateId state{};
  for (std::size_t i = 0; i < state.size(); ++i) state[i] = static_cast<std::byte>(0x40 + i);
  ASSERT_TRUE(LeaseFile::create(*disk_.dir(), state).ok());
  const auto content = disk_.content("leases");
  const std::span<const std::byte> bytes(content);
  EXPECT_EQ(test::to_hex(bytes.first(64)), header);
  EXPECT_EQ(test::to_hex(bytes.subspan(kPage, 64)), header);
  EXPECT_EQ(content.size(), 2 * kPage + 4 * 4 * kPage);
}

TEST_F(LeaseFileTest, KeepsLeasesOfBothDirectionsApart) {
  const auto sas = keys(4);
  auto first = open(disk_, sas);
  ASSERT_FALSE(first.error);
  std::vector<LeaseFile::Write> writes;
  for (std::size_t i = 0; i < sas.size(); ++i) {
    EXPECT_EQ(first.slots[i].number, 0U);
    writes.push_back({first.slots[i].slot, record(sas[i], 100 + i)});
  }
  ASSERT_TRUE(first.file->commit(writes).ok());
  auto second = open(disk_, sas);
  ASSERT_FALSE(second.error);
  for (std::size_t i = 0; i < sas.size(); ++i) EXPECT_EQ(second.slots[i].number, 100 + i);
  EXPECT_EQ(second.file->used_slots(), 4U);
}

TEST_F(LeaseFileTest, KeepsTheLeaseOfAnSaThatLeftTheConfiguration) {
  const auto sas = keys(3);
  auto first = open(disk_, sas);
  ASSERT_TRUE(
      first.file->commit(std::vector<LeaseFile::Write>{{first.slots[2].slot, record(sas[2], 55)}})
          .ok());
  const auto others = keys(2);
  for (int i = 0; i < 3; ++i) ASSERT_FALSE(open(disk_, others).error);
  EXPECT_EQ(open(disk_, sas).slots[2].number, 55U);
}

TEST_F(LeaseFileTest, GrowsAndKeepsWhatIsThere) {
  const auto few = keys(10);
  auto first = open(disk_, few);
  EXPECT_EQ(first.file->slots(), 256U);
  std::vector<LeaseFile::Write> writes;
  for (std::size_t i = 0; i < few.size(); ++i) {
    writes.push_back({first.slots[i].slot, record(few[i], 100 + i)});
  }
  ASSERT_TRUE(first.file->commit(writes).ok());
  const auto many = keys(20000);
  auto second = open(disk_, many);
  ASSERT_FALSE(second.error);
  EXPECT_EQ(second.file->slots(), 32768U);
  std::set<std::uint32_t> distinct;
  for (std::size_t i = 0; i < many.size(); ++i) {
    distinct.insert(second.slots[i].slot);
    EXPECT_EQ(second.slots[i].number, i < few.size() ? 100 + i : 0);
  }
  EXPECT_EQ(distinct.size(), many.size());
  writes.clear();
  for (std::size_t i = 0; i < many.size(); ++i) {
    writes.push_back({second.slots[i].slot, record(many[i], i + 1)});
  }
  ASSERT_TRUE(second.file->commit(writes).ok());
  auto third = open(disk_, many);
  for (std::size_t i = 0; i < many.size(); ++i) ASSERT_EQ(third.slots[i].number, i + 1);
}

TEST_F(LeaseFileTest, TheLastRecordOfASlotInABatchStands) {
  const auto sas = keys(1);
  auto first = open(disk_, sas);
  const auto slot = first.slots[0].slot;
  const std::vector<LeaseFile::Write> twice = {{slot, record(sas[0], 10)},
                                               {slot, record(sas[0], 5)}};
  ASSERT_TRUE(first.file->commit(twice).ok());
  ASSERT_TRUE(first.file->commit(std::vector<LeaseFile::Write>{{slot, record(sas[0], 6)}}).ok());
  EXPECT_EQ(open(disk_, sas).slots[0].number, 6U);
}

// No single bad page may lower a lease: neither the one of the newest version nor any other.
TEST_F(LeaseFileTest, AnyOneDamagedPageDoesNoHarm) {
  const auto sas = keys(100);
  auto first = open(disk_, sas);
  std::mt19937_64 random(7);
  std::vector<std::uint64_t> numbers(sas.size());
  for (int round = 0; round < 5; ++round) {
    std::vector<LeaseFile::Write> writes;
    for (std::size_t i = 0; i < sas.size(); ++i) {
      if (random() % 2 == 0) continue;
      numbers[i] += 1 + random() % 100;
      writes.push_back({first.slots[i].slot, record(sas[i], numbers[i])});
    }
    ASSERT_TRUE(first.file->commit(writes).ok());
  }
  const auto good = disk_.content("leases");
  for (std::size_t page = 0; page < good.size(); page += kPage) {
    auto bad = good;
    std::fill_n(bad.begin() + static_cast<std::ptrdiff_t>(page), kPage, std::byte{0xa5});
    disk_.set_content("leases", bad);
    auto again = open(disk_, sas);
    ASSERT_FALSE(again.error) << page << again.error->message;
    EXPECT_GE(again.file->damaged_copies(), 1U);
    for (std::size_t i = 0; i < sas.size(); ++i) {
      ASSERT_EQ(again.slots[i].number, numbers[i]) << "page at " << page;
    }
  }
}

TEST_F(LeaseFileTest, RefusesASlotWhoseCopiesAreAllDamaged) {
  auto content = disk_.content("leases");
  for (std::size_t side = 0; side < 4; ++side) content[2 * kPage + side * kPage] ^= std::byte{1};
  disk_.set_content("leases", content);
  const auto opened = open(disk_, keys(1));
  ASSERT_TRUE(opened.error);
  EXPECT_EQ(opened.error->fault, StateFault::Damaged);
  EXPECT_NE(opened.error->message.find("slot 0"), std::string::npos);
}

TEST_F(LeaseFileTest, RefusesWhatIsNotItsFile) {
  const auto good = disk_.content("leases");
  struct Case {
    const char* what;
    std::function<std::vector<std::byte>()> content;
    StateFault fault;
  };
  const auto changed = [&good](std::size_t offset) {
    auto copy = good;
    copy[offset] ^= std::byte{1};
    copy[offset + kPage] ^= std::byte{1};
    return copy;
  };
  const Case cases[] = {
      {"empty", [] { return std::vector<std::byte>(); }, StateFault::Damaged},
      {"both headers", [&] { return changed(0); }, StateFault::Damaged},
      {"both checksums", [&] { return changed(63); }, StateFault::Damaged},
      {"cut", [&] { return std::vector(good.begin(), good.end() - 1); }, StateFault::Damaged},
      {"longer",
       [&] {
         auto copy = good;
         copy.push_back(std::byte{0});
         return copy;
       },
       StateFault::Damaged},
  };
  for (const auto& row : cases) {
    SCOPED_TRACE(row.what);
    disk_.set_content("leases", row.content());
    const auto opened = open(disk_, keys(1));
    ASSERT_TRUE(opened.error);
    EXPECT_EQ(opened.error->fault, row.fault);
  }
  disk_.remove("leases");
  EXPECT_EQ(open(disk_, keys(1)).error->fault, StateFault::Missing);
}

TEST_F(LeaseFileTest, RefusesTheLeasesOfAnotherState) {
  const auto opened = LeaseFile::open(disk_.dir(), StateId{});
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().fault, StateFault::Damaged);
  EXPECT_NE(opened.error().message.find("another state"), std::string::npos);
}

TEST_F(LeaseFileTest, AFailedCommitLeavesTheOldLeaseAndTheNextOneWorks) {
  const auto sas = keys(1);
  auto opened = open(disk_, sas);
  const auto write = [&](std::uint64_t number) {
    return std::vector<LeaseFile::Write>{{opened.slots[0].slot, record(sas[0], number)}};
  };
  ASSERT_TRUE(opened.file->commit(write(10)).ok());
  for (const auto failing : {SimDisk::Op::Write, SimDisk::Op::Sync}) {
    disk_.fate = [failing](SimDisk::Op op) {
      return op == failing ? SimDisk::Fate::Error : SimDisk::Fate::Good;
    };
    for (int i = 0; i < 5; ++i) {
      EXPECT_FALSE(opened.file->commit(write(20 + static_cast<std::uint64_t>(i))).ok());
    }
    disk_.fate = nullptr;
  }
  ASSERT_TRUE(opened.file->commit(write(12)).ok());
  disk_.power_cut();
  EXPECT_EQ(open(disk_, sas).slots[0].number, 12U);
}

// A process writes 20 and is killed before the sync: the next one reads 20 from the page cache. If
// it took that for durable it would overwrite 10, the only version that is on the disk.
TEST_F(LeaseFileTest, DoesNotTakeThePageCacheForTheDisk) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    SimDisk disk(seed);
    ASSERT_TRUE(LeaseFile::create(*disk.dir(), kState).ok());
    const auto sas = keys(1);
    const auto write = [&](Opened& opened, std::uint64_t number) {
      return opened.file->commit(
          std::vector<LeaseFile::Write>{{opened.slots[0].slot, record(sas[0], number)}});
    };
    auto first = open(disk, sas);
    ASSERT_TRUE(write(first, 10).ok());
    disk.fate = [&](SimDisk::Op op) {
      return op == SimDisk::Op::Sync ? SimDisk::Fate::Die : SimDisk::Fate::Good;
    };
    ASSERT_FALSE(write(first, 20).ok());
    disk.kill();
    disk.fate = nullptr;
    auto second = open(disk, sas);
    ASSERT_EQ(second.slots[0].number, 20U);
    disk.fate = [&](SimDisk::Op op) {
      return op == SimDisk::Op::Sync ? SimDisk::Fate::Die : SimDisk::Fate::Good;
    };
    ASSERT_FALSE(write(second, 30).ok());
    disk.power_cut();
    disk.fate = nullptr;
    EXPECT_GE(open(disk, sas).slots[0].number, 20U);
  }
}

// ---- crashes

// One process after the other, each ended at some operation, by kill or by power cut, on a disk
// that also fails now and then. What the next one reads must be what was committed last, or
// something that was tried since.
class LeaseFileHistory {
 public:
  explicit LeaseFileHistory(std::uint64_t seed) : random_(seed), disk_(seed * 77 + 1) {
    EXPECT_TRUE(LeaseFile::create(*disk_.dir(), kState).ok());
    for (const auto& sa : sas_) possible_[sa] = {0};
  }

  void run_process() {
    std::uint64_t die_after = pick(120);
    bool in_assign = true;
    const bool failing = pick(3) == 0;
    disk_.fate = [&, failing](SimDisk::Op) {
      if (die_after-- == 0) return SimDisk::Fate::Die;
      return failing && !in_assign && pick(8) == 0 ? SimDisk::Fate::Error : SimDisk::Fate::Good;
    };
    auto opened = open(disk_, sas_);
    in_assign = false;
    if (opened.error) {
      ASSERT_TRUE(disk_.dead()) << opened.error->message;
    } else {
      check(opened);
      if (testing::Test::HasFatalFailure()) return;
      while (!disk_.dead()) commit(opened);
    }
    ++processes;
    if (pick(2) == 0) {
      disk_.kill();
    } else {
      disk_.power_cut();
      ++power_cuts;
    }
  }

  int processes = 0;
  int power_cuts = 0;
  int in_doubt = 0;  // restarts that found a record which was never acknowledged
  int failed = 0;

 private:
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }

  void check(const Opened& opened) {
    for (std::size_t i = 0; i < sas_.size(); ++i) {
      auto& possible = possible_[sas_[i]];
      const auto number = opened.slots[i].number;
      ASSERT_TRUE(possible.contains(number)) << "SA " << i << " has " << number;
      if (number != committed_[sas_[i]]) ++in_doubt;
      // The file was written anew: nothing else can come back.
      possible = {number};
      committed_[sas_[i]] = number;
    }
  }

  void commit(Opened& opened) {
    std::vector<LeaseFile::Write> writes;
    std::vector<std::pair<LeaseKey, std::uint64_t>> tried;
    for (std::size_t i = 0; i < sas_.size(); ++i) {
      if (pick(2) == 0) continue;
      const auto number = ++last_number_;  // all different, so that a stale one is recognised
      writes.push_back({opened.slots[i].slot, record(sas_[i], number)});
      tried.emplace_back(sas_[i], number);
      possible_[sas_[i]].insert(number);
    }
    if (!opened.file->commit(writes).ok()) {
      ++failed;
      return;
    }
    for (const auto& [sa, number] : tried) {
      possible_[sa] = {number};
      committed_[sa] = number;
    }
  }

  std::mt19937_64 random_;
  SimDisk disk_;
  std::vector<LeaseKey> sas_ = keys(5);
  std::map<LeaseKey, std::set<std::uint64_t>> possible_;
  std::map<LeaseKey, std::uint64_t> committed_;
  std::uint64_t last_number_ = 0;
};

TEST(LeaseFileCrash, NoCommittedLeaseIsLost) {
  int processes = 0;
  int power_cuts = 0;
  int in_doubt = 0;
  int failed = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    LeaseFileHistory history(seed);
    for (int i = 0; i < 40; ++i) {
      history.run_process();
      if (testing::Test::HasFatalFailure()) return;
    }
    processes += history.processes;
    power_cuts += history.power_cuts;
    in_doubt += history.in_doubt;
    failed += history.failed;
  }
  EXPECT_EQ(processes, 60 * 40);
  EXPECT_GT(power_cuts, 800);
  EXPECT_GT(in_doubt, 100);
  EXPECT_GT(failed, 1000);
}

}  // namespace
}  // namespace phalanx::control
