// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "key_block.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "arena.hpp"
#include "support/esp_tunnel.hpp"

namespace phalanx::ipsec {
namespace {

using test::Bytes;

Bytes seal(aes_gcm_enc_dec_t gcm, const gcm_key_data& key, std::size_t bytes) {
  gcm_context_data context{};
  const std::array<std::uint8_t, 12> nonce = {1, 2, 3};
  const std::array<std::uint8_t, 12> aad = {4, 5, 6};
  Bytes out(bytes + 16);
  const Bytes in(bytes, 0x33);
  gcm(&key, &context, out.data(), in.data(), bytes, nonce.data(), aad.data(), aad.size(),
      out.data() + bytes, 16);
  return out;
}

// What is asked for ahead of time must be all that the library reads: lines left out are spoiled,
// and nothing may change.
TEST(GcmKeyLines, NameAllThatAPacketReads) {
  for (const auto isa : {Isa::Sse, Isa::Avx, Isa::Avx2, Isa::Avx512, Isa::Best}) {
    const auto manager = make_manager(isa);
    if (!manager) continue;
    const GcmKeyLines lines(*manager);
    const aes_gcm_enc_dec_t seals[3] = {manager->gcm128_enc, manager->gcm192_enc,
                                        manager->gcm256_enc};
    for (std::uint32_t algorithm = 0; algorithm < 3; ++algorithm) {
      test::TunnelOptions options;
      options.algorithm = static_cast<EspAlgorithm>(algorithm);
      const auto whole = std::make_unique<GcmKeyBlock>();
      expand_keys(*manager, test::make_params(options, Direction::Outbound), whole.get());
      for (std::size_t bytes = 4; bytes < 1600; bytes += bytes < 320 ? 4 : 36) {
        const auto spoiled = std::make_unique<GcmKeyBlock>(*whole);
        auto* first = spoiled->lead.data();
        std::set<std::size_t> named;
        lines.for_each(spoiled->data, 10 + 2 * algorithm, bytes, [&](const std::uint8_t* line) {
          named.insert(static_cast<std::size_t>(line - first) / base::kCacheLine);
        });
        for (std::size_t line = 0; line < sizeof(GcmKeyBlock) / base::kCacheLine; ++line) {
          if (!named.contains(line)) std::memset(first + line * base::kCacheLine, 0xa5, 64);
        }
        ASSERT_EQ(seal(seals[algorithm], spoiled->data, bytes),
                  seal(seals[algorithm], whole->data, bytes))
            << isa_name(isa) << " algorithm " << algorithm << " bytes " << bytes;
        if (bytes <= 96) {
          EXPECT_LE(named.size(), has_vaes_avx512(*manager) ? 6U : 8U) << "bytes " << bytes;
        }
      }
    }
  }
}

TEST(GcmKeyLines, FindTheHashPowersOnLineBoundaries) {
  const auto block = std::make_unique<GcmKeyBlock>();
  const auto* powers =
      static_cast<const std::uint8_t*>(static_cast<const void*>(&block->data.ghash_keys));
  EXPECT_EQ((powers - block->lead.data()) % static_cast<std::ptrdiff_t>(base::kCacheLine), 0);
}

// Flags of the mapping that holds an address, from the kernel.
std::string mapping_flags(const void* address) {
  std::ifstream maps("/proc/self/smaps");
  const auto wanted = std::bit_cast<std::uintptr_t>(address);
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    const auto dash = line.find('-');
    if (dash != std::string::npos && line.find(' ') > dash && std::isxdigit(line[0]) != 0 &&
        line.find(':') > dash) {
      const auto low = std::stoull(line.substr(0, dash), nullptr, 16);
      const auto high = std::stoull(line.substr(dash + 1), nullptr, 16);
      inside = low <= wanted && wanted < high;
    } else if (inside && line.starts_with("VmFlags:")) {
      return line;
    }
  }
  return {};
}

TEST(Arena, IsZeroedAlignedAndKeptOutOfCoreDumps) {
  Arena arena(5'000'000);
  ASSERT_FALSE(arena.empty());
  const auto lines = arena.take<GcmKeyBlock>(100);
  EXPECT_EQ(std::bit_cast<std::uintptr_t>(lines.data()) % (std::uintptr_t{2} << 20), 0U);
  for (const auto& block : lines) {
    const auto* bytes = block.lead.data();
    EXPECT_TRUE(std::all_of(bytes, bytes + 16, [](std::uint8_t byte) { return byte == 0; }));
  }
  const auto words = arena.take<std::uint64_t>(3);
  EXPECT_EQ(static_cast<const void*>(words.data()), static_cast<const void*>(lines.data() + 100));
  EXPECT_NE(mapping_flags(lines.data()).find(" dd"), std::string::npos);
}

TEST(Arena, MovesAndTakesNothingFromAnEmptyOne) {
  Arena arena;
  EXPECT_TRUE(arena.empty());
  EXPECT_TRUE(arena.take<std::uint64_t>(0).empty());
  Arena other(1);
  arena = std::move(other);
  EXPECT_FALSE(arena.empty());
  EXPECT_TRUE(other.empty());
}

}  // namespace
}  // namespace phalanx::ipsec
