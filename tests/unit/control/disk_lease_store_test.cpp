// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/disk_lease_store.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "sim_disk.hpp"

namespace phalanx::control {
namespace {

using cluster::Direction;
using cluster::DiskLease;
using cluster::StoreLeases;
using test::SimDisk;

constexpr StateId kState = {std::byte{1}, std::byte{2}};
constexpr base::BucketIndex kBucket(200);

// Writes when it is told to, in the caller's thread.
class HandWriter final : public LeaseWriter {
 public:
  explicit HandWriter(LeaseFile file) : file_(std::move(file)) {}
  void submit(std::vector<LeaseFile::Write> batch) override { queue_.push_back(std::move(batch)); }
  void take_done(std::vector<LeaseOutcome>& done) override {
    done.insert(done.end(), done_.begin(), done_.end());
    done_.clear();
  }
  bool wait_idle(base::Duration) override {
    write();
    return true;
  }
  void write() {
    for (auto& batch : std::exchange(queue_, {})) {
      auto result = file_.place(batch);
      if (result) result = file_.commit(batch);
      done_.push_back({number_++, result ? std::nullopt : std::optional(result.error())});
    }
  }

 private:
  LeaseFile file_;
  std::vector<std::vector<LeaseFile::Write>> queue_;
  std::vector<LeaseOutcome> done_;
  std::size_t number_ = 0;
};

struct Opened {
  std::unique_ptr<DiskLeaseStore> store;
  HandWriter* writer = nullptr;
};
Opened open(SimDisk& disk) {
  Opened opened;
  auto file = LeaseFile::open(disk.dir(), kState);
  EXPECT_TRUE(file.ok());
  auto store = DiskLeaseStore::open(std::move(file).value(), [&](LeaseFile leases) {
    auto writer = std::make_unique<HandWriter>(std::move(leases));
    opened.writer = writer.get();
    return writer;
  });
  EXPECT_TRUE(store.ok());
  opened.store = std::move(store).value();
  return opened;
}
std::map<std::uint64_t, std::uint64_t> numbers(const std::vector<DiskLease>& leases) {
  std::map<std::uint64_t, std::uint64_t> found;
  for (const auto& lease : leases) found[lease.uid.value()] = lease.number;
  return found;
}
DiskLease lease(std::uint64_t uid, std::uint64_t number) {
  return {base::Uid(uid), kBucket, Direction::Outbound, number};
}

TEST(DiskLeaseStore, FindsWhatWasConfirmedAfterAPowerCut) {
  SimDisk disk(1);
  ASSERT_TRUE(LeaseFile::create(*disk.dir(), kState).ok());
  {
    auto [store, writer] = open(disk);
    ASSERT_TRUE(store->store({1, false, {lease(5, 100), lease(6, 200)}}));
    std::vector<std::uint64_t> ids;
    ASSERT_TRUE(store->take_stored(ids));
    EXPECT_TRUE(ids.empty()) << "confirmed before it was written";
    writer->write();
    ASSERT_TRUE(store->take_stored(ids));
    EXPECT_EQ(ids, std::vector<std::uint64_t>{1});
    ASSERT_TRUE(store->store({2, false, {lease(5, 50)}}));  // never written
  }
  disk.power_cut();
  const auto found = open(disk).store->found();
  EXPECT_EQ(numbers(found), (std::map<std::uint64_t, std::uint64_t>{{5, 100}, {6, 200}}));
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].bucket, kBucket);
  EXPECT_EQ(found[0].direction, Direction::Outbound);
}

TEST(DiskLeaseStore, IsDurableWhenItHadToWait) {
  SimDisk disk(2);
  ASSERT_TRUE(LeaseFile::create(*disk.dir(), kState).ok());
  {
    auto [store, writer] = open(disk);
    ASSERT_TRUE(store->store({1, false, {lease(5, 100)}}));
    ASSERT_TRUE(store->store({2, true, {lease(6, 200)}}));
  }
  disk.power_cut();
  EXPECT_EQ(numbers(open(disk).store->found()),
            (std::map<std::uint64_t, std::uint64_t>{{5, 100}, {6, 200}}));
}

TEST(DiskLeaseStore, GrowsWithTheSasItMeets) {
  SimDisk disk(3);
  ASSERT_TRUE(LeaseFile::create(*disk.dir(), kState).ok());
  std::map<std::uint64_t, std::uint64_t> expected;
  {
    auto [store, writer] = open(disk);
    for (std::uint64_t batch = 1; batch <= 8; ++batch) {
      StoreLeases leases{batch, true, {}};
      for (std::uint64_t i = 1; i <= 150; ++i) {
        const auto uid = batch * 100 + i;  // some are known already
        leases.leases.push_back(lease(uid, uid + batch));
        expected[uid] = uid + batch;
      }
      ASSERT_TRUE(store->store(leases));
    }
  }
  disk.power_cut();
  EXPECT_EQ(numbers(open(disk).store->found()), expected);
}

TEST(DiskLeaseStore, SaysWhenTheDiskRefuses) {
  SimDisk disk(4);
  ASSERT_TRUE(LeaseFile::create(*disk.dir(), kState).ok());
  auto [store, writer] = open(disk);
  disk.fate = [](SimDisk::Op) { return SimDisk::Fate::Error; };
  ASSERT_TRUE(store->store({1, false, {lease(5, 100)}}));
  writer->write();
  std::vector<std::uint64_t> ids;
  EXPECT_FALSE(store->take_stored(ids));
  EXPECT_TRUE(ids.empty());
  EXPECT_FALSE(store->store({2, true, {lease(5, 100)}}));
}

// A gateway alone keeps its leases in the same file. The cluster never knew of them.
TEST(DiskLeaseStore, LeavesOutWhatIsOfNoBucket) {
  SimDisk disk(5);
  ASSERT_TRUE(LeaseFile::create(*disk.dir(), kState).ok());
  {
    auto file = LeaseFile::open(disk.dir(), kState);
    ASSERT_TRUE(file.ok());
    cluster::LeaseRecord record;
    record.key = {base::Uid(5), cluster::LeaseDirection::Inbound};
    record.number = 900;
    ASSERT_TRUE(file->assign(std::span(&record.key, 1)).ok());
    std::vector<LeaseFile::Write> writes{{LeaseFile::kByKey, record}};
    ASSERT_TRUE(file->place(writes).ok());
    ASSERT_TRUE(file->commit(writes).ok());
  }
  EXPECT_TRUE(open(disk).store->found().empty());
}

}  // namespace
}  // namespace phalanx::control
