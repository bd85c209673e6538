// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/control/cluster_state.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "phalanx/base/byte_reader.hpp"
#include "phalanx/base/byte_writer.hpp"
#include "state_frame.hpp"

namespace phalanx::control {
namespace {

// 3: what a voter says of leases is on its disk as well. What an earlier version wrote would make a
// cold start begin numbers again.
constexpr StateFrame kFrame{"PHXCLUST", 3};
constexpr const char* kFileName = "cluster";
constexpr std::size_t kFixedBytes = 128;
constexpr std::size_t kBootBytes = 3 + 16 + 16;
// Far above what 255 nodes need.
constexpr std::size_t kMaxBytes = 64 * 1024;

void write_nodes(base::ByteWriter& out, const std::vector<base::NodeId>& nodes) {
  out.u16(static_cast<std::uint16_t>(nodes.size()));
  for (const auto node : nodes) out.u8(node.value());
}

std::vector<base::NodeId> read_nodes(base::ByteReader& in) {
  std::vector<base::NodeId> nodes;
  for (const auto id : in.bytes(in.u16())) nodes.emplace_back(static_cast<std::uint8_t>(id));
  return nodes;
}

template <typename Array>
void read_array(base::ByteReader& in, Array& out) {
  const auto bytes = in.bytes(out.size());
  std::copy(bytes.begin(), bytes.end(), out.begin());
}

bool is_of_earlier_version(std::span<const std::byte> bytes) {
  base::ByteReader in(bytes);
  const auto magic = in.bytes(kFrame.magic.size());
  const auto version = in.u16();
  return in.ok() && std::ranges::equal(magic, std::as_bytes(std::span(kFrame.magic))) &&
         version < kFrame.version;
}

}  // namespace

std::vector<std::byte> write_cluster_state(const cluster::DiskState& state, const StateId& id) {
  std::vector<std::byte> bytes(kFixedBytes + state.voters.current.size() +
                               state.voters.next.size() + state.voters.left.size() +
                               kBootBytes * state.boots.size() + StateFrame::kCrcBytes);
  base::ByteWriter out(bytes);
  kFrame.begin(out, id);
  out.u8(state.fresh ? 1 : 0);
  out.u16(state.boot.value());
  out.u32(state.generation.value());
  out.u32(state.term.value());
  out.u64(state.voters.version);
  write_nodes(out, state.voters.current);
  write_nodes(out, state.voters.next);
  out.u8(state.voters.decided ? 1 : 0);
  write_nodes(out, state.voters.left);
  out.u32(state.voters_at.generation.value());
  out.u32(state.voters_at.term.value());
  out.u32(state.voters_at.epoch.value());
  out.u16(static_cast<std::uint16_t>(state.boots.size()));
  for (const auto& [node, record] : state.boots) {
    out.u8(node.value());
    out.u16(record.boot.value());
    out.bytes(record.nonce);
    out.bytes(record.machine);
  }
  StateFrame::end(out);
  bytes.resize(out.size());
  return bytes;
}

std::optional<cluster::DiskState> parse_cluster_state(std::span<const std::byte> bytes,
                                                      const StateId& id) {
  auto fields = kFrame.open(bytes, id);
  if (!fields) return std::nullopt;
  auto& in = *fields;
  cluster::DiskState state;
  state.fresh = in.u8() != 0;
  state.boot = base::BootCount(in.u16());
  state.generation = base::Generation(in.u32());
  state.term = base::Term(in.u32());
  state.voters.version = in.u64();
  state.voters.current = read_nodes(in);
  state.voters.next = read_nodes(in);
  state.voters.decided = in.u8() != 0;
  state.voters.left = read_nodes(in);
  const base::Generation generation(in.u32());
  const base::Term term(in.u32());
  state.voters_at = {generation, term, base::Epoch(in.u32())};
  for (auto left = in.u16(); left != 0 && in.ok(); --left) {
    const base::NodeId node(in.u8());
    auto& record = state.boots[node];
    record.boot = base::BootCount(in.u16());
    read_array(in, record.nonce);
    read_array(in, record.machine);
  }
  if (!in.ok() || in.remaining() != 0) return std::nullopt;
  return state;
}

bool is_of_cluster(StateDir& dir) {
  const auto bytes = dir.read(kFileName, kMaxBytes);
  return bytes.ok() ? !bytes->empty() : bytes.error().fault != FileFault::NotFound;
}

FileResult forget_cluster(StateDir& dir) {
  return replace_file(dir, kFileName, {});
}

base::Result<std::optional<cluster::DiskState>, StateError> ClusterStateFile::load() {
  const auto path = dir_->path() + "/" + kFileName;
  auto bytes = dir_->read(kFileName, kMaxBytes);
  if (!bytes) {
    if (bytes.error().fault == FileFault::NotFound) return std::optional<cluster::DiskState>();
    return StateError{StateFault::Io, path + " cannot be read: " + to_string(bytes.error())};
  }
  if (bytes->empty()) return std::optional<cluster::DiskState>();
  auto state = parse_cluster_state(*bytes, store_.identity().state);
  if (!state && is_of_earlier_version(*bytes)) {
    return StateError{StateFault::WrongVersion,
                      path +
                          " was written by an earlier version, which kept no leases of static SAs "
                          "there: give these new keys, and start all members once with empty state "
                          "directories and --new-cluster"};
  }
  if (!state) {
    return StateError{StateFault::Damaged,
                      path +
                          " is damaged, of another directory or of a later version; remove it to "
                          "join the cluster again as a node without memory"};
  }
  return state;
}

FileResult ClusterStateFile::store(const cluster::DiskState& state) {
  if (auto raised = store_.raise_boot(state.boot); !raised) return raised;
  return replace_file(*dir_, kFileName, write_cluster_state(state, store_.identity().state));
}

}  // namespace phalanx::control
