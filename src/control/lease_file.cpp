// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/lease_file.hpp"

#include <algorithm>
#include <bit>
#include <numeric>
#include <string>
#include <utility>

#include "phalanx/base/bytes.hpp"
#include "phalanx/base/crc32c.hpp"
#include "phalanx/base/endian.hpp"

namespace phalanx::control {
namespace {

constexpr const char* kLeasesName = "leases";
constexpr std::array<char, 8> kMagic = {'P', 'H', 'X', 'L', 'E', 'A', 'S', 'E'};
constexpr std::uint16_t kVersion = 1;

// Pages: header, header again, then groups of four: A, A again, B, B again of 64 slots.
constexpr std::size_t kPage = 4096;
constexpr std::size_t kSlotsOfGroup = kPage / kLeaseSlotBytes;
constexpr std::size_t kSides = 2;
constexpr std::size_t kMirrors = 2;
constexpr std::size_t kGroupBytes = kSides * kMirrors * kPage;
constexpr std::size_t kFirstGroup = 2 * kPage;
constexpr std::size_t kInitialSlots = 256;  // 64 KiB
// 2^20 slots in 256 MiB: what a damaged header can make us read.
constexpr std::size_t kMostSlots = std::size_t{1} << 20;

constexpr std::size_t file_bytes(std::size_t slots) noexcept {
  return kFirstGroup + slots / kSlotsOfGroup * kGroupBytes;
}
constexpr std::size_t offset_of(std::uint32_t slot, std::size_t side, std::size_t mirror) noexcept {
  return kFirstGroup + slot / kSlotsOfGroup * kGroupBytes + (side * kMirrors + mirror) * kPage +
         slot % kSlotsOfGroup * kLeaseSlotBytes;
}

struct HeaderWire {
  std::array<char, 8> magic;
  base::be16 version;
  base::be16 reserved;
  base::be32 slots;
  StateId state;
  std::array<std::byte, 28> reserved2;
  base::be32 crc;
};
static_assert(sizeof(HeaderWire) == 64 && alignof(HeaderWire) == 1);

struct SlotWire {
  std::array<std::byte, cluster::kLeaseRecordBytes> record;  // all zero: free
  base::be64 version;
  base::be32 slot;
  std::array<std::byte, 8> reserved;
  base::be32 crc;
};
static_assert(sizeof(SlotWire) == kLeaseSlotBytes && alignof(SlotWire) == 1);

// Over all bytes of a record but the last four, which hold it.
template <typename Wire>
std::uint32_t crc_of(const Wire& wire) noexcept {
  return base::crc32c(std::as_bytes(std::span(&wire, 1)).first(sizeof(wire) - sizeof(wire.crc)));
}

StateError damaged(const StateDir& dir, const std::string& what) {
  return {StateFault::Damaged, "state directory " + dir.path() + " is damaged: leases: " + what +
                                   "; sequence numbers could be used again, so it is not used"};
}

// A whole file: `records` in the first slots, both versions alike, the rest free.
std::vector<std::byte> format(const StateId& state, std::size_t slots,
                              std::span<const std::optional<cluster::LeaseRecord>> records) {
  std::vector<std::byte> content(file_bytes(slots));
  const auto put = [&content](std::size_t offset, std::span<const std::byte> bytes) {
    std::copy(bytes.begin(), bytes.end(), content.begin() + static_cast<std::ptrdiff_t>(offset));
  };
  HeaderWire header{};
  header.magic = kMagic;
  header.version = base::be16(kVersion);
  header.slots = base::be32(static_cast<std::uint32_t>(slots));
  header.state = state;
  header.crc = base::be32(crc_of(header));
  put(0, std::as_bytes(std::span(&header, 1)));
  put(kPage, std::as_bytes(std::span(&header, 1)));
  for (std::uint32_t slot = 0; slot < slots; ++slot) {
    LeaseSlot value{slot, 0, slot < records.size() ? records[slot] : std::nullopt};
    for (std::size_t side = 0; side < kSides; ++side) {
      value.version = kSides - side;
      const auto bytes = write_lease_slot(value);
      for (std::size_t mirror = 0; mirror < kMirrors; ++mirror) {
        put(offset_of(slot, side, mirror), bytes);
      }
    }
  }
  return content;
}

struct Header {
  bool later_version = false;
  std::uint32_t slots = 0;
  StateId state{};
};
// nullopt: damaged.
std::optional<Header> parse_header(std::span<const std::byte> bytes) {
  const auto* wire = base::view_as<HeaderWire>(bytes);
  if (wire == nullptr || wire->magic != kMagic || wire->crc.host() != crc_of(*wire)) {
    return std::nullopt;
  }
  return Header{wire->version.host() != kVersion, wire->slots.host(), wire->state};
}

}  // namespace

base::Result<LeaseSlot, LeaseSlotError> parse_lease_slot(std::span<const std::byte> bytes,
                                                         std::uint32_t slot) noexcept {
  const auto* wire = base::view_as<SlotWire>(bytes);
  if (wire == nullptr) return LeaseSlotError::Truncated;
  if (wire->crc.host() != crc_of(*wire)) return LeaseSlotError::BadChecksum;
  if (wire->slot.host() != slot) return LeaseSlotError::BadSlot;
  LeaseSlot value{slot, wire->version.host(), std::nullopt};
  if (wire->record == decltype(wire->record){}) return value;
  const auto record = cluster::parse_lease_record(wire->record);
  if (!record) return LeaseSlotError::BadRecord;
  value.record = *record;
  return value;
}

std::array<std::byte, kLeaseSlotBytes> write_lease_slot(const LeaseSlot& slot) noexcept {
  SlotWire wire{};
  if (slot.record) wire.record = cluster::write_lease_record(*slot.record);
  wire.version = base::be64(slot.version);
  wire.slot = base::be32(slot.slot);
  wire.crc = base::be32(crc_of(wire));
  return std::bit_cast<std::array<std::byte, kLeaseSlotBytes>>(wire);
}

FileResult LeaseFile::create(StateDir& dir, const StateId& state) {
  return replace_file(dir, kLeasesName, format(state, kInitialSlots, {}));
}

base::Result<LeaseFile, StateError> LeaseFile::open(std::shared_ptr<StateDir> dir,
                                                    const StateId& state) {
  const auto path = dir->path() + "/" + kLeasesName;
  const auto content = dir->read(kLeasesName, file_bytes(kMostSlots));
  if (!content) {
    switch (content.error().fault) {
      case FileFault::NotFound: return StateError{StateFault::Missing, path + " is missing"};
      case FileFault::Exposed:
        return StateError{StateFault::Exposed, path + " " + to_string(content.error())};
      case FileFault::NotRegular:
      case FileFault::TooLarge: return damaged(*dir, to_string(content.error()));
      case FileFault::Io: break;
    }
    return StateError{StateFault::Io, "cannot read " + path + ": " + to_string(content.error())};
  }
  LeaseFile leases(std::move(dir), state);
  if (auto error = leases.load(*content)) return *std::move(error);
  return leases;
}

std::optional<StateError> LeaseFile::load(std::span<const std::byte> content) {
  auto header = parse_header(content);
  const auto second = parse_header(content.subspan(std::min(content.size(), kPage)));
  damaged_copies_ += (header ? 0U : 1U) + (second ? 0U : 1U);
  if (!header) header = second;
  if (!header) return damaged(*dir_, "both copies of the header");
  if (header->later_version) {
    return StateError{StateFault::WrongVersion,
                      dir_->path() + "/" + kLeasesName + " was written by a later version"};
  }
  if (header->state != state_) {
    return damaged(*dir_,
                   "they belong to another state; if --new-state was interrupted, give it "
                   "again");
  }
  if (header->slots == 0 || header->slots > kMostSlots || header->slots % kSlotsOfGroup != 0 ||
      content.size() != file_bytes(header->slots)) {
    return damaged(*dir_, "the file has the wrong length");
  }
  slots_.resize(header->slots);
  for (std::uint32_t slot = 0; slot < header->slots; ++slot) {
    if (auto error = load_slot(content, slot)) return error;
  }
  return std::nullopt;
}

std::optional<StateError> LeaseFile::load_slot(std::span<const std::byte> content,
                                               std::uint32_t slot) {
  bool found = false;
  auto& entry = slots_[slot];
  for (std::size_t side = 0; side < kSides; ++side) {
    for (std::size_t mirror = 0; mirror < kMirrors; ++mirror) {
      const auto copy = parse_lease_slot(content.subspan(offset_of(slot, side, mirror)), slot);
      if (!copy) {
        ++damaged_copies_;
      } else if (!found || copy->version > entry.version) {
        found = true;
        entry = {copy->record, copy->version, static_cast<std::uint8_t>(side), false};
      }
    }
  }
  // A power cut leaves one of the two versions whole. Whoever comes here has lost a disk block, and
  // with it what must not be used again.
  if (!found) return damaged(*dir_, "all copies of slot " + std::to_string(slot));
  if (entry.record && !by_key_.emplace(entry.record->key, slot).second) {
    return damaged(*dir_, "slot " + std::to_string(slot) + " is there twice");
  }
  return std::nullopt;
}

base::Result<std::vector<LeaseFile::Assigned>, StateError> LeaseFile::assign(
    std::span<const cluster::LeaseKey> keys) {
  const auto missing = static_cast<std::size_t>(std::count_if(
      keys.begin(), keys.end(), [this](const auto& key) { return !by_key_.contains(key); }));
  const auto slots = std::max(slots_.size(), std::bit_ceil(by_key_.size() + missing));
  if (slots > kMostSlots) {
    return StateError{StateFault::Io, "state directory " + dir_->path() +
                                          " has no room for the leases of so many SAs"};
  }
  if (auto done = rewrite(slots); !done) {
    return StateError{StateFault::Io, "cannot write leases in state directory " + dir_->path() +
                                          ": " + to_string(done.error())};
  }

  std::vector<Assigned> assigned;
  assigned.reserve(keys.size());
  for (const auto& key : keys) {
    const auto known = by_key_.find(key);
    if (known != by_key_.end()) {
      const auto& record = slots_[known->second].record;
      assigned.push_back({known->second, record ? record->number : 0});
      continue;
    }
    while (slots_[next_free_].record) ++next_free_;
    by_key_.emplace(key, next_free_);
    assigned.push_back({next_free_++, 0});
  }
  return assigned;
}

// Every version of every slot is what was read, and on the disk when this returns.
FileResult LeaseFile::rewrite(std::size_t slots) {
  std::vector<std::optional<cluster::LeaseRecord>> records;
  records.reserve(slots_.size());
  for (const auto& slot : slots_) records.push_back(slot.record);
  if (auto done = replace_file(*dir_, kLeasesName, format(state_, slots, records)); !done) {
    return done;
  }
  auto file = dir_->open(kLeasesName);
  if (!file) return file.error();
  file_ = std::move(file).value();
  for (auto& slot : slots_) slot = {slot.record, kSides, 0, false};
  slots_.resize(slots, Slot{std::nullopt, kSides, 0, false});
  return base::Ok{};
}

FileResult LeaseFile::place(std::span<Write> writes) {
  const auto missing = static_cast<std::size_t>(
      std::count_if(writes.begin(), writes.end(), [this](const Write& write) {
        return write.slot == kByKey && !by_key_.contains(write.record.key);
      }));
  if (by_key_.size() + missing > slots_.size()) {
    const auto slots = std::bit_ceil(by_key_.size() + missing);
    if (slots > kMostSlots) return FileError{FileFault::TooLarge, 0};
    if (auto done = rewrite(slots); !done) return done;
  }
  for (auto& write : writes) {
    if (write.slot != kByKey) continue;
    const auto [known, fresh] = by_key_.try_emplace(write.record.key, next_free_);
    if (fresh) {
      while (slots_[next_free_].record) ++next_free_;
      known->second = next_free_++;
    }
    write.slot = known->second;
  }
  return base::Ok{};
}

std::vector<cluster::LeaseRecord> LeaseFile::records() const {
  std::vector<cluster::LeaseRecord> records;
  for (const auto& slot : slots_) {
    if (slot.record) records.push_back(*slot.record);
  }
  return records;
}

FileResult LeaseFile::commit(std::span<const Write> writes) noexcept {
  order_.resize(writes.size());
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  std::stable_sort(order_.begin(), order_.end(), [writes](std::size_t a, std::size_t b) {
    return writes[a].slot < writes[b].slot;
  });
  for (std::size_t i = 0; i < order_.size();) {
    auto run = write_run(writes, i);
    if (!run) return run.error();
    i += *run;
  }
  if (auto done = file_->sync(); !done) return done;
  for (const auto& write : writes) {
    auto& slot = slots_[write.slot];
    slot.record = write.record;
    if (std::exchange(slot.attempted, false)) slot.durable_side ^= 1;
  }
  return base::Ok{};
}

// Writes records that stand side by side in one page, from order_[first] on, with one call for each
// mirror: over the version that is not the durable one, whatever became of earlier attempts there.
// How many they were.
base::Result<std::size_t, FileError> LeaseFile::write_run(std::span<const Write> writes,
                                                          std::size_t first) noexcept {
  std::array<std::byte, kPage> page;
  const auto first_slot = writes[order_[first]].slot;
  const auto side = slots_[first_slot].durable_side ^ 1U;
  std::size_t count = 0;
  for (; first + count < order_.size(); ++count) {
    const auto& write = writes[order_[first + count]];
    auto& entry = slots_[write.slot];
    if (write.slot != first_slot + count || (entry.durable_side ^ 1U) != side) break;
    if (count != 0 && write.slot % kSlotsOfGroup == 0) break;  // the next group
    entry.attempted = true;
    const auto bytes = write_lease_slot({write.slot, ++entry.version, write.record});
    std::copy(bytes.begin(), bytes.end(),
              page.begin() + static_cast<std::ptrdiff_t>(count * kLeaseSlotBytes));
  }
  const auto run = std::span<const std::byte>(page).first(count * kLeaseSlotBytes);
  for (std::size_t mirror = 0; mirror < kMirrors; ++mirror) {
    if (auto done = file_->write_at(offset_of(first_slot, side, mirror), run); !done) {
      return done.error();
    }
  }
  return count;
}

}  // namespace phalanx::control
