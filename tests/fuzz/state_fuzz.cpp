// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
// modules: control cluster
//
// What a disk gives back, from any bytes. First byte: 0 lease record, 1 slot, 2 identity, 3 a whole
// identity file, 4 a whole lease file, 5 a good lease file with edits of offset (2) and value (1),
// 6 what a voter of a cluster keeps; with 128 added the checksums are made right, as after a write
// by something that knows them. What parses must write back to the same; a state that is accepted
// must be a possible one, and a lease file that is accepted must hold what is committed to it.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "phalanx/base/crc32c.hpp"
#include "phalanx/base/endian.hpp"
#include "phalanx/cluster/lease_record.hpp"
#include "phalanx/control/cluster_state.hpp"
#include "phalanx/control/lease_file.hpp"
#include "phalanx/control/state_store.hpp"

namespace {

using namespace phalanx;
using control::FileError;
using control::FileFault;
using control::FileResult;
using Bytes = std::vector<std::byte>;

constexpr control::StateId kState = {std::byte{1}};
constexpr cluster::LeaseKey kKey{base::Uid(0x42), cluster::LeaseDirection::Inbound};

void require(bool condition) {
  if (!condition) std::abort();
}

// Files in memory that never fail.
class MemoryDir final : public control::StateDir {
 public:
  std::map<std::string, std::shared_ptr<Bytes>> files;

  const std::string& path() const noexcept override { return path_; }
  base::Result<Bytes, FileError> read(const std::string& name, std::size_t limit) override {
    const auto found = files.find(name);
    if (found == files.end()) return FileError{FileFault::NotFound, 0};
    if (found->second->size() > limit) return FileError{FileFault::TooLarge, 0};
    return *found->second;
  }
  base::Result<std::unique_ptr<control::StateFile>, FileError> open(
      const std::string& name) override {
    return std::unique_ptr<control::StateFile>(std::make_unique<File>(files.at(name)));
  }
  base::Result<std::unique_ptr<control::StateFile>, FileError> create(
      const std::string& name) override {
    files[name] = std::make_shared<Bytes>();
    return open(name);
  }
  FileResult rename(const std::string& from, const std::string& to) override {
    files[to] = files.at(from);
    files.erase(from);
    return base::Ok{};
  }
  FileResult sync() override { return base::Ok{}; }

 private:
  class File final : public control::StateFile {
   public:
    explicit File(std::shared_ptr<Bytes> content) : content_(std::move(content)) {}
    FileResult write_at(std::uint64_t offset, std::span<const std::byte> bytes) noexcept override {
      const auto from = static_cast<std::size_t>(offset);
      if (content_->size() < from + bytes.size()) content_->resize(from + bytes.size());
      std::copy(bytes.begin(), bytes.end(), content_->begin() + static_cast<std::ptrdiff_t>(from));
      return base::Ok{};
    }
    FileResult sync() noexcept override { return base::Ok{}; }

