// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/cluster_roster.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>

#include "phalanx/control/roster_file.hpp"
#include "support/temporary_directory.hpp"

namespace phalanx::control {
namespace {

constexpr base::NodeId kFirst{1};

ClusterMember member_of(std::uint8_t id, bool witness = false) {
  return {base::NodeId(id), "n" + std::to_string(id), net::IpAddress::v4(0x0a090000U + id),
          witness};
}
Roster roster_of_three() {
  return Roster({member_of(1), member_of(2), member_of(3, true)});
}

TEST(Roster, RefusesWordsThatMakeNoSense) {
  using Word = Roster::Said (*)(Roster&);
  struct Case {
    const char* what;
    Word word;
    bool taken;
  };
  const Case cases[] = {
      {"a new member", [](Roster& r) { return r.join(member_of(4), kFirst); }, true},
      {"a new witness", [](Roster& r) { return r.join(member_of(4, true), kFirst); }, true},
      {"a member", [](Roster& r) { return r.join(member_of(2), kFirst); }, false},
      {"an address in use",
       [](Roster& r) {
         auto member = member_of(4);
         member.address = member_of(2).address;
         return r.join(member, kFirst);
       },
       false},
      {"a name in use",
       [](Roster& r) {
         auto member = member_of(4);
         member.name = "n2";
         return r.join(member, kFirst);
       },
       false},
      {"no name",
       [](Roster& r) {
         auto member = member_of(4);
         member.name = "";
         return r.join(member, kFirst);
       },
       false},
      {"a long name",
       [](Roster& r) {
         auto member = member_of(4);
         member.name.assign(kMaxMemberName + 1, 'n');
         return r.join(member, kFirst);
       },
       false},
      {"a member leaves",
       [](Roster& r) { return r.set_membership(base::NodeId(2), Membership::Leaving, kFirst); },
       true},
      {"nobody leaves",
       [](Roster& r) { return r.set_membership(base::NodeId(9), Membership::Leaving, kFirst); },
       false},
      {"a weight", [](Roster& r) { return r.set_weight(base::NodeId(2), 1000, kFirst); }, true},
      {"too much", [](Roster& r) { return r.set_weight(base::NodeId(2), 1001, kFirst); }, false},
      {"of nobody", [](Roster& r) { return r.set_weight(base::NodeId(9), 1, kFirst); }, false},
      {"of a witness", [](Roster& r) { return r.set_weight(base::NodeId(3), 1, kFirst); }, false},
      {"a drain", [](Roster& r) { return r.set_drained(base::NodeId(2), true, kFirst); }, true},
      {"of a witness", [](Roster& r) { return r.set_drained(base::NodeId(3), true, kFirst); },
       false},
  };
  for (const auto& [what, word, taken] : cases) {
    auto roster = roster_of_three();
    const auto said = word(roster);
    EXPECT_EQ(said.ok(), taken) << what;
    EXPECT_EQ(roster.entries().empty(), !taken) << what;
  }
}

TEST(Roster, HasNoMoreMembersThanTheConfigMay) {
  Roster roster({});
  for (std::uint8_t id = 1; id <= kMaxMembers; ++id) {
    ASSERT_TRUE(roster.join(member_of(id), kFirst));
  }
  EXPECT_FALSE(roster.join(member_of(kMaxMembers + 1), kFirst));
  ASSERT_TRUE(roster.set_membership(kFirst, Membership::Expelled, kFirst));
  EXPECT_TRUE(roster.join(member_of(kMaxMembers + 1), kFirst));
}

TEST(Roster, GivesAnIdAnotherAddressWithoutWhatWasSaidOfTheOldOne) {
  auto roster = roster_of_three();
  const base::NodeId two(2);
  ASSERT_TRUE(roster.set_drained(two, true, kFirst));
  ASSERT_TRUE(roster.set_weight(two, 7, kFirst));
  ASSERT_TRUE(roster.set_membership(two, Membership::Expelled, kFirst));
  EXPECT_FALSE(roster.set_membership(two, Membership::Leaving, kFirst));
  auto other = member_of(2);
  other.address = net::IpAddress::v4(0x0a0900c8);
  ASSERT_TRUE(roster.join(other, kFirst));
  EXPECT_EQ(roster.find(two)->address, other.address);
  EXPECT_EQ(roster.entry(two).membership, Membership::Member);
  EXPECT_FALSE(roster.entry(two).drained);
  EXPECT_FALSE(roster.entry(two).weight.has_value());
  EXPECT_EQ(roster.members().size(), 3U);
}

// Whatever is said where, and in whatever order it gets around: all end with the same.
TEST(Roster, IsTheSameEverywhereInTheEnd) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](unsigned limit) { return static_cast<std::uint8_t>(random() % limit); };
    std::array<Roster, 3> nodes = {roster_of_three(), roster_of_three(), roster_of_three()};
    for (int step = 0; step < 60; ++step) {
      const auto at = below(3);
      const base::NodeId by(static_cast<std::uint8_t>(at + 1));
      const base::NodeId about(static_cast<std::uint8_t>(1 + below(6)));
      auto& roster = nodes[at];
      switch (below(6)) {
        case 0: static_cast<void>(roster.join(member_of(about.value()), by)); break;
        case 1:
          static_cast<void>(roster.set_membership(about, static_cast<Membership>(below(3)), by));
          break;
        case 2: static_cast<void>(roster.set_weight(about, below(200), by)); break;
        case 3: static_cast<void>(roster.set_drained(about, below(2) == 0, by)); break;
        default: static_cast<void>(roster.merge(nodes[below(3)].entries())); break;
      }
    }
    for (int round = 0; round < 2; ++round) {
      for (auto& to : nodes) {
        for (const auto& from : nodes) static_cast<void>(to.merge(from.entries()));
      }
    }
    EXPECT_EQ(nodes[0].entries(), nodes[1].entries()) << "seed " << seed;
    EXPECT_EQ(nodes[0].entries(), nodes[2].entries()) << "seed " << seed;
    EXPECT_FALSE(nodes[0].merge(nodes[1].entries()));
  }
}

