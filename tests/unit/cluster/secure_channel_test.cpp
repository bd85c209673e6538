// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/cluster/secure_channel.hpp"

#include <gtest/gtest.h>

#include "support/channel_crypto.hpp"

namespace phalanx::cluster {
namespace {

Bytes text(std::string_view from) {
  const auto bytes = std::as_bytes(std::span(from));
  return {bytes.begin(), bytes.end()};
}
base::Secret secret(std::byte fill) {
  return base::Secret(Bytes(32, fill));
}

// Every call to fresh() gives other "random" bytes.
struct Pair {
  test::OpensslChannelCrypto crypto;
  SecureChannel a{{base::NodeId(1), base::NodeId(2), secret(std::byte{7})}, crypto};
  SecureChannel b{{base::NodeId(2), base::NodeId(1), secret(std::byte{7})}, crypto};
  std::uint8_t counter = 1;
  Key32 fresh() {
    Key32 key{};
    key.fill(std::byte{++counter});
    return key;
  }
  Bytes reply(SecureChannel& to, const Bytes& datagram) {
    auto received = to.receive(datagram, fresh());
    EXPECT_TRUE(received.ok());
    return received.ok() ? received->reply : Bytes{};
  }
  void connect() {
    EXPECT_TRUE(a.receive(reply(b, a.initiate(fresh())), fresh()).ok());
    // The first datagram confirms the session to the responder.
    EXPECT_TRUE(b.receive(*a.seal(text("first")), fresh()).ok());
  }
};

TEST(SecureChannel, CarriesMessagesBothWays) {
  Pair p;
  EXPECT_FALSE(p.a.seal(text("early")).ok());
  p.connect();
  const auto there = p.b.receive(*p.a.seal(text("there")), p.fresh());
  ASSERT_TRUE(there.ok());
  EXPECT_EQ(there->message, text("there"));
  const auto back = p.a.receive(*p.b.seal(text("back")), p.fresh());
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->message, text("back"));
}

TEST(SecureChannel, RefusesEveryChangedByte) {
  Pair p;
  p.connect();
  const auto datagram = *p.a.seal(text("hello"));
  for (std::size_t i = 0; i < datagram.size(); ++i) {
    auto changed = datagram;
    changed[i] ^= std::byte{1};
    EXPECT_FALSE(p.b.receive(changed, p.fresh()).ok()) << i;
  }
  EXPECT_TRUE(p.b.receive(datagram, p.fresh()).ok()) << "and none of that moved the window";
}

TEST(SecureChannel, RefusesADatagramCutAnywhere) {
  Pair p;
  const auto init = p.a.initiate(p.fresh());
  for (std::size_t i = 0; i < init.size(); ++i) {
    EXPECT_FALSE(p.b.receive(std::span(init).first(i), p.fresh()).ok()) << i;
  }
  p.connect();
  const auto data = *p.a.seal(text("hello"));
  for (std::size_t i = 0; i < data.size(); ++i) {
    EXPECT_FALSE(p.b.receive(std::span(data).first(i), p.fresh()).ok()) << i;
  }
}

TEST(SecureChannel, TakesEachDatagramOnceInAnyOrderWithinTheWindow) {
  Pair p;
  p.connect();
  std::vector<Bytes> sent;
  for (int i = 0; i < 70; ++i) sent.push_back(*p.a.seal(text("x")));
  EXPECT_TRUE(p.b.receive(sent[69], p.fresh()).ok());
  EXPECT_TRUE(p.b.receive(sent[6], p.fresh()).ok()) << "63 behind";
  EXPECT_EQ(p.b.receive(sent[5], p.fresh()).error(), ChannelError::Replayed) << "64 behind";
  EXPECT_EQ(p.b.receive(sent[69], p.fresh()).error(), ChannelError::Replayed);
  EXPECT_EQ(p.b.receive(sent[6], p.fresh()).error(), ChannelError::Replayed);
}

TEST(SecureChannel, AnotherSecretOrAnotherNodeGetsNothing) {
  Pair p;
  SecureChannel stranger({base::NodeId(1), base::NodeId(2), secret(std::byte{8})}, p.crypto);
  EXPECT_EQ(p.b.receive(stranger.initiate(p.fresh()), p.fresh()).error(), ChannelError::Forged);
  SecureChannel third({base::NodeId(3), base::NodeId(2), secret(std::byte{7})}, p.crypto);
  EXPECT_EQ(p.b.receive(third.initiate(p.fresh()), p.fresh()).error(), ChannelError::NotForUs);
  // What we sent, sent back to us.
  EXPECT_EQ(p.a.receive(p.a.initiate(p.fresh()), p.fresh()).error(), ChannelError::NotForUs);
}

TEST(SecureChannel, AReplayedInitDoesNotEndTheSession) {
  Pair p;
  const auto init = p.a.initiate(p.fresh());
  ASSERT_TRUE(p.a.receive(p.reply(p.b, init), p.fresh()).ok());
  ASSERT_TRUE(p.b.receive(*p.a.seal(text("first")), p.fresh()).ok());
  const auto late = p.reply(p.b, init);
  EXPECT_FALSE(p.a.receive(late, p.fresh()).ok());
  EXPECT_TRUE(p.b.receive(*p.a.seal(text("still")), p.fresh()).ok());
  EXPECT_TRUE(p.a.receive(*p.b.seal(text("here")), p.fresh()).ok());
}

// Between two nodes there may be three ways, and all are tried at first.
TEST(SecureChannel, AnInitThatComesSeveralTimesBeginsOneSession) {
  Pair p;
  const auto init = p.a.initiate(p.fresh());
  const auto first = p.reply(p.b, init);
  const auto second = p.reply(p.b, init);
  EXPECT_EQ(first, second);
  EXPECT_TRUE(p.a.receive(first, p.fresh()).ok());
  EXPECT_FALSE(p.a.receive(second, p.fresh()).ok());
  EXPECT_TRUE(p.b.receive(*p.a.seal(text("hello")), p.fresh()).ok());
}

TEST(SecureChannel, ALostAnswerIsAskedForAgain) {
  Pair p;
  (void)p.reply(p.b, p.a.initiate(p.fresh()));
  p.connect();
  EXPECT_TRUE(p.a.ready() && p.b.ready());
}

TEST(SecureChannel, ARestartedPeerBeginsANewSession) {
  Pair p;
  p.connect();
  const auto old = *p.a.seal(text("old"));
  SecureChannel again({base::NodeId(1), base::NodeId(2), secret(std::byte{7})}, p.crypto);
  ASSERT_TRUE(again.receive(p.reply(p.b, again.initiate(p.fresh())), p.fresh()).ok());
  ASSERT_TRUE(p.b.receive(*again.seal(text("new")), p.fresh()).ok());
  EXPECT_EQ(p.b.receive(old, p.fresh()).error(), ChannelError::NoSession);
}

}  // namespace
}  // namespace phalanx::cluster
