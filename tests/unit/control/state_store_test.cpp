// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/state_store.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "phalanx/base/crc32c.hpp"
#include "phalanx/base/endian.hpp"
#include "sim_disk.hpp"
#include "support/exact_buffer.hpp"
#include "support/hex.hpp"

namespace phalanx::control {
namespace {

using test::SimDisk;

constexpr std::size_t kSecondCopy = 4096;

StateOptions options(bool new_state = false, std::uint8_t node = 7) {
  StateOptions value;
  value.node = base::NodeId(node);
  value.new_state = new_state;
  value.machine = MachineId{std::byte{9}};
  return value;
}

Identity example() {
  Identity identity;
  identity.node = base::NodeId(7);
  identity.boot = base::BootCount(258);
  identity.machine_known = true;
  identity.machine.fill(std::byte{0x11});
  identity.birth_key.fill(std::byte{0x22});
  identity.state.fill(std::byte{0x33});
  return identity;
}

// ---- the record

TEST(IdentityRecord, ReadsWhatItWrote) {
  const auto parsed = parse_identity(write_identity(example()));
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(*parsed, example());
}

// Packed by Python, with a CRC-32C of its own: what is on disks must stay readable.
TEST(IdentityRecord, ReadsAndWritesTheVectors) {
  std::ifstream file(PHALANX_TESTS_DIR "/vectors/state_files.txt");
  int rows = 0;
  for (std::string kind; file >> kind;) {
    unsigned node = 0;
    unsigned known = 0;
    unsigned boot = 0;
    std::string wire;
    if (kind != "identity") {
      std::getline(file, kind);
      continue;
    }
    file >> node >> known >> boot >> wire;
    Identity identity;
    identity.node = base::NodeId(static_cast<std::uint8_t>(node));
    identity.machine_known = known == 1;
    identity.boot = base::BootCount(static_cast<std::uint16_t>(boot));
    for (std::size_t i = 0; i < 16; ++i) {
      identity.machine[i] = static_cast<std::byte>(i);
      identity.birth_key[i] = static_cast<std::byte>(0x20 + i);
      identity.state[i] = static_cast<std::byte>(0x40 + i);
    }
    const auto parsed = parse_identity(test::unhex(wire));
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(*parsed, identity);
    EXPECT_EQ(test::to_hex(write_identity(identity)), wire);
    ++rows;
  }
  EXPECT_EQ(rows, 2);
}

TEST(IdentityRecord, NoticesEveryFlippedBitAndEveryTruncation) {
  const auto bytes = write_identity(example());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto copy = bytes;
    copy[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    EXPECT_FALSE(parse_identity(copy).ok()) << bit;
  }
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const test::ExactBuffer cut(std::span<const std::byte>(bytes).first(length));
    const auto parsed = parse_identity(cut.bytes());
    ASSERT_FALSE(parsed.ok());
    EXPECT_EQ(parsed.error(), IdentityError::Truncated) << length;
  }
}

TEST(IdentityRecord, RefusesNodeAndBootZero) {
  for (const bool node : {true, false}) {
    auto identity = example();
    if (node) {
      identity.node = base::NodeId(0);
    } else {
      identity.boot = base::BootCount(0);
    }
    const auto parsed = parse_identity(write_identity(identity));
    ASSERT_FALSE(parsed.ok());
    EXPECT_EQ(parsed.error(), IdentityError::BadValue);
  }
}

// ---- the directory, on a simulated disk

class StateStoreTest : public testing::Test {
 protected:
  base::Result<StateStore, StateError> open(const StateOptions& with) {
    return StateStore::open(disk_.dir(), with);
  }
  void expect_fault(const StateOptions& with, StateFault fault, const std::string& text) {
    // A check says the same as the start that it spares.
    const auto checked = StateStore::check(disk_.dir(), with);
    ASSERT_FALSE(checked.ok());
    const auto store = open(with);
    ASSERT_FALSE(store.ok());
    EXPECT_EQ(checked.error().message, store.error().message);
    EXPECT_EQ(store.error().fault, fault) << store.error().message;
    EXPECT_NE(store.error().message.find(text), std::string::npos) << store.error().message;
    EXPECT_NE(store.error().message.find("/sim"), std::string::npos) << store.error().message;
  }
  void damage(const std::string& name, std::initializer_list<std::size_t> offsets) {
    auto content = disk_.content(name);
    for (const auto offset : offsets) content[offset] ^= std::byte{0x40};
    disk_.set_content(name, content);
  }
  SimDisk disk_{3};
};

TEST_F(StateStoreTest, RefusesToStartWithoutState) {
  expect_fault(options(), StateFault::Missing, "--new-state");
  EXPECT_FALSE(disk_.exists("identity"));
}

TEST_F(StateStoreTest, CountsBootsFromOneOn) {
  const auto first = open(options(true));
  ASSERT_TRUE(first.ok()) << first.error().message;
  EXPECT_EQ(first->identity().boot, base::BootCount(1));
  EXPECT_EQ(first->identity().node, base::NodeId(7));
  EXPECT_TRUE(first->notice().empty());
  for (std::uint16_t boot = 2; boot < 10; ++boot) {
    const auto next = open(options());
    ASSERT_TRUE(next.ok()) << next.error().message;
    EXPECT_EQ(next->identity().boot, base::BootCount(boot));
    EXPECT_EQ(next->identity().birth_key, first->identity().birth_key);
    EXPECT_EQ(next->identity().state, first->identity().state);
    EXPECT_TRUE(next->notice().empty());
  }
}

TEST_F(StateStoreTest, CheckingUsesNoBootUpAndWritesNothing) {
  ASSERT_TRUE(StateStore::check(disk_.dir(), options(true)).ok());
  EXPECT_FALSE(open(options()).ok()) << "a check of a new state is no birth";
  ASSERT_TRUE(open(options(true)).ok());
  const auto identity = disk_.content("identity");
  const auto leases = disk_.content("leases");
  for (const bool new_state : {false, true}) {
    EXPECT_TRUE(StateStore::check(disk_.dir(), options(new_state)).ok());
  }
  EXPECT_EQ(disk_.content("identity"), identity);
  EXPECT_EQ(disk_.content("leases"), leases);
  const auto store = open(options());
  ASSERT_TRUE(store.ok());
  EXPECT_EQ(store->identity().boot.value(), 2);
}

TEST_F(StateStoreTest, EveryBirthHasKeysOfItsOwn) {
  std::set<BirthKey> keys;
  for (int i = 0; i < 10; ++i) {
    const auto store = open(options(true));
    ASSERT_TRUE(store.ok());
    keys.insert(store->identity().birth_key);
  }
  EXPECT_EQ(keys.size(), 10U);
}

TEST_F(StateStoreTest, NewStateOverOldStateGoesOnCountingAndForgetsLeases) {
  ASSERT_TRUE(open(options(true)).ok());
  ASSERT_TRUE(open(options()).ok());
  const cluster::LeaseKey key{base::Uid(5), cluster::LeaseDirection::Inbound};
  cluster::LeaseRecord record;
  record.key = key;
  record.number = 1000;
  {
    auto store = open(options());
    ASSERT_TRUE(store.ok());
    auto leases = store->take_leases();
    const auto slots = leases.assign(std::span(&key, 1));
    ASSERT_TRUE(slots.ok());
    const std::vector<LeaseFile::Write> writes = {{slots->front().slot, record}};
    ASSERT_TRUE(leases.commit(writes).ok());
  }
  auto store = open(options(true));
  ASSERT_TRUE(store.ok());
  EXPECT_EQ(store->identity().boot, base::BootCount(4));
  EXPECT_NE(store->notice().find("forgotten"), std::string::npos);
  auto leases = store->take_leases();
  EXPECT_EQ(leases.assign(std::span(&key, 1))->front().number, 0U);
}

TEST_F(StateStoreTest, RefusesAnotherNodesState) {
  ASSERT_TRUE(open(options(true, 7)).ok());
  expect_fault(options(false, 8), StateFault::ForeignNode, "node 7, the configuration says node 8");
  // Nor does --new-state lower the count.
  const auto store = open(options(true, 8));
  ASSERT_TRUE(store.ok());
  EXPECT_EQ(store->identity().boot, base::BootCount(2));
  EXPECT_EQ(store->identity().node, base::NodeId(8));
}

TEST_F(StateStoreTest, RefusesAnotherMachinesState) {
  ASSERT_TRUE(open(options(true)).ok());
  auto other = options();
  other.machine = MachineId{std::byte{10}};
  expect_fault(other, StateFault::ForeignMachine, "another machine");
  other.machine.reset();
  expect_fault(other, StateFault::ForeignMachine, "another machine");
}

TEST_F(StateStoreTest, CannotTellMachinesApartThatHaveNoId) {
  auto nameless = options(true);
  nameless.machine.reset();
  const auto first = open(nameless);
  ASSERT_TRUE(first.ok());
  EXPECT_FALSE(first->identity().machine_known);
  EXPECT_NE(first->identity().machine, MachineId{});
  EXPECT_TRUE(open(options()).ok());
}

TEST_F(StateStoreTest, OneDamagedCopyIsRepaired) {
  ASSERT_TRUE(open(options(true)).ok());
  for (const std::size_t copy : {std::size_t{0}, kSecondCopy}) {
    for (std::size_t i = 0; i < kIdentityBytes; ++i) {
      damage("identity", {copy + i});
      const auto store = open(options());
      ASSERT_TRUE(store.ok()) << store.error().message;
      EXPECT_NE(store->notice().find("one of two copies"), std::string::npos);
    }
  }
  const auto store = open(options());
  EXPECT_TRUE(store->notice().empty());
  EXPECT_EQ(store->identity().boot, base::BootCount(2 + 2 * kIdentityBytes));
}

TEST_F(StateStoreTest, RefusesDamagedState) {
  ASSERT_TRUE(open(options(true)).ok());
  const auto good = disk_.content("identity");
  for (std::size_t length = 0; length < kIdentityBytes; ++length) {
    disk_.set_content("identity", {good.begin(), good.begin() + static_cast<long>(length)});
    expect_fault(options(), StateFault::Damaged, "both copies");
  }
  disk_.set_content("identity", good);
  damage("identity", {20, kSecondCopy + 30});
  expect_fault(options(), StateFault::Damaged, "both copies");
  disk_.set_content("identity", std::vector<std::byte>(100000));
  expect_fault(options(), StateFault::Damaged, "larger");
  // Without a count to go on from it begins again, and says so.
  const auto store = open(options(true));
  ASSERT_TRUE(store.ok());
  EXPECT_EQ(store->identity().boot, base::BootCount(1));
  EXPECT_NE(store->notice().find("begins again at 1"), std::string::npos);
}

TEST_F(StateStoreTest, RefusesCopiesThatDiffer) {
  ASSERT_TRUE(open(options(true)).ok());
  auto content = disk_.content("identity");
  const auto other = write_identity(example());
  std::copy(other.begin(), other.end(), content.begin());
  disk_.set_content("identity", content);
  expect_fault(options(), StateFault::Damaged, "differ");
}

TEST_F(StateStoreTest, RefusesALaterFormatEvenWithNewState) {
  ASSERT_TRUE(open(options(true)).ok());
  auto content = disk_.content("identity");
  content[9] = std::byte{2};
  const auto checked = std::span<const std::byte>(content).first(kIdentityBytes - 4);
  const base::be32 crc(base::crc32c(checked));
  std::memcpy(content.data() + kIdentityBytes - 4, &crc, 4);
  disk_.set_content("identity", content);
  expect_fault(options(), StateFault::WrongVersion, "later version");
  expect_fault(options(true), StateFault::WrongVersion, "later version");
}

TEST_F(StateStoreTest, RefusesMissingOrDamagedLeasesWithoutUsingABoot) {
  ASSERT_TRUE(open(options(true)).ok());
  const auto good = disk_.content("leases");
  disk_.remove("leases");
  expect_fault(options(), StateFault::Missing, "leases");
  auto bad = good;
  std::fill_n(bad.begin(), 2 * kSecondCopy, std::byte{0});
  disk_.set_content("leases", bad);
  expect_fault(options(), StateFault::Damaged, "header");
  disk_.set_content("leases", good);
  EXPECT_EQ(open(options())->identity().boot, base::BootCount(2));
}

TEST_F(StateStoreTest, RefusesWhenAllBootsAreUsedUp) {
  ASSERT_TRUE(open(options(true)).ok());
  auto identity = *parse_identity(disk_.content("identity"));
  identity.boot = base::BootCount(65534);
  std::vector<std::byte> content(kSecondCopy + kIdentityBytes);
  const auto record = write_identity(identity);
  std::copy(record.begin(), record.end(), content.begin());
  std::copy(record.begin(), record.end(), content.begin() + kSecondCopy);
  disk_.set_content("identity", content);
  const auto last = open(options());
  ASSERT_TRUE(last.ok());
  EXPECT_EQ(last->identity().boot, base::BootCount(65535));
  expect_fault(options(), StateFault::BootsUsedUp, "65535");
  expect_fault(options(true), StateFault::BootsUsedUp, "65535");
}

TEST_F(StateStoreTest, NothingIsStartedWithoutRandomBytes) {
  const auto store =
      StateStore::open(disk_.dir(), options(true), [](std::span<std::byte>) { return false; });
  ASSERT_FALSE(store.ok());
  EXPECT_FALSE(disk_.exists("identity"));
}

// ---- crashes and failing disks

// Each start is ended at some operation, by kill or power cut, or meets errors. A boot that was
// handed out never comes again, whatever the next start finds.
void run_boot_history(std::uint64_t seed, int* refused, int* started) {
  std::mt19937_64 random(seed);
  SimDisk disk(seed * 31 + 5);
  std::set<std::uint16_t> boots;
  bool born = false;
  for (int i = 0; i < 60; ++i) {
    auto steps = random() % 16;
    const bool errors = random() % 4 == 0;
    disk.fate = [&](SimDisk::Op) {
      if (steps-- == 0) return errors ? SimDisk::Fate::Error : SimDisk::Fate::Die;
      return SimDisk::Fate::Good;
    };
    const bool new_state = !born || random() % 6 == 0;
    const auto store = StateStore::open(disk.dir(), options(new_state));
    if (store) {
      ASSERT_TRUE(boots.insert(store->identity().boot.value()).second)
          << "boot " << store->identity().boot.value() << " again";
      ASSERT_GE(store->identity().boot.value(), boots.size());
      born = true;
      ++*started;
    } else {
      const auto fault = store.error().fault;
      // The start that was to replace state was interrupted: only --new-state helps.
      const bool interrupted_birth = fault == StateFault::Damaged || fault == StateFault::Missing;
      ASSERT_TRUE(fault == StateFault::Io || interrupted_birth) << store.error().message;
      if (interrupted_birth) born = false;
      ++*refused;
    }
    random() % 2 == 0 ? disk.kill() : disk.power_cut();
  }
}

TEST(StateStoreCrash, NoBootIsHandedOutTwice) {
  int refused = 0;
  int started = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    run_boot_history(seed, &refused, &started);
    if (testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(refused, 500);
  EXPECT_GT(started, 500);
}

// Without --new-state a power cut at any operation leaves a directory that the next start takes.
TEST(StateStoreCrash, AnOrdinaryStartCanBeCutAnywhere) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    for (std::uint64_t cut = 0; cut < 12; ++cut) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << " cut " << cut);
      SimDisk disk(seed);
      ASSERT_TRUE(StateStore::open(disk.dir(), options(true)).ok());
      auto left = cut;
      disk.fate = [&](SimDisk::Op) {
        return left-- == 0 ? SimDisk::Fate::Die : SimDisk::Fate::Good;
      };
      const bool began = StateStore::open(disk.dir(), options()).ok();
      disk.power_cut();
      disk.fate = nullptr;
      const auto store = StateStore::open(disk.dir(), options());
      ASSERT_TRUE(store.ok()) << store.error().message;
      EXPECT_GE(store->identity().boot.value(), began ? 3 : 2);
    }
  }
}

}  // namespace
}  // namespace phalanx::control