RosterEntries sample() {
  auto roster = roster_of_three();
  static_cast<void>(roster.join(member_of(4, true), kFirst));
  static_cast<void>(roster.join(member_of(200), base::NodeId(3)));
  static_cast<void>(roster.set_membership(base::NodeId(2), Membership::Expelled, kFirst));
  static_cast<void>(roster.set_weight(base::NodeId(200), 1000, kFirst));
  static_cast<void>(roster.set_drained(kFirst, true, kFirst));
  return roster.entries();
}

TEST(Roster, ComesBackAsWritten) {
  for (const auto& entries : {sample(), RosterEntries{}}) {
    const auto read = parse_roster(write_roster(entries));
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(*read, entries);
  }
}

TEST(Roster, RefusesWhatIsCutOrOutOfRange) {
  const auto bytes = write_roster(sample());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_FALSE(parse_roster(std::span(bytes).first(i)).has_value()) << i;
    // Any byte may be any value: what is taken must be writable again.
    for (const auto flip : {0x01, 0x80, 0xff}) {
      auto changed = bytes;
      changed[i] ^= static_cast<std::byte>(flip);
      const auto read = parse_roster(changed);
      if (!read) continue;
      EXPECT_EQ(parse_roster(write_roster(*read)), read) << i;
    }
  }
  auto longer = bytes;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(parse_roster(longer).has_value());
  RosterEntries last;
  last[kFirst].share_stamp.count = ~std::uint64_t{0};
  EXPECT_FALSE(parse_roster(write_roster(last)).has_value()) << "nothing could ever follow";
}

StateId id_of(int fill) {
  StateId id{};
  id.fill(static_cast<std::byte>(fill));
  return id;
}

TEST(RosterFile, RefusesEveryChangedByteAndThatOfAnotherDirectory) {
  const auto bytes = write_roster_file(sample(), id_of(1));
  EXPECT_EQ(parse_roster_file(bytes, id_of(1)), sample());
  EXPECT_FALSE(parse_roster_file(bytes, id_of(2)).has_value());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto changed = bytes;
    changed[i] ^= std::byte{0x40};
    EXPECT_FALSE(parse_roster_file(changed, id_of(1)).has_value()) << "byte " << i;
    EXPECT_FALSE(parse_roster_file(std::span(bytes).first(i), id_of(1)).has_value());
  }
}

TEST(RosterFile, KeepsWhatItIsGiven) {
  const test::TemporaryDirectory folder;
  const auto path = folder.path() + "/state";
  auto dir = open_state_dir(path, true, std::nullopt);
  ASSERT_TRUE(dir.ok());
  StateOptions options;
  options.new_state = true;
  auto store = StateStore::open(*dir, options);
  ASSERT_TRUE(store.ok());
  RosterFile file(*dir, *store);
  auto loaded = file.load();
  ASSERT_TRUE(loaded.ok());
  EXPECT_TRUE(loaded->empty());
  ASSERT_TRUE(file.store(sample()).ok());
  loaded = file.load();
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(*loaded, sample());
}

}  // namespace
}  // namespace phalanx::control
