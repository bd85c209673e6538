// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/cluster/secure_channel.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "encoding.hpp"

namespace phalanx::cluster {
namespace {

// Every datagram: version, type, sender, receiver. Then
//   Init:   X (32), mac (32)
//   Accept: X (32), Y (32), mac (32)
//   Data:   session (8), counter (8), sealed message; all before it is authenticated with it
constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kInit = 1;
constexpr std::uint8_t kAccept = 2;
constexpr std::uint8_t kData = 3;
constexpr std::size_t kPrefixBytes = 4;
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kInitBytes = kPrefixBytes + 2 * kKeyBytes;
constexpr std::size_t kAcceptBytes = kPrefixBytes + 3 * kKeyBytes;
constexpr std::size_t kDataHeaderBytes = kPrefixBytes + 16;
constexpr std::uint64_t kWindowBits = 64;
// GCM's bound for one key is 2^32 with random nonces; with a counter this leaves it far away.
constexpr std::uint64_t kLastCounter = std::uint64_t{1} << 48;

Key32 key_at(std::span<const std::byte> bytes, std::size_t offset) noexcept {
  Key32 key{};
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), key.size(), key.begin());
  return key;
}
bool equal(const Key32& a, std::span<const std::byte> b) noexcept {
  // No early end: the time must not tell how many bytes are right.
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference |= std::to_integer<unsigned>(a[i] ^ b[i]);
  }
  return difference == 0;
}
std::array<std::byte, 12> nonce_of(std::uint64_t counter) noexcept {
  std::array<std::byte, 12> nonce{};
  const base::be64 wire(counter);
  const auto bytes = std::as_bytes(std::span(&wire, 1));
  std::copy(bytes.begin(), bytes.end(), nonce.begin() + 4);
  return nonce;
}

}  // namespace

SecureChannel::Session::~Session() {
  base::wipe(send_key.data(), send_key.size());
  base::wipe(receive_key.data(), receive_key.size());
}

SecureChannel::SecureChannel(ChannelConfig config, ChannelCrypto& crypto) noexcept
    : config_(std::move(config)), crypto_(crypto) {}

void SecureChannel::authenticate(std::span<const std::byte> text, Key32& out) {
  crypto_.mac(config_.cluster_secret.bytes(), text, out);
}

Bytes SecureChannel::initiate(const Key32& ephemeral) {
  if (!ephemeral_) ephemeral_ = ephemeral;
  Key32 ours{};
  crypto_.public_key(*ephemeral_, ours);
  Encoder out;
  out.u8(kVersion);
  out.u8(kInit);
  out.id(config_.self);
  out.id(config_.peer);
  out.bytes(ours);
  Key32 tag{};
  authenticate(out.written(), tag);
  out.bytes(tag);
  return out.take();
}

// HKDF in its two-step form (RFC 5869): extract with the cluster secret as salt, expand by label.
SecureChannel::Session SecureChannel::derive(const Key32& initiator, const Key32& responder,
                                             const Key32& shared, bool initiating) {
  Encoder transcript;
  transcript.id(initiating ? config_.self : config_.peer);
  transcript.id(initiating ? config_.peer : config_.self);
  transcript.bytes(initiator);
  transcript.bytes(responder);
  Encoder material;
  material.bytes(shared);
  material.bytes(transcript.written());
  auto input = material.take();
  Key32 extracted{};
  authenticate(input, extracted);
  base::wipe(input.data(), input.size());
  const auto expand = [&](std::string_view label, Key32& out) {
    Encoder info;
    info.bytes(std::as_bytes(std::span(label)));
    info.u8(1);
    crypto_.mac(extracted, info.written(), out);
  };
  Session session;
  expand("phalanx cluster initiator", initiating ? session.send_key : session.receive_key);
  expand("phalanx cluster responder", initiating ? session.receive_key : session.send_key);
  Key32 id{};
  expand("phalanx cluster session", id);
  Decoder in(id);
  session.id = in.u64();
  base::wipe(extracted.data(), extracted.size());
  return session;
}

SecureChannel::Answer SecureChannel::receive(std::span<const std::byte> datagram,
                                             const Key32& ephemeral) {
  if (datagram.size() < kPrefixBytes) return ChannelError::Malformed;
  Decoder in(datagram);
  const auto version = in.u8();
  const auto type = in.u8();
  const auto from = in.node();
  const auto to = in.node();
  if (version != kVersion) return ChannelError::Malformed;
  if (from != config_.peer || to != config_.self) return ChannelError::NotForUs;
  if (type == kInit) return on_init(datagram, ephemeral);
  if (type == kAccept) return on_accept(datagram);
  if (type == kData) return on_data(datagram);
  return ChannelError::Malformed;
}