   private:
    std::shared_ptr<Bytes> content_;
  };
  std::string path_ = "/memory";
};

void check_record(std::span<const std::byte> input) {
  const auto record = cluster::parse_lease_record(input);
  if (!record) return;
  const auto again = cluster::parse_lease_record(cluster::write_lease_record(*record));
  require(again.ok() && *again == *record);
}

// The last 4 of the first `length` bytes are the CRC-32C of those before them.
Bytes with_checksum(std::span<const std::byte> input, std::size_t length) {
  Bytes bytes(input.begin(), input.end());
  if (bytes.size() < length) return bytes;
  const auto checked = std::span<const std::byte>(bytes).first(length - sizeof(base::be32));
  const base::be32 crc(base::crc32c(checked));
  std::memcpy(bytes.data() + checked.size(), &crc, sizeof(crc));
  return bytes;
}

void check_slot(std::span<const std::byte> input) {
  const auto slot = control::parse_lease_slot(input, 3);
  if (!slot) return;
  const auto again = control::parse_lease_slot(control::write_lease_slot(*slot), 3);
  require(again.ok() && *again == *slot);
}

void check_cluster(std::span<const std::byte> input) {
  const auto state = control::parse_cluster_state(input, kState);
  if (!state) return;
  const auto again =
      control::parse_cluster_state(control::write_cluster_state(*state, kState), kState);
  require(again.has_value() && *again == *state);
}

void check_identity(std::span<const std::byte> input) {
  const auto identity = control::parse_identity(input);
  if (!identity) return;
  require(identity->node.value() != 0 && identity->boot.value() != 0);
  const auto again = control::parse_identity(control::write_identity(*identity));
  require(again.ok() && *again == *identity);
}

void check_identity_file(std::span<const std::byte> input) {
  const auto dir = std::make_shared<MemoryDir>();
  dir->files["identity"] = std::make_shared<Bytes>(input.begin(), input.end());
  control::StateOptions options;
  for (const bool new_state : {false, true}) {
    options.new_state = new_state;
    const auto store = control::StateStore::open(dir, options);
    require(!store.ok() || store->identity().boot.value() != 0);
  }
}

void check_lease_file(std::shared_ptr<Bytes> content) {
  const auto dir = std::make_shared<MemoryDir>();
  dir->files["leases"] = std::move(content);
  auto file = control::LeaseFile::open(dir, kState);
  if (!file) return;
  const auto slots = file->assign(std::span(&kKey, 1));
  require(slots.ok() && slots->size() == 1);
  cluster::LeaseRecord record;
  record.key = kKey;
  record.number = slots->front().number + 1;
  const std::array<control::LeaseFile::Write, 1> writes = {{{slots->front().slot, record}}};
  require(file->commit(writes).ok());
  auto again = control::LeaseFile::open(dir, kState);
  require(again.ok());
  require(again->assign(std::span(&kKey, 1))->front().number == record.number);
}

// Made once; all slots are free.
const Bytes& good_lease_file() {
  static const Bytes content = [] {
    MemoryDir dir;
    require(control::LeaseFile::create(dir, kState).ok());
    return *dir.files.at("leases");
  }();
  return content;
}

void check_edited_lease_file(std::span<const std::byte> edits, bool repair) {
  auto content = std::make_shared<Bytes>(good_lease_file());
  for (; edits.size() >= 3; edits = edits.subspan(3)) {
    const auto offset =
        std::to_integer<std::size_t>(edits[0]) << 8 | std::to_integer<std::size_t>(edits[1]);
    (*content)[offset % content->size()] = edits[2];
    if (!repair) continue;
    // Header and slots alike are 64 bytes at multiples of 64.
    const auto unit = std::span(*content).subspan(
        offset % content->size() / control::kLeaseSlotBytes * control::kLeaseSlotBytes,
        control::kLeaseSlotBytes);
    const auto repaired = with_checksum(unit, unit.size());
    std::copy(repaired.begin(), repaired.end(), unit.begin());
  }
  check_lease_file(std::move(content));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = std::as_bytes(std::span(data, size));
  if (input.empty()) return 0;
  const auto rest = input.subspan(1);
  const bool repair = (data[0] & 128) != 0;
  const auto repaired = [&](std::size_t length) {
    return repair ? with_checksum(rest, length) : Bytes(rest.begin(), rest.end());
  };
  switch (data[0] & 127) {
    case 0: check_record(rest); break;
    case 1: check_slot(repaired(control::kLeaseSlotBytes)); break;
    case 2: check_identity(repaired(control::kIdentityBytes)); break;
    case 3: check_identity_file(repaired(control::kIdentityBytes)); break;
    case 4: check_lease_file(std::make_shared<Bytes>(rest.begin(), rest.end())); break;
    case 5: check_edited_lease_file(rest, repair); break;
    case 6: check_cluster(repaired(std::max(rest.size(), sizeof(base::be32)))); break;
    default: break;
  }
  return 0;
}
