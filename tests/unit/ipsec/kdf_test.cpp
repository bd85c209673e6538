// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/ipsec/kdf.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "phalanx/base/endian.hpp"
#include "phalanx/ipsec/iv.hpp"
#include "support/esp_reference.hpp"
#include "support/hex.hpp"

namespace phalanx::ipsec {
namespace {

// Rows of a vector file, split into columns.
std::vector<std::vector<std::string>> rows_of(const std::string& file) {
  std::vector<std::vector<std::string>> rows;
  std::ifstream input(PHALANX_TESTS_DIR "/vectors/" + file);
  for (std::string line; std::getline(input, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    std::istringstream columns(line);
    auto& row = rows.emplace_back();
    for (std::string column; columns >> column;) row.push_back(column);
  }
  return rows;
}

std::vector<std::byte> bytes_or_none(const std::string& digits) {
  return digits == "-" ? std::vector<std::byte>() : test::unhex(digits);
}

std::string hex64(std::uint64_t value) {
  const base::be64 wire(value);
  return test::to_hex(std::as_bytes(std::span(&wire, 1)));
}

TEST(Kdf, HmacSha256GivesRfc4231Vectors) {
  struct Case {
    std::string key;
    std::string data;
    std::string digest;
  };
  const auto repeated = [](const std::string& digits, int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += digits;
    return text;
  };
  // RFC 4231 4.2, 4.3, 4.4, 4.5, 4.7 and 4.8.
  const std::vector<Case> cases = {
      {repeated("0b", 20), "4869205468657265",
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {repeated("aa", 20), repeated("dd", 50),
       "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {"0102030405060708090a0b0c0d0e0f10111213141516171819", repeated("cd", 50),
       "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {repeated("aa", 131),
       "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204"
       "b"
       "6579204669727374",
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {repeated("aa", 131),
       "5468697320697320612074657374207573696e672061206c6172676572207468616e20626c6f636b2d73697a652"
       "0"
       "6b657920616e642061206c6172676572207468616e20626c6f636b2d73697a6520646174612e20546865206b657"
       "9"
       "206e6565647320746f20626520686173686564206265666f7265206265696e6720757365642062792074686520"
       "484d414320616c676f726974686d2e",
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
  };
  for (const auto& test_case : cases) {
    const auto digest = hmac_sha256(test::unhex(test_case.key), test::unhex(test_case.data));
    EXPECT_EQ(test::to_hex(std::as_bytes(std::span(digest))), test_case.digest);
  }
}

TEST(Kdf, HmacSha256AgreesWithOpenSslAtEachLength) {
  for (std::size_t length = 0; length <= 200; ++length) {
    test::Bytes key(length);
    test::Bytes message(length * 3);
    for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(i * 7);
    for (std::size_t i = 0; i < message.size(); ++i) message[i] = static_cast<std::uint8_t>(i);
    const auto digest =
        hmac_sha256(std::as_bytes(std::span(key)), std::as_bytes(std::span(message)));
    EXPECT_EQ(test::Bytes(digest.begin(), digest.end()), test::reference_hmac_sha256(key, message))
        << "length " << length;
  }
}

TEST(Kdf, IvsOfCounterModesAndOfCbcAreThoseOfTheFrozenVectors) {
  const auto rows = rows_of("iv_mask.txt");
  ASSERT_FALSE(rows.empty());
  for (const auto& row : rows) {
    ASSERT_EQ(row.size(), 7U);
    const auto algorithm = parse_esp_algorithm(row[0]);
    ASSERT_TRUE(algorithm) << row[0];
    const auto key = test::unhex(row[1]);
    const auto counter =
        (std::stoull(row[3]) << 56) | (std::stoull(row[4]) << 40) | std::stoull(row[5]);
    if (info(*algorithm).combined()) {
      const auto mask = iv_mask(key);
      EXPECT_EQ(hex64(mask), row[2]);
      EXPECT_EQ(hex64(counter ^ mask), row[6]);
      continue;
    }
    const auto iv_key = cbc_iv_key(key);
    EXPECT_EQ(test::to_hex(std::as_bytes(std::span(iv_key))), row[2]);
    const auto iv = cbc_iv(iv_key, counter);
    EXPECT_EQ(test::to_hex(std::as_bytes(std::span(iv))), row[6]);
  }
}

TEST(Kdf, UidsOfStaticSasAreThoseOfTheFrozenVectors) {
  const auto rows = rows_of("sa_uid.txt");
  ASSERT_FALSE(rows.empty());
  for (const auto& row : rows) {
    ASSERT_EQ(row.size(), 6U);
    const auto uid = static_sa_uid(static_cast<Direction>(std::stoi(row[3])),
                                   base::Spi(static_cast<std::uint32_t>(std::stoul(row[4]))),
                                   test::unhex(row[1]), bytes_or_none(row[2]));
    EXPECT_EQ(hex64(uid.value()), row[5]);
  }
}

}  // namespace
}  // namespace phalanx::ipsec
