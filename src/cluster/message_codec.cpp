// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/cluster/message_codec.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "codec_parts.hpp"
#include "encoding.hpp"

namespace phalanx::cluster {
namespace {

// The wire's type byte is the alternative's position in Body plus one. ABI: append only.
constexpr std::size_t kNumTypes = std::variant_size_v<Body>;

void put_body(Encoder& out, const Hello& body) {
  out.id(body.boot);
  out.bytes(body.nonce);
  out.bytes(body.machine);
}
void put_body(Encoder& out, const HelloReply& body) {
  out.u8(static_cast<std::uint8_t>(body.status));
  out.id(body.asked);
  out.id(body.highest_boot);
  out.bytes(body.nonce);
  out.id(body.voters_at);
  put(out, body.voters);
}
void put_body(Encoder& out, const Heartbeat& body) {
  out.id(body.stream);
  out.u64(body.end);
  out.u64(body.commit);
  out.u64(body.held);
  out.id(body.stored);
  out.id(body.committed);
  out.id(body.applied);
  out.flag(body.master);
  out.flag(body.complete);
  out.u8(static_cast<std::uint8_t>(body.duty));
  out.u32(body.weight);
  out.u32(body.load);
  out.u64(body.confirmed);
  out.u8(static_cast<std::uint8_t>(body.wish.kind));
  out.id(body.wish.node);
}
void put_body(Encoder& out, const Records& body) {
  out.id(body.stream);
  out.u64(body.first);
  out.u64(body.commit);
  out.u64(body.stable);
  out.flag(body.levelling);
  put_list(out, body.records, [&](const Record& record) { write_record(out, record); });
}
void put_body(Encoder& out, const Acknowledge& body) {
  out.id(body.stream);
  out.u64(body.held);
  out.u64(body.applied);
  out.flag(body.frozen);
  out.u64(body.covered);
}
void put_body(Encoder& out, const Fetch& body) {
  out.id(body.stream);
  out.u64(body.from);
}
void put_body(Encoder& out, const VoteRequest& body) {
  out.flag(body.pre);
  out.u32(body.term.value());
  out.id(body.candidate);
}
void put_body(Encoder& out, const VoteReply& body) {
  out.flag(body.pre);
  out.flag(body.granted);
  out.u32(body.term.value());
  out.id(body.candidate);
  put_list(out, body.frozen, [&](const StreamId& stream) { out.id(stream); });
  out.id(body.committed);
  put(out, body.newest);
}
void put_body(Encoder& out, const Freeze& body) {
  put_list(out, body.streams, [&](const StreamId& stream) { out.id(stream); });
}
void put_body(Encoder& out, const FreezeReport& body) {
  put_list(out, body.held, [&](const Base& base) { put(out, base); });
}
void put_body(Encoder& out, const Propose& body) {
  out.id(body.committed);
  put(out, body.allocation);
}
void put_body(Encoder& out, const ProposeAck& body) {
  out.id(body.version);
}
void put_body(Encoder& out, const LevelRequest& body) {
  out.u32(body.attempt);
}
void put_body(Encoder& out, const LevelReply& body) {
  out.u32(body.attempt);
  out.flag(body.complete);
  out.flag(body.durable);
  out.id(body.committed);
  out.id(body.applied);
  put(out, body.newest);
  put_list(out, body.streams, [&](const StreamSummary& stream) {
    out.id(stream.stream);
    out.u64(stream.held);
    out.u64(stream.applied);
    out.flag(stream.frozen);
  });
}
void put_body(Encoder& out, const SnapshotRequest& body) {
  out.u8(body.bucket.value());
  out.u32(body.snapshot);
  out.u32(body.offset);
}
void put_body(Encoder& out, const SnapshotChunk& body) {
  out.u8(body.bucket.value());
  out.u32(body.snapshot);
  out.u32(body.offset);
  out.u32(body.total);
  out.count(body.bytes.size());
  out.bytes(body.bytes);
}
void put_body(Encoder& out, const MoveOrder& body) {
  out.id(body.version);
  out.u8(static_cast<std::uint8_t>(body.step));
  put_list(out, body.moves, [&](const BucketMove& move) { put(out, move); });
}
void put_body(Encoder& out, const ColdRequest& body) {
  out.u32(body.generation.value());
  out.id(body.voters_at);
}
void put_body(Encoder& out, const ColdReply& body) {
  out.u32(body.generation.value());
  out.u32(body.term.value());
  out.flag(body.granted);
}
void put_body(Encoder& out, const ColdFetch& body) {
  out.u32(body.generation.value());
  out.u32(body.offset);
}
void put_body(Encoder& out, const ColdLeases& body) {
  out.u32(body.generation.value());
  out.u32(body.offset);
  out.u32(body.total);
  put_list(out, body.leases, [&](const DiskLease& lease) { put(out, lease); });
}

template <std::size_t N>
void get_array(Decoder& in, std::array<std::byte, N>& out) {
  const auto from = in.bytes(N);
  if (from.size() == N) std::copy(from.begin(), from.end(), out.begin());
}
Bytes get_bytes(Decoder& in, std::size_t length) {
  const auto from = in.bytes(length);
  return {from.begin(), from.end()};
}

void get_body(Decoder& in, Hello& body) {
  body.boot = in.boot();
  get_array(in, body.nonce);
  get_array(in, body.machine);
}
void get_body(Decoder& in, HelloReply& body) {
  body.status = static_cast<HelloStatus>(in.at_most(2));
  body.asked = in.boot();
  body.highest_boot = in.boot();
  get_array(in, body.nonce);
  body.voters_at = in.version();
  body.voters = get_voters(in);
}
void get_body(Decoder& in, Heartbeat& body) {
  body.stream = in.stream();
  body.end = in.u64();
  body.commit = in.u64();
  body.held = in.u64();
  body.stored = in.version();
  body.committed = in.version();
  body.applied = in.version();
  body.master = in.flag();
  body.complete = in.flag();
  body.duty = static_cast<Duty>(in.at_most(kMaxDuty));
  body.weight = in.u32();
  body.load = in.u32();
  body.confirmed = in.u64();
  body.wish.kind = static_cast<WishKind>(in.at_most(kMaxWishKind));
  body.wish.node = in.node();
}
void get_body(Decoder& in, Records& body) {
  body.stream = in.stream();
  body.first = in.u64();
  body.commit = in.u64();
  body.stable = in.u64();
  body.levelling = in.flag();
  body.records = get_list(in, kRecordHeaderBytes, [&] { return parse_record(in); });
  // Indices must not wrap: the last one is first + count - 1.
  if (body.first == 0 || body.first > ~std::uint64_t{0} - body.records.size()) in.reject();
}
void get_body(Decoder& in, Acknowledge& body) {
  body.stream = in.stream();
  body.held = in.u64();
  body.applied = in.u64();
  body.frozen = in.flag();
  body.covered = in.u64();
}
void get_body(Decoder& in, Fetch& body) {
  body.stream = in.stream();
  body.from = in.u64();
}
void get_body(Decoder& in, VoteRequest& body) {
  body.pre = in.flag();
  body.term = base::Term(in.u32());
  body.candidate = in.voter();
}
void get_body(Decoder& in, VoteReply& body) {
  body.pre = in.flag();
  body.granted = in.flag();
  body.term = base::Term(in.u32());
  body.candidate = in.voter();
  body.frozen = get_list(in, kStreamBytes, [&] { return in.stream(); });
  body.committed = in.version();
  body.newest = get_allocation(in);
}
void get_body(Decoder& in, Freeze& body) {
  body.streams = get_list(in, kStreamBytes, [&] { return in.stream(); });
}
void get_body(Decoder& in, FreezeReport& body) {
  body.held = get_list(in, kStreamBytes + 8, [&] { return get_base(in); });
}
void get_body(Decoder& in, Propose& body) {
  body.committed = in.version();
  body.allocation = get_allocation(in);
}
void get_body(Decoder& in, ProposeAck& body) {
  body.version = in.version();
}
void get_body(Decoder& in, LevelRequest& body) {
  body.attempt = in.u32();
}
void get_body(Decoder& in, LevelReply& body) {
  body.attempt = in.u32();
  body.complete = in.flag();
  body.durable = in.flag();
  body.committed = in.version();
  body.applied = in.version();
  body.newest = get_allocation(in);
  body.streams = get_list(in, kStreamBytes + 17, [&] {
    StreamSummary summary;
    summary.stream = in.stream();
    summary.held = in.u64();
    summary.applied = in.u64();
    summary.frozen = in.flag();
    return summary;
  });
}
void get_body(Decoder& in, SnapshotRequest& body) {
  body.bucket = base::BucketIndex(in.u8());
  body.snapshot = in.u32();
  body.offset = in.u32();
}
void get_body(Decoder& in, SnapshotChunk& body) {
  body.bucket = base::BucketIndex(in.u8());
  body.snapshot = in.u32();
  body.offset = in.u32();
  body.total = in.u32();
  body.bytes = get_bytes(in, in.count(1));
}
void get_body(Decoder& in, MoveOrder& body) {
  body.version = in.version();
  body.step = static_cast<MoveStep>(in.at_most(kMaxMoveStep));
  body.moves = get_list(in, 1 + kStreamBytes, [&] { return get_move(in); });
}
void get_body(Decoder& in, ColdRequest& body) {
  body.generation = base::Generation(in.u32());
  body.voters_at = in.version();
}
void get_body(Decoder& in, ColdReply& body) {
  body.generation = base::Generation(in.u32());
  body.term = base::Term(in.u32());
  body.granted = in.flag();
}
void get_body(Decoder& in, ColdFetch& body) {
  body.generation = base::Generation(in.u32());
  body.offset = in.u32();
}
void get_body(Decoder& in, ColdLeases& body) {
  body.generation = base::Generation(in.u32());
  body.offset = in.u32();
  body.total = in.u32();
  body.leases = get_list(in, kDiskLeaseBytes, [&] { return get_disk_lease(in); });
}

void put_header(Encoder& out, const Header& header, std::size_t type) {
  out.u8(kProtocolVersion);
  out.u8(static_cast<std::uint8_t>(type));
  out.id(header.sender);
  out.flag(header.levelled);
  out.u16(0);  // reserved
  out.u32(header.generation.value());
  out.u32(header.term.value());
  out.u64(header.voters_version);
  out.u64(header.send_time_ns);
  out.u64(header.echo_ns);
  out.id(header.froze);
  put_list(out, header.boots, [&](const VoterId& voter) { out.id(voter); });
}
void get_header(Decoder& in, Header& header) {
  header.sender = in.voter();
  header.levelled = in.flag();
  (void)in.u16();
  header.generation = base::Generation(in.u32());
  header.term = base::Term(in.u32());
  header.voters_version = in.u64();
  header.send_time_ns = in.u64();
  header.echo_ns = in.u64();
  header.froze = in.stream();
  header.boots = get_list(in, kVoterBytes, [&] { return in.voter(); });
}

template <std::size_t... I>
Body parse_body(Decoder& in, std::size_t type, std::index_sequence<I...>) {
  Body body;
  const auto try_one = [&]<std::size_t N>() {
    if (type == N + 1) get_body(in, body.template emplace<N>());
  };
  (try_one.template operator()<I>(), ...);
  return body;
}

}  // namespace

base::Result<Message, CodecError> parse_message(std::span<const std::byte> bytes) {
  if (bytes.size() > kMaxMessageBytes) return CodecError::TooLong;
  Decoder in(bytes);
  const auto version = in.u8();
  const auto type = in.u8();
  if (in.truncated()) return CodecError::Truncated;
  if (version != kProtocolVersion) return CodecError::UnknownVersion;
  if (type == 0 || type > kNumTypes) return CodecError::UnknownType;
  Message message;
  get_header(in, message.header);
  message.body = parse_body(in, type, std::make_index_sequence<kNumTypes>{});
  if (in.truncated()) return CodecError::Truncated;
  if (!in.ok()) return CodecError::BadValue;
  if (in.remaining() != 0) return CodecError::TrailingBytes;
  return message;
}

base::Result<Bytes, CodecError> write_message(const Message& message) {
  Encoder out;
  put_header(out, message.header, message.body.index() + 1);
  std::visit([&](const auto& body) { put_body(out, body); }, message.body);
  if (out.written().size() > kMaxMessageBytes) return CodecError::TooLong;
  return out.take();
}

}  // namespace phalanx::cluster
