// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/cluster_state.hpp"

#include <gtest/gtest.h>

#include "support/temporary_directory.hpp"

namespace phalanx::control {
namespace {

cluster::DiskState sample() {
  cluster::DiskState state;
  state.boot = base::BootCount(7);
  state.generation = base::Generation(3);
  state.term = base::Term(0x01020304);
  state.voters.version = 9;
  state.voters.current = {base::NodeId(1), base::NodeId(2), base::NodeId(200)};
  state.voters.next = {base::NodeId(1), base::NodeId(3)};
  state.voters.decided = true;
  state.voters.left = {base::NodeId(4)};
  state.voters_at = {base::Generation(3), base::Term(5), base::Epoch(6)};
  auto& record = state.boots[base::NodeId(2)];
  record.boot = base::BootCount(513);
  record.nonce.fill(std::byte{0xaa});
  record.machine.fill(std::byte{0xbb});
  state.boots[base::NodeId(1)].boot = base::BootCount(7);
  return state;
}
StateId id_of(int fill) {
  StateId id{};
  id.fill(static_cast<std::byte>(fill));
  return id;
}

TEST(ClusterState, ComesBackAsWritten) {
  for (const auto& state : {sample(), cluster::DiskState{}}) {
    const auto read = parse_cluster_state(write_cluster_state(state, id_of(1)), id_of(1));
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(*read, state);
  }
}

TEST(ClusterState, RefusesEveryChangedByteAndEveryLength) {
  const auto bytes = write_cluster_state(sample(), id_of(1));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto changed = bytes;
    changed[i] ^= std::byte{0x40};
    EXPECT_FALSE(parse_cluster_state(changed, id_of(1)).has_value()) << "byte " << i;
    EXPECT_FALSE(parse_cluster_state(std::span(bytes).first(i), id_of(1)).has_value());
  }
}

TEST(ClusterState, RefusesThatOfAnotherDirectory) {
  EXPECT_FALSE(parse_cluster_state(write_cluster_state(sample(), id_of(1)), id_of(2)).has_value());
}

TEST(ClusterStateFile, SaysThatAnEarlierVersionWroteIt) {
  const test::TemporaryDirectory folder;
  auto dir = open_state_dir(folder.path() + "/state", true, std::nullopt);
  ASSERT_TRUE(dir.ok());
  StateOptions options;
  options.new_state = true;
  auto store = StateStore::open(*dir, options);
  ASSERT_TRUE(store.ok());
  auto bytes = write_cluster_state(sample(), store->identity().state);
  bytes[9] = std::byte{2};
  ASSERT_TRUE(replace_file(**dir, "cluster", bytes).ok());
  const auto loaded = ClusterStateFile(*dir, *store).load();
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().fault, StateFault::WrongVersion);
}

TEST(ClusterStateFile, RaisesTheBootOfTheIdentity) {
  const test::TemporaryDirectory folder;
  const auto path = folder.path() + "/state";
  for (const std::uint16_t expected_boot : {std::uint16_t{1}, std::uint16_t{8}}) {
    auto dir = open_state_dir(path, true, std::nullopt);
    ASSERT_TRUE(dir.ok());
    StateOptions options;
    options.new_state = expected_boot == 1;
    auto store = StateStore::open(*dir, options);
    ASSERT_TRUE(store.ok());
    // The boot of the cluster was 7: the next start goes on above it.
    EXPECT_EQ(store->identity().boot, base::BootCount(expected_boot));
    ClusterStateFile file(*dir, *store);
    auto before = file.load();
    ASSERT_TRUE(before.ok());
    EXPECT_EQ(before->has_value(), expected_boot != 1);
    ASSERT_TRUE(file.store(sample()).ok());
    auto after = file.load();
    ASSERT_TRUE(after.ok());
    ASSERT_TRUE(after->has_value());
    EXPECT_EQ(**after, sample());
    EXPECT_EQ(store->identity().boot, base::BootCount(std::max<std::uint16_t>(7, expected_boot)));
    EXPECT_TRUE(is_of_cluster(**dir));
  }
}

TEST(ClusterStateFile, IsForgottenOnDemand) {
  const test::TemporaryDirectory folder;
  auto dir = open_state_dir(folder.path() + "/state", true, std::nullopt);
  ASSERT_TRUE(dir.ok());
  StateOptions options;
  options.new_state = true;
  auto store = StateStore::open(*dir, options);
  ASSERT_TRUE(store.ok());
  EXPECT_FALSE(is_of_cluster(**dir));
  ClusterStateFile file(*dir, *store);
  ASSERT_TRUE(file.store(sample()).ok());
  EXPECT_TRUE(is_of_cluster(**dir));
  ASSERT_TRUE(forget_cluster(**dir).ok());
  EXPECT_FALSE(is_of_cluster(**dir));
  auto state = file.load();
  ASSERT_TRUE(state.ok());
  EXPECT_FALSE(state->has_value());
}

}  // namespace
}  // namespace phalanx::control
