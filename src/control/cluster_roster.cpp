// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/cluster_roster.hpp"

#include <algorithm>
#include <limits>

#include "phalanx/base/byte_reader.hpp"
#include "phalanx/base/byte_writer.hpp"

namespace phalanx::control {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 1 + 1 + 2;
constexpr std::size_t kStampBytes = 8 + 1;
constexpr std::size_t kEntryBytes = 1 + kStampBytes + 1 + 1 + 4 + 1 + kStampBytes + 2 + 1;
constexpr std::uint16_t kNoWeight = 0xffff;

std::string text(base::NodeId id) {
  return "node " + std::to_string(id.value());
}

void write_stamp(base::ByteWriter& out, const RosterStamp& stamp) {
  out.u64(stamp.count);
  out.u8(stamp.by.value());
}
RosterStamp read_stamp(base::ByteReader& in) {
  const auto count = in.u64();
  return {count, base::NodeId(in.u8())};
}

// False: a value that no operator can have said.
bool read_entry(base::ByteReader& in, RosterEntry& entry) {
  entry.membership_stamp = read_stamp(in);
  const auto membership = in.u8();
  const auto witness = in.u8();
  entry.address = net::IpAddress::v4(in.u32());
  const auto name = in.bytes(in.u8());
  entry.name.assign(reinterpret_cast<const char*>(name.data()), name.size());
  entry.share_stamp = read_stamp(in);
  const auto weight = in.u16();
  const auto drained = in.u8();
  if (!in.ok() || membership > 2 || witness > 1 || drained > 1) return false;
  if (weight != kNoWeight && weight > kMaxWeight) return false;
  const bool said = entry.membership_stamp.count != 0;
  if (said ? !is_member_name(entry.name) : !entry.name.empty()) return false;
  // A count at its end could never be followed by a later word.
  constexpr auto kLast = std::numeric_limits<std::uint64_t>::max();
  if (entry.membership_stamp.count == kLast || entry.share_stamp.count == kLast) return false;
  entry.membership = static_cast<Membership>(membership);
  entry.witness = witness == 1;
  if (weight != kNoWeight) entry.weight = weight;
  entry.drained = drained == 1;
  return true;
}

}  // namespace

bool is_member_name(std::string_view name) noexcept {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !name.empty() && name.size() <= kMaxMemberName &&
         std::all_of(name.begin(), name.end(), good);
}

Roster::Roster(const std::vector<ClusterMember>& configured, RosterEntries entries)
    : configured_(configured), entries_(std::move(entries)) {
  rebuild();
}

void Roster::rebuild() {
  members_.clear();
  for (const auto& member : configured_) {
    const auto found = entries_.find(member.id);
    if (found == entries_.end() || found->second.membership_stamp.count == 0) {
      members_.push_back(member);
    }
  }
  for (const auto& [id, entry] : entries_) {
    if (entry.membership_stamp.count != 0) {
      members_.push_back({id, entry.name, entry.address, entry.witness});
    }
  }
  std::sort(members_.begin(), members_.end(),
            [](const ClusterMember& a, const ClusterMember& b) { return a.id < b.id; });
}

const ClusterMember* Roster::find(base::NodeId id) const noexcept {
  const auto found = std::find_if(members_.begin(), members_.end(),
                                  [&](const ClusterMember& member) { return member.id == id; });
  return found == members_.end() ? nullptr : &*found;
}

const RosterEntry& Roster::entry(base::NodeId id) const noexcept {
  static const RosterEntry kNothingSaid;
  const auto found = entries_.find(id);
  return found == entries_.end() ? kNothingSaid : found->second;
}

RosterStamp Roster::next_stamp(base::NodeId by) const noexcept {
  std::uint64_t highest = 0;
  for (const auto& [id, entry] : entries_) {
    highest = std::max({highest, entry.membership_stamp.count, entry.share_stamp.count});
  }
  return {highest + 1, by};
}

Roster::Said Roster::join(const ClusterMember& member, base::NodeId by) {
  if (!is_member_name(member.name)) {
    return "a name has 1 to " + std::to_string(kMaxMemberName) +
           " letters, digits and the characters - _ .";
  }
  std::size_t present = 0;
  for (const auto& other : members_) {
    if (entry(other.id).membership != Membership::Member) continue;
    ++present;
    if (other.id == member.id) {
      return text(member.id) + " is a member: it has to leave or to be expelled first";
    }
    if (other.address == member.address) {
      return "address " + net::to_string(member.address) + " is that of " + text(other.id);
    }
    if (other.name == member.name) return "name " + member.name + " is that of " + text(other.id);
  }
  if (present >= kMaxMembers) return std::to_string(present) + " members are the most";
  auto& entry = entries_[member.id];
  const auto stamp = next_stamp(by);
  entry = {};
  entry.membership_stamp = entry.share_stamp = stamp;  // nothing that was said of the old one
  entry.name = member.name;
  entry.address = member.address;
  entry.witness = member.witness;
  rebuild();
  return base::Ok{};
}