SecureChannel::Answer SecureChannel::on_init(std::span<const std::byte> datagram,
                                             const Key32& ephemeral) {
  if (datagram.size() != kInitBytes) return ChannelError::Malformed;
  Key32 tag{};
  authenticate(datagram.first(kInitBytes - kKeyBytes), tag);
  if (!equal(tag, datagram.last(kKeyBytes))) return ChannelError::Forged;
  const auto theirs = key_at(datagram, kPrefixBytes);
  // One Init may come several times, by several ways: the initiator takes the first answer only.
  if (offered_ && equal(offered_to_, theirs)) return Received{{}, offer_};
  Key32 ours{};
  Key32 shared{};
  crypto_.public_key(ephemeral, ours);
  if (!crypto_.shared_secret(ephemeral, theirs, shared)) return ChannelError::Forged;
  offered_ = derive(theirs, ours, shared, false);
  base::wipe(shared.data(), shared.size());
  Encoder out;
  out.u8(kVersion);
  out.u8(kAccept);
  out.id(config_.self);
  out.id(config_.peer);
  out.bytes(theirs);
  out.bytes(ours);
  authenticate(out.written(), tag);
  out.bytes(tag);
  offered_to_ = theirs;
  offer_ = out.take();
  return Received{{}, offer_};
}

SecureChannel::Answer SecureChannel::on_accept(std::span<const std::byte> datagram) {
  if (datagram.size() != kAcceptBytes) return ChannelError::Malformed;
  if (!ephemeral_) return ChannelError::NoSession;
  Key32 tag{};
  authenticate(datagram.first(kAcceptBytes - kKeyBytes), tag);
  if (!equal(tag, datagram.last(kKeyBytes))) return ChannelError::Forged;
  Key32 ours{};
  crypto_.public_key(*ephemeral_, ours);
  // An answer to an older Init of ours, or to one that somebody replayed.
  if (!equal(ours, datagram.subspan(kPrefixBytes, kKeyBytes))) return ChannelError::Replayed;
  const auto theirs = key_at(datagram, kPrefixBytes + kKeyBytes);
  Key32 shared{};
  if (!crypto_.shared_secret(*ephemeral_, theirs, shared)) return ChannelError::Forged;
  current_ = derive(ours, theirs, shared, true);
  base::wipe(shared.data(), shared.size());
  base::wipe(ephemeral_->data(), ephemeral_->size());
  ephemeral_.reset();
  return Received{};
}

SecureChannel::Answer SecureChannel::on_data(std::span<const std::byte> datagram) {
  if (datagram.size() < kDataHeaderBytes + kTagBytes) return ChannelError::Malformed;
  Decoder in(datagram.subspan(kPrefixBytes));
  const auto id = in.u64();
  if (offered_ && id == offered_->id) {
    auto answer = open(*offered_, datagram);
    // The initiator has the keys: only now the old session ends.
    if (answer.ok()) current_ = std::exchange(offered_, std::nullopt);
    return answer;
  }
  if (current_ && id == current_->id) return open(*current_, datagram);
  return ChannelError::NoSession;
}

SecureChannel::Answer SecureChannel::open(Session& session, std::span<const std::byte> datagram) {
  Decoder in(datagram.subspan(kPrefixBytes + 8));
  const auto counter = in.u64();
  const bool ahead = counter > session.top;
  const auto behind = session.top - counter;
  if (counter == 0) return ChannelError::Malformed;
  if (!ahead && (behind >= kWindowBits || ((session.window >> behind) & 1) != 0)) {
    return ChannelError::Replayed;
  }
  Received received;
  received.message.resize(datagram.size() - kDataHeaderBytes - kTagBytes);
  if (!crypto_.open(session.receive_key, nonce_of(counter), datagram.first(kDataHeaderBytes),
                    datagram.subspan(kDataHeaderBytes), received.message)) {
    return ChannelError::Forged;
  }
  // Only what is authentic moves the window.
  if (ahead) {
    const auto shift = counter - session.top;
    session.window = (shift < kWindowBits ? session.window << shift : 0) | 1;
    session.top = counter;
  } else {
    session.window |= std::uint64_t{1} << behind;
  }
  return received;
}

base::Result<Bytes, ChannelError> SecureChannel::seal(std::span<const std::byte> message) {
  if (!current_) return ChannelError::NoSession;
  if (current_->sent == kLastCounter) return ChannelError::UsedUp;
  const auto counter = ++current_->sent;
  Encoder out;
  out.u8(kVersion);
  out.u8(kData);
  out.id(config_.self);
  out.id(config_.peer);
  out.u64(current_->id);
  out.u64(counter);
  auto datagram = out.take();
  datagram.resize(kDataHeaderBytes + message.size() + kTagBytes);
  const std::span<std::byte> all(datagram);
  crypto_.seal(current_->send_key, nonce_of(counter), all.first(kDataHeaderBytes), message,
               all.subspan(kDataHeaderBytes));
  return datagram;
}

}  // namespace phalanx::cluster
