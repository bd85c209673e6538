// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "phalanx/base/ids.hpp"
#include "phalanx/base/result.hpp"
#include "phalanx/base/secret.hpp"
#include "phalanx/cluster/types.hpp"

namespace phalanx::cluster {

using Key32 = std::array<std::byte, 32>;
inline constexpr std::size_t kTagBytes = 16;

// The cryptography of the cluster port, handed in: OpenSSL in the daemon, something cheap in most
// simulated runs. All functions are total: a bad peer key gives false.
class ChannelCrypto {
 public:
  virtual ~ChannelCrypto() = default;
  // X25519 (RFC 7748). False: the result is all zero (6.1).
  virtual void public_key(const Key32& secret, Key32& out) noexcept = 0;
  [[nodiscard]] virtual bool shared_secret(const Key32& secret, const Key32& peer,
                                           Key32& out) noexcept = 0;
  // HMAC-SHA-256 (RFC 2104).
  virtual void mac(std::span<const std::byte> key, std::span<const std::byte> text,
                   Key32& out) noexcept = 0;
  // AES-256-GCM; `out` is as long as the text plus kTagBytes (seal) or less them (open).
  virtual void seal(const Key32& key, const std::array<std::byte, 12>& nonce,
                    std::span<const std::byte> header, std::span<const std::byte> text,
                    std::span<std::byte> out) noexcept = 0;
  [[nodiscard]] virtual bool open(const Key32& key, const std::array<std::byte, 12>& nonce,
                                  std::span<const std::byte> header,
                                  std::span<const std::byte> sealed,
                                  std::span<std::byte> out) noexcept = 0;
};

enum class ChannelError : std::uint8_t {
  Malformed,
  NotForUs,   // another node, or nobody we know
  NoSession,  // data before a handshake, or of a session that is gone
  Forged,     // authentication failed
  Replayed,
  UsedUp,  // the session's counter is at its end
};

// One direction of the way to one other node: who we are to it.
struct ChannelConfig {
  base::NodeId self;
  base::NodeId peer;
  base::Secret cluster_secret;  // 32 bytes or more, the same on all nodes
};

// Authenticated encryption between two nodes, over datagrams that may be lost, doubled, reordered
// and forged. A session is one X25519 exchange (forward secrecy), authenticated by the cluster
// secret, with a key for each direction and a counter as nonce, so no nonce repeats in any failure:
//
//   initiator                                        responder
//   Init    { X, cookie }  mac(secret, ...)    --->
//                                              <---  Accept { cookie, Y }  mac(secret, ...)
//   Data    { session, counter } sealed        <-->  Data
//
// session = the first 8 bytes of mac(secret, X | Y). A responder keeps the old session until the
// first datagram under the new one, and an Init that is sent again gets another answer, never
// another state until then: replayed Inits change nothing. Thread: the owner's.
class SecureChannel {
 public:
  SecureChannel(ChannelConfig config, ChannelCrypto& crypto) noexcept;

  // Begins a session with 32 fresh random bytes: the datagram to send. Again when it was lost.
  [[nodiscard]] Bytes initiate(const Key32& ephemeral);
  [[nodiscard]] bool ready() const noexcept { return current_.has_value(); }

  struct Received {
    Bytes message;  // empty: the datagram was part of a handshake
    Bytes reply;    // to be sent, if not empty
  };
  // `ephemeral`: 32 fresh random bytes, used only when an Init has to be answered.
  [[nodiscard]] base::Result<Received, ChannelError> receive(std::span<const std::byte> datagram,
                                                             const Key32& ephemeral);
  [[nodiscard]] base::Result<Bytes, ChannelError> seal(std::span<const std::byte> message);

 private:
  struct Session {
    std::uint64_t id = 0;
    Key32 send_key{};
    Key32 receive_key{};
    std::uint64_t sent = 0;    // counter of the last datagram
    std::uint64_t top = 0;     // highest counter received
    std::uint64_t window = 0;  // bit k: top - k was received
    Session() = default;
    Session(const Session&) = default;
    Session& operator=(const Session&) = default;
    ~Session();
  };
  using Answer = base::Result<Received, ChannelError>;

  [[nodiscard]] Answer on_init(std::span<const std::byte> datagram, const Key32& ephemeral);
  [[nodiscard]] Answer on_accept(std::span<const std::byte> datagram);
  [[nodiscard]] Answer on_data(std::span<const std::byte> datagram);
  [[nodiscard]] Session derive(const Key32& initiator, const Key32& responder, const Key32& shared,
                               bool initiating);
  void authenticate(std::span<const std::byte> text, Key32& out);
  [[nodiscard]] Answer open(Session& session, std::span<const std::byte> datagram);

  ChannelConfig config_;
  ChannelCrypto& crypto_;
  std::optional<Session> current_;
  std::optional<Session> offered_;  // as responder: not confirmed by the initiator yet
  Key32 offered_to_{};              // the initiator's public key in that
  Bytes offer_;                     // the Accept that was sent
  std::optional<Key32> ephemeral_;  // as initiator: waiting for the answer
};

}  // namespace phalanx::cluster