Roster::Said Roster::set_membership(base::NodeId id, Membership membership, base::NodeId by) {
  const auto* member = find(id);
  if (member == nullptr || entry(id).membership == Membership::Expelled) {
    return text(id) + " is no member";
  }
  const auto stamp = next_stamp(by);
  auto& entry = entries_[id];
  entry.name = member->name;
  entry.address = member->address;
  entry.witness = member->witness;
  entry.membership_stamp = stamp;
  entry.membership = membership;
  rebuild();
  return base::Ok{};
}

Roster::Said Roster::set_weight(base::NodeId id, std::uint32_t weight, base::NodeId by) {
  const auto* member = find(id);
  if (member == nullptr) return text(id) + " is no member";
  if (member->witness) return text(id) + " is a witness, which serves nothing";
  if (weight > kMaxWeight) return "a weight is 0 to " + std::to_string(kMaxWeight);
  const auto stamp = next_stamp(by);
  entries_[id].share_stamp = stamp;
  entries_[id].weight = weight;
  return base::Ok{};
}

Roster::Said Roster::set_drained(base::NodeId id, bool drained, base::NodeId by) {
  const auto* member = find(id);
  if (member == nullptr) return text(id) + " is no member";
  if (member->witness) return text(id) + " is a witness, which serves nothing";
  const auto stamp = next_stamp(by);
  entries_[id].share_stamp = stamp;
  entries_[id].drained = drained;
  return base::Ok{};
}

bool Roster::merge(const RosterEntries& others) {
  bool changed = false;
  for (const auto& [id, theirs] : others) {
    const auto found = entries_.find(id);
    const RosterEntry ours = found == entries_.end() ? RosterEntry{} : found->second;
    auto merged = ours;
    if (theirs.membership_stamp > ours.membership_stamp) {
      merged.membership_stamp = theirs.membership_stamp;
      merged.membership = theirs.membership;
      merged.name = theirs.name;
      merged.address = theirs.address;
      merged.witness = theirs.witness;
    }
    if (theirs.share_stamp > ours.share_stamp) {
      merged.share_stamp = theirs.share_stamp;
      merged.weight = theirs.weight;
      merged.drained = theirs.drained;
    }
    if (merged == ours) continue;
    entries_[id] = std::move(merged);
    changed = true;
  }
  if (changed) rebuild();
  return changed;
}

std::vector<std::byte> write_roster(const RosterEntries& entries) {
  std::vector<std::byte> bytes(kHeaderBytes + entries.size() * (kEntryBytes + kMaxMemberName));
  base::ByteWriter out(bytes);
  out.u8(std::to_integer<std::uint8_t>(kRosterMark));
  out.u8(kVersion);
  out.u16(static_cast<std::uint16_t>(entries.size()));
  for (const auto& [id, entry] : entries) {
    out.u8(id.value());
    write_stamp(out, entry.membership_stamp);
    out.u8(static_cast<std::uint8_t>(entry.membership));
    out.u8(entry.witness ? 1 : 0);
    out.u32(entry.address.v4_host_order());
    out.u8(static_cast<std::uint8_t>(entry.name.size()));
    out.bytes(std::as_bytes(std::span(entry.name)));
    write_stamp(out, entry.share_stamp);
    out.u16(static_cast<std::uint16_t>(entry.weight.value_or(kNoWeight)));
    out.u8(entry.drained ? 1 : 0);
  }
  bytes.resize(out.size());
  return bytes;
}

std::optional<RosterEntries> parse_roster(std::span<const std::byte> bytes) {
  base::ByteReader in(bytes);
  const auto mark = in.u8();
  const auto version = in.u8();
  if (std::byte{mark} != kRosterMark || version != kVersion) return std::nullopt;
  RosterEntries entries;
  for (auto left = in.u16(); left != 0; --left) {
    const base::NodeId id(in.u8());
    RosterEntry entry;
    if (id == base::NodeId{} || !read_entry(in, entry)) return std::nullopt;
    if (!entries.emplace(id, std::move(entry)).second) return std::nullopt;
  }
  if (!in.ok() || in.remaining() != 0) return std::nullopt;
  return entries;
}

}  // namespace phalanx::control
