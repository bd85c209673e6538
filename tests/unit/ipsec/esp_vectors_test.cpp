// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "key_block.hpp"
#include "support/esp_tunnel.hpp"
#include "support/hex.hpp"

// Packets that others published, see the heads of the files in tests/vectors.

namespace phalanx::ipsec {
namespace {

using test::Bytes;
using test::PacketBuffer;
using test::Tunnel;
using test::TunnelOptions;

Bytes unhex(const std::string& digits) {
  Bytes bytes;
  for (const auto byte : test::unhex(digits)) bytes.push_back(std::to_integer<std::uint8_t>(byte));
  return bytes;
}

struct PacketVector {
  std::string name;
  TunnelOptions options;
  std::uint64_t sequence = 0;
  Bytes packet;
  Bytes decrypted;  // payload and trailer
};

std::vector<PacketVector> packet_vectors() {
  std::vector<PacketVector> vectors;
  std::ifstream input(PHALANX_TESTS_DIR "/vectors/esp_packets.txt");
  for (std::string line; std::getline(input, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    std::istringstream columns(line);
    std::string algorithm, key, high, packet, decrypted;
    auto& made = vectors.emplace_back();
    columns >> made.name >> algorithm >> key >> high >> packet >> decrypted;
    made.options.algorithm = parse_esp_algorithm(algorithm).value();
    made.options.key = unhex(key);
    made.options.esn = high != "-";
    made.packet = unhex(packet);
    made.decrypted = unhex(decrypted);
    const auto word = [&](std::size_t at) {
      return static_cast<std::uint32_t>(std::stoul(packet.substr(2 * at, 8), nullptr, 16));
    };
    made.options.spi = word(0);
    made.sequence = word(4);
    if (made.options.esn) made.sequence |= std::stoull(high, nullptr, 16) << 32;
    // The receiver has seen everything before, and so guesses the high half.
    made.options.floor = made.sequence;
  }
  return vectors;
}

// Only tunnel-mode packets are taken further; the others show by this verdict that they were good.
EspVerdict wanted_verdict(const PacketVector& vector) {
  return vector.decrypted.back() == 4 ? EspVerdict::Done : EspVerdict::BadNextHeader;
}

TEST(EspVectors, EngineOpensEachPublishedPacket) {
  const auto vectors = packet_vectors();
  ASSERT_EQ(vectors.size(), 19U);
  for (const auto& vector : vectors) {
    const auto& facts = info(vector.options.algorithm);
    Tunnel tunnel(vector.options);
    auto bytes = vector.packet;
    if (!facts.combined()) {
      // The RFC's packet has no ICV: seal its content again, which must give its ciphertext.
      const Bytes iv(bytes.begin() + 8, bytes.begin() + 24);
      const auto pad_length = vector.decrypted[vector.decrypted.size() - 2];
      const auto payload_end = vector.decrypted.end() - pad_length - 2;
      const test::ReferencePayload payload{Bytes(vector.decrypted.begin(), payload_end),
                                           Bytes(payload_end, vector.decrypted.end() - 2),
                                           pad_length, vector.decrypted.back()};
      const auto sealed = test::reference_seal(tunnel.reference(), vector.sequence, iv, payload);
      ASSERT_EQ(Bytes(sealed.begin(), sealed.end() - facts.icv_bytes), bytes) << vector.name;
      bytes = sealed;
    }
    PacketBuffer buffer(bytes);
    const auto packet = tunnel.decrypt(buffer);
    EXPECT_EQ(packet.verdict, wanted_verdict(vector)) << vector.name;
    EXPECT_EQ(packet.sequence, vector.sequence) << vector.name;
    const auto* body = buffer.data() + 8 + facts.iv_bytes;
    EXPECT_EQ(Bytes(body, body + vector.decrypted.size()), vector.decrypted) << vector.name;
    EXPECT_EQ(tunnel.in().top_sequence(), vector.sequence) << vector.name;
  }
}

TEST(EspVectors, ReferenceSealsEachPublishedPacket) {
  for (const auto& vector : packet_vectors()) {
    const auto& facts = info(vector.options.algorithm);
    if (!facts.combined()) continue;
    const auto pad_length = vector.decrypted[vector.decrypted.size() - 2];
    const auto payload_end = vector.decrypted.end() - pad_length - 2;
    const auto sealed = test::reference_seal(
        test::make_reference(vector.options), vector.sequence,
        std::span(vector.packet).subspan(8, 8),
        {Bytes(vector.decrypted.begin(), payload_end),
         Bytes(payload_end, vector.decrypted.end() - 2), pad_length, vector.decrypted.back()});
    EXPECT_EQ(sealed, vector.packet) << vector.name;
  }
}

// The engine hands intel-ipsec-mb the hash states after the padded key: the same states must give
// the published ICVs.
TEST(EspVectors, ExpandedHmacKeysGivePublishedIcvs) {
  const auto manager = make_manager(Isa::Best);
  ASSERT_TRUE(manager);
  std::ifstream input(PHALANX_TESTS_DIR "/vectors/esp_hmac.txt");
  int rows = 0;
  for (std::string line; std::getline(input, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    ++rows;
    std::istringstream columns(line);
    std::string bits, key, message_digits, icv;
    columns >> bits >> key >> message_digits >> icv;
    TunnelOptions options;
    options.algorithm = bits == "256"   ? EspAlgorithm::Aes128CbcSha256
                        : bits == "384" ? EspAlgorithm::Aes128CbcSha384
                                        : EspAlgorithm::Aes128CbcSha512;
    auto params = test::make_params(options, Direction::Outbound);
    const auto key_bytes = test::unhex(key);
    ASSERT_EQ(key_bytes.size(), info(options.algorithm).auth_key_bytes);
    params.auth_key = base::Secret(key_bytes);
    CbcKeyBlock block;
    expand_keys(*manager, params, &block);

    const auto message = unhex(message_digits);
    Bytes digest(info(options.algorithm).icv_bytes);
    auto* job = manager->get_next_job(manager.get());
    job->src = message.data();
    job->hash_start_src_offset_in_bytes = 0;
    job->msg_len_to_hash_in_bytes = message.size();
    job->auth_tag_output = digest.data();
    job->auth_tag_output_len_in_bytes = digest.size();
    job->u.HMAC._hashed_auth_key_xor_ipad = block.inner_state.data();
    job->u.HMAC._hashed_auth_key_xor_opad = block.outer_state.data();
    job->cipher_mode = IMB_CIPHER_NULL;
    job->cipher_direction = IMB_DIR_ENCRYPT;
    job->chain_order = IMB_ORDER_HASH_CIPHER;
    job->hash_alg = bits == "256"   ? IMB_AUTH_HMAC_SHA_256
                    : bits == "384" ? IMB_AUTH_HMAC_SHA_384
                                    : IMB_AUTH_HMAC_SHA_512;
    const auto* done = manager->submit_job(manager.get());
    if (done == nullptr) done = manager->flush_job(manager.get());
    ASSERT_NE(done, nullptr);
    ASSERT_EQ(done->status, IMB_STATUS_COMPLETED);
    EXPECT_EQ(digest, unhex(icv)) << bits << " " << key;
  }
  EXPECT_EQ(rows, 12);
}

}  // namespace
}  // namespace phalanx::ipsec
